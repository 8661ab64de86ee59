from typing import Literal, cast

TaskState = Literal["fail", "generating", "queuing", "success", "waiting"]

TASK_STATE_VALUES: set[TaskState] = {
    "fail",
    "generating",
    "queuing",
    "success",
    "waiting",
}


def check_task_state(value: str) -> TaskState:
    return cast(TaskState, value)
