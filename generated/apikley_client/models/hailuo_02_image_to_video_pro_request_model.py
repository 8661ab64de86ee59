from enum import StrEnum


class Hailuo02ImageToVideoProRequestModel(StrEnum):
    HAILUO_02_IMAGE_TO_VIDEO_PRO = "hailuo/02-image-to-video-pro"

    @classmethod
    def _missing_(cls, value: object) -> "Hailuo02ImageToVideoProRequestModel | None":
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = "UNKNOWN"
        member._value_ = value
        return member

    def __str__(self) -> str:
        return str(self.value)
