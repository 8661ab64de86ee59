from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.code import Code
from ..types import UNSET, Unset, repr_without_unset

if TYPE_CHECKING:
    from ..models.task_details import TaskDetails


T = TypeVar("T", bound="TaskDetailsResponse")


@_attrs_define(kw_only=True)
class TaskDetailsResponse:
    """
    Args:
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
        message: The text, in place of `msg` in Apikley's example.
        data: One task, in responses of recordInfo and in the completion callback.
    """

    code: Code | Unset = UNSET
    msg: str | Unset = UNSET
    message: str | Unset = UNSET
    data: TaskDetails | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        return repr_without_unset(self)

    def to_dict(self) -> dict[str, Any]:
        code: int | Unset = UNSET
        if not isinstance(self.code, Unset):
            code = self.code.value

        msg = self.msg

        message = self.message

        data: dict[str, Any] | Unset = UNSET
        if not isinstance(self.data, Unset):
            data = self.data.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if msg is not UNSET:
            field_dict["msg"] = msg
        if message is not UNSET:
            field_dict["message"] = message
        if data is not UNSET:
            field_dict["data"] = data

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.task_details import TaskDetails  # noqa: PLC0415

        d = dict(src_dict)
        _code = d.pop("code", UNSET)
        code: Code | Unset
        if isinstance(_code, Unset):
            code = UNSET
        else:
            code = Code(_code)

        msg = d.pop("msg", UNSET)

        message = d.pop("message", UNSET)

        _data = d.pop("data", UNSET)
        data: TaskDetails | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = TaskDetails.from_dict(_data)

        task_details_response = cls(
            code=code,
            msg=msg,
            message=message,
            data=data,
        )

        task_details_response.additional_properties = d
        return task_details_response

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
