"""The inputs of all models: one class for each model.

`ModelInput` is the input of any model whose callback is optional, `CallbackInput` of any other model.
"""

from typing import TYPE_CHECKING, Never, TypeAlias

if TYPE_CHECKING:
    from .models import (
        Hailuo02ImageToVideoPro,
    )

    ModelInput: TypeAlias = Hailuo02ImageToVideoPro
    CallbackInput: TypeAlias = Never
else:

    def __getattr__(name: str) -> object:
        from . import models

        if name in ("ModelInput", "CallbackInput"):
            return object  # for type checkers only
        if name in __all__:
            return getattr(models, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CallbackInput",
    "Hailuo02ImageToVideoPro",
    "ModelInput",
]
