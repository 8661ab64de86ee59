from enum import StrEnum


class TaskState(StrEnum):
    FAIL = "fail"
    GENERATING = "generating"
    QUEUING = "queuing"
    SUCCESS = "success"
    WAITING = "waiting"

    @classmethod
    def _missing_(cls, value: object) -> "TaskState | None":
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = "UNKNOWN"
        member._value_ = value
        return member

    def __str__(self) -> str:
        return str(self.value)
