from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.code import Code
from ..types import UNSET, Unset, repr_without_unset

if TYPE_CHECKING:
    from ..models.task_id_callback_data import TaskIdCallbackData


T = TypeVar("T", bound="TaskIdCallback")


@_attrs_define(kw_only=True)
class TaskIdCallback:
    """A completion callback as the page about signatures shows it: with the task's id, and without its state. Ask Get Task
    Details for the rest.

        Args:
            data:
            code: Response status code

                - **200**: Success - Request has been processed successfully
                - **401**: Unauthorized - Authentication credentials are missing or invalid
                - **402**: Insufficient Credits - Account does not have enough credits to perform the operation
                - **404**: Not Found - The requested resource or endpoint does not exist
                - **422**: Validation Error - The request parameters failed validation checks
                - **429**: Rate Limited - Request limit has been exceeded for this resource
                - **455**: Service Unavailable - System is currently undergoing maintenance
                - **500**: Server Error - An unexpected error occurred while processing the request
                - **501**: Generation Failed - Content generation task failed
                - **505**: Feature Disabled - The requested feature is currently disabled
            msg: Response message, error description when failed
    """

    data: TaskIdCallbackData
    code: Code | Unset = UNSET
    msg: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        return repr_without_unset(self)

    def to_dict(self) -> dict[str, Any]:
        data = self.data.to_dict()

        code: int | Unset = UNSET
        if not isinstance(self.code, Unset):
            code = self.code.value

        msg = self.msg

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "data": data,
            }
        )
        if code is not UNSET:
            field_dict["code"] = code
        if msg is not UNSET:
            field_dict["msg"] = msg

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.task_id_callback_data import TaskIdCallbackData  # noqa: PLC0415

        d = dict(src_dict)
        data = TaskIdCallbackData.from_dict(d.pop("data"))

        _code = d.pop("code", UNSET)
        code: Code | Unset
        if isinstance(_code, Unset):
            code = UNSET
        else:
            code = Code(_code)

        msg = d.pop("msg", UNSET)

        task_id_callback = cls(
            data=data,
            code=code,
            msg=msg,
        )

        task_id_callback.additional_properties = d
        return task_id_callback

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
