"""The inputs of all models: one class for each model. `ModelInput` is the input of any model."""

from typing import TYPE_CHECKING, TypeAlias, Union

if TYPE_CHECKING:
    from .models import (
        Hailuo02ImageToVideoPro,
    )

    ModelInput: TypeAlias = Hailuo02ImageToVideoPro
else:

    def __getattr__(name: str) -> object:
        from . import models

        if name == "ModelInput":
            return Union[tuple(getattr(models, each) for each in __all__ if each != name)]
        if name in __all__:
            return getattr(models, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Hailuo02ImageToVideoPro",
    "ModelInput",
]
