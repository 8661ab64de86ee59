from enum import IntEnum


class Code(IntEnum):
    SUCCESS = 200
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    INSUFFICIENT_CREDITS = 402
    NOT_FOUND = 404
    PROVIDER_TIMEOUT = 408
    VALIDATION_FAILED = 422
    RATE_LIMITED = 429
    SUB_KEY_LIMIT_EXCEEDED = 433
    MAINTENANCE = 455
    SERVER_ERROR = 500
    GENERATION_FAILED = 501
    FEATURE_DISABLED = 505

    @classmethod
    def _missing_(cls, value: object) -> "Code | None":
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    def __str__(self) -> str:
        return str(self.value)
