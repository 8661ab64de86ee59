"""The public name space is flat, and exactly this."""

from __future__ import annotations

import subprocess
import sys

import pytest

import apikley
import apikley_contract
from apikley import errors


def test_every_public_name_can_be_had() -> None:
    assert apikley.__all__ == sorted(apikley.__all__, key=str)
    for name in apikley.__all__:
        assert getattr(apikley, name).__name__ == name


def test_every_error_is_public() -> None:
    tree = {
        cls.__name__ for cls in vars(errors).values() if isinstance(cls, type) and cls.__module__ == errors.__name__
    }
    assert tree <= set(apikley.__all__)


def test_the_error_tree_is_the_one_that_is_drawn() -> None:
    drawn = (errors.__doc__ or "").partition("```")[2].partition("```")[0]
    for name in {cls.__name__ for cls in _below(errors.ApikleyError)}:
        assert f"─ {name} " in drawn + " " or f"─ {name}\n" in drawn, f"{name} is missing in the drawing"


def _below(cls: type[errors.ApikleyError]) -> set[type[errors.ApikleyError]]:
    return {cls} - {errors.ApikleyError} | {each for sub in cls.__subclasses__() for each in _below(sub)}


def test_every_model_of_the_contract_has_its_input_here() -> None:
    for model in apikley_contract.models().values():
        assert getattr(apikley, model.input).__name__ == model.input
        assert model.input in dir(apikley)


def test_a_name_that_is_none_is_said_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'apikley' has no attribute 'Client'"):
        _ = apikley.Client  # type: ignore[attr-defined]


def test_importing_loads_no_network_stack() -> None:
    code = "import sys, apikley; print(sorted({'httpx2', 'attrs', 'jsonschema_rs', 'asyncio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
