"""The package `apikley` exports every public name, and loads them on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import apikley
import apikley_contract
from apikley import errors


def test_every_public_name_can_be_imported() -> None:
    assert apikley.__all__ == sorted(apikley.__all__, key=str)
    for name in apikley.__all__:
        assert getattr(apikley, name).__name__ == name


def test_every_error_is_public() -> None:
    tree = {
        cls.__name__ for cls in vars(errors).values() if isinstance(cls, type) and cls.__module__ == errors.__name__
    }
    assert tree <= set(apikley.__all__)


def test_the_docstring_of_errors_draws_every_error() -> None:
    drawing = (errors.__doc__ or "").partition("```")[2].partition("```")[0]
    for name in {cls.__name__ for cls in _subclasses(errors.ApikleyError)}:
        assert f"─ {name} " in drawing + " " or f"─ {name}\n" in drawing, f"{name} is missing in the drawing"


def _subclasses(cls: type[errors.ApikleyError]) -> set[type[errors.ApikleyError]]:
    return {cls} - {errors.ApikleyError} | {each for sub in cls.__subclasses__() for each in _subclasses(sub)}


def test_the_input_class_of_every_model_is_exported() -> None:
    for model in apikley_contract.models().values():
        assert getattr(apikley, model.input).__name__ == model.input
        assert model.input in dir(apikley)


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'apikley' has no attribute 'Client'"):
        _ = apikley.Client  # type: ignore[attr-defined]


def test_an_import_loads_no_http_library() -> None:
    code = "import sys, apikley; print(sorted({'httpx2', 'attrs', 'jsonschema_rs', 'asyncio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
