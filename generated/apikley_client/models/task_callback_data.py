from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.task_state import TaskState, check_task_state
from ..types import UNSET, Unset, repr_without_unset

T = TypeVar("T", bound="TaskCallbackData")


@_attrs_define(kw_only=True)
class TaskCallbackData:
    """The fields of Get Task Details; some published formats add credits.

    Args:
        task_id: An opaque id.
        state: The state of a task. Treat an unknown state as not finished.
        model: The requested model.
        param: The createTask request as JSON text. Its `input` is an object, or a string that contains JSON
            text (the latter reported by users only).
        result_json: JSON text, empty or null before success: `{"resultUrls": […]}`, for some models with
            `firstFrameUrl` and `lastFrameUrl`, or `{"resultObject": {…}}` for text models. Users also report the
            object itself.
        fail_code: The failure code, a number or a word as text; empty or null if the task has not failed.
        fail_msg: The failure message.
        cost_time: The duration; documented in milliseconds, recorded in whole seconds, null until the task has
            ended. Compute durations from createTime and completeTime.
        create_time: Unix time in milliseconds.
        update_time: Unix time in milliseconds; may be missing.
        complete_time: Unix time in milliseconds, once finished.
        credits_consumed: The cost of the task in credits; may be fractional or missing.
        progress: Percentage; only some models report it.
        consume_credits: The cost of the task in credits (format of 2025).
        remained_credits: The account's remaining credits (format of 2025).
    """

    task_id: str
    state: TaskState
    model: str | Unset = UNSET
    param: str | Unset = UNSET
    result_json: None | str | Unset = UNSET
    fail_code: None | str | Unset = UNSET
    fail_msg: None | str | Unset = UNSET
    cost_time: int | None | Unset = UNSET
    create_time: int | Unset = UNSET
    update_time: int | None | Unset = UNSET
    complete_time: int | None | Unset = UNSET
    credits_consumed: float | None | Unset = UNSET
    progress: int | None | Unset = UNSET
    consume_credits: float | Unset = UNSET
    remained_credits: float | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        return repr_without_unset(self)

    def to_dict(self) -> dict[str, Any]:
        task_id = self.task_id

        state: str = self.state

        model = self.model

        param = self.param

        result_json: None | str | Unset
        if isinstance(self.result_json, Unset):
            result_json = UNSET
        else:
            result_json = self.result_json

        fail_code: None | str | Unset
        if isinstance(self.fail_code, Unset):
            fail_code = UNSET
        else:
            fail_code = self.fail_code

        fail_msg: None | str | Unset
        if isinstance(self.fail_msg, Unset):
            fail_msg = UNSET
        else:
            fail_msg = self.fail_msg

        cost_time: int | None | Unset
        if isinstance(self.cost_time, Unset):
            cost_time = UNSET
        else:
            cost_time = self.cost_time

        create_time = self.create_time

        update_time: int | None | Unset
        if isinstance(self.update_time, Unset):
            update_time = UNSET
        else:
            update_time = self.update_time

        complete_time: int | None | Unset
        if isinstance(self.complete_time, Unset):
            complete_time = UNSET
        else:
            complete_time = self.complete_time

        credits_consumed: float | None | Unset
        if isinstance(self.credits_consumed, Unset):
            credits_consumed = UNSET
        else:
            credits_consumed = self.credits_consumed

        progress: int | None | Unset
        if isinstance(self.progress, Unset):
            progress = UNSET
        else:
            progress = self.progress

        consume_credits = self.consume_credits

        remained_credits = self.remained_credits

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "taskId": task_id,
                "state": state,
            }
        )
        if model is not UNSET:
            field_dict["model"] = model
        if param is not UNSET:
            field_dict["param"] = param
        if result_json is not UNSET:
            field_dict["resultJson"] = result_json
        if fail_code is not UNSET:
            field_dict["failCode"] = fail_code
        if fail_msg is not UNSET:
            field_dict["failMsg"] = fail_msg
        if cost_time is not UNSET:
            field_dict["costTime"] = cost_time
        if create_time is not UNSET:
            field_dict["createTime"] = create_time
        if update_time is not UNSET:
            field_dict["updateTime"] = update_time
        if complete_time is not UNSET:
            field_dict["completeTime"] = complete_time
        if credits_consumed is not UNSET:
            field_dict["creditsConsumed"] = credits_consumed
        if progress is not UNSET:
            field_dict["progress"] = progress
        if consume_credits is not UNSET:
            field_dict["consumeCredits"] = consume_credits
        if remained_credits is not UNSET:
            field_dict["remainedCredits"] = remained_credits

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        task_id = d.pop("taskId")

        state = check_task_state(d.pop("state"))

        model = d.pop("model", UNSET)

        param = d.pop("param", UNSET)

        def _parse_result_json(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        result_json = _parse_result_json(d.pop("resultJson", UNSET))

        def _parse_fail_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        fail_code = _parse_fail_code(d.pop("failCode", UNSET))

        def _parse_fail_msg(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        fail_msg = _parse_fail_msg(d.pop("failMsg", UNSET))

        def _parse_cost_time(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        cost_time = _parse_cost_time(d.pop("costTime", UNSET))

        create_time = d.pop("createTime", UNSET)

        def _parse_update_time(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        update_time = _parse_update_time(d.pop("updateTime", UNSET))

        def _parse_complete_time(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        complete_time = _parse_complete_time(d.pop("completeTime", UNSET))

        def _parse_credits_consumed(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        credits_consumed = _parse_credits_consumed(d.pop("creditsConsumed", UNSET))

        def _parse_progress(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        progress = _parse_progress(d.pop("progress", UNSET))

        consume_credits = d.pop("consumeCredits", UNSET)

        remained_credits = d.pop("remainedCredits", UNSET)

        task_callback_data = cls(
            task_id=task_id,
            state=state,
            model=model,
            param=param,
            result_json=result_json,
            fail_code=fail_code,
            fail_msg=fail_msg,
            cost_time=cost_time,
            create_time=create_time,
            update_time=update_time,
            complete_time=complete_time,
            credits_consumed=credits_consumed,
            progress=progress,
            consume_credits=consume_credits,
            remained_credits=remained_credits,
        )

        task_callback_data.additional_properties = d
        return task_callback_data

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
