from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset, repr_without_unset

T = TypeVar("T", bound="Hailuo02ImageToVideoPro")


@_attrs_define(kw_only=True)
class Hailuo02ImageToVideoPro:
    """Input parameters for the generation task

    Args:
        prompt: Text prompt describing the desired video animation. At most 1,500 characters.
        image_url: Input image to animate. A URL, or a LocalFile or path, which is uploaded first: image/jpeg,
            image/png, image/webp; at most 10 MB.
        end_image_url: Optional URL of the image to use as the last frame of the video. A URL, or a LocalFile or
            path, which is uploaded first: image/jpeg, image/png, image/webp; at most 10 MB.
        prompt_optimizer: Whether to use the model's prompt optimizer.
    """

    prompt: str
    image_url: str | PathLike[str]
    end_image_url: str | PathLike[str] | Unset = UNSET
    prompt_optimizer: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        return repr_without_unset(self)

    def to_dict(self) -> dict[str, Any]:
        prompt = self.prompt

        image_url = self.image_url

        end_image_url = self.end_image_url

        prompt_optimizer = self.prompt_optimizer

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "prompt": prompt,
                "image_url": image_url,
            }
        )
        if end_image_url is not UNSET:
            field_dict["end_image_url"] = end_image_url
        if prompt_optimizer is not UNSET:
            field_dict["prompt_optimizer"] = prompt_optimizer

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        prompt = d.pop("prompt")

        image_url = d.pop("image_url")

        end_image_url = d.pop("end_image_url", UNSET)

        prompt_optimizer = d.pop("prompt_optimizer", UNSET)

        hailuo_02_image_to_video_pro = cls(
            prompt=prompt,
            image_url=image_url,
            end_image_url=end_image_url,
            prompt_optimizer=prompt_optimizer,
        )

        hailuo_02_image_to_video_pro.additional_properties = d
        return hailuo_02_image_to_video_pro

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
