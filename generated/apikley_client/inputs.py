"""The inputs of all models: one class for each model."""

from typing import TypeAlias

from .models import (
    Hailuo02ImageToVideoPro,
)

# Any model's input.
ModelInput: TypeAlias = Hailuo02ImageToVideoPro

__all__ = [
    "Hailuo02ImageToVideoPro",
    "ModelInput",
]
