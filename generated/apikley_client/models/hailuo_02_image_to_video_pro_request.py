from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.hailuo_02_image_to_video_pro_request_model import (
    Hailuo02ImageToVideoProRequestModel,
    check_hailuo_02_image_to_video_pro_request_model,
)
from ..types import UNSET, Unset, repr_without_unset

if TYPE_CHECKING:
    from ..models.hailuo_02_image_to_video_pro import Hailuo02ImageToVideoPro


T = TypeVar("T", bound="Hailuo02ImageToVideoProRequest")


@_attrs_define(kw_only=True)
class Hailuo02ImageToVideoProRequest:
    """Generate videos from images using hailuo/02-image-to-video-pro

    Args:
        model: The model name to use for generation. Required field.

            - Must be `hailuo/02-image-to-video-pro` for this endpoint
        call_back_url: The URL to receive generation task completion updates. Optional but recommended for
            production use.

            - System will POST task status and results to this URL when generation completes
            - Callback includes generated content URLs and task information
            - Your callback endpoint should accept POST requests with JSON payload containing results
            - Alternatively, use the Get Task Details endpoint to poll task status
        input_: Input parameters for the generation task
    """

    model: Hailuo02ImageToVideoProRequestModel = "hailuo/02-image-to-video-pro"
    call_back_url: str | Unset = UNSET
    input_: Hailuo02ImageToVideoPro | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        return repr_without_unset(self)

    def to_dict(self) -> dict[str, Any]:
        model: str = self.model

        call_back_url = self.call_back_url

        input_: dict[str, Any] | Unset = UNSET
        if not isinstance(self.input_, Unset):
            input_ = self.input_.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "model": model,
            }
        )
        if call_back_url is not UNSET:
            field_dict["callBackUrl"] = call_back_url
        if input_ is not UNSET:
            field_dict["input"] = input_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.hailuo_02_image_to_video_pro import Hailuo02ImageToVideoPro  # noqa: PLC0415

        d = dict(src_dict)
        model = check_hailuo_02_image_to_video_pro_request_model(d.pop("model"))

        call_back_url = d.pop("callBackUrl", UNSET)

        _input_ = d.pop("input", UNSET)
        input_: Hailuo02ImageToVideoPro | Unset
        if isinstance(_input_, Unset):
            input_ = UNSET
        else:
            input_ = Hailuo02ImageToVideoPro.from_dict(_input_)

        hailuo_02_image_to_video_pro_request = cls(
            model=model,
            call_back_url=call_back_url,
            input_=input_,
        )

        hailuo_02_image_to_video_pro_request.additional_properties = d
        return hailuo_02_image_to_video_pro_request

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
