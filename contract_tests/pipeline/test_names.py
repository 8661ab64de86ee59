"""Classes and fields of the client have the names and types that people would write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_python_client import strings

from contract_tests.pipeline.contract_edits import contract_of
from contract_tests.pipeline.pages import ACME, published_pages
from scripts.pipeline import client
from scripts.pipeline.client_inputs import for_generator
from scripts.pipeline.io import dump
from scripts.pipeline.issues import SpecError
from scripts.pipeline.naming import class_name
from scripts.pipeline.page_shape import request_schema

MODELS = {
    "hailuo/02-image-to-video-pro": "Hailuo02ImageToVideoPro",
    "wan/2-2-a14b-image-to-video": "Wan22A14BImageToVideo",
    "wan/2-6-r2v": "Wan26R2V",
    "acme/t2v-8b-4k-1080p": "AcmeT2V8B4K1080P",
    "kling-3.0/video": "Kling30Video",
    "nano-banana-2": "NanoBanana2",
    "3d/cat": "Model3DCat",
    "none": "ModelNone",
    "a_b.c/D4": "ABCD4",
}
FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "look": ({"type": "string", "enum": ["16:9", "4k"], "default": "4k"}, "Literal['16:9', '4k'] | Unset"),
    "steps": ({"type": "integer", "enum": [10, 5]}, "Literal[5, 10] | Unset"),
    "share": ({"type": "number", "enum": [0, 0.5, 1]}, "float | Unset"),
    "mood": ({"type": "string", "enum": ["a", None], "nullable": True}, "Literal['a'] | None | Unset"),
    "size": ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "int | str | Unset"),
    "hex": ({"type": "string", "pattern": "^#[0-9A-F]{6}$"}, "str | Unset"),
    "lora-scale": ({"type": "number", "default": 0.5}, "float | Unset"),
    "reference ": ({"type": "string"}, "str | Unset"),
    "image_url": ({"type": "string"}, "PathLike[str] | str | Unset"),
    "image_urls": (
        {"type": "array", "items": {"type": "string", "format": "uri"}},
        "Sequence[str | PathLike[str]] | U",
    ),
    "on": ({"type": "boolean", "default": False}, "bool | Unset"),
}
_HINTS = """
import json, sys, typing
sys.path.insert(0, sys.argv[1])
import apikley_client.inputs as inputs
from apikley_client import models
everything = [getattr(models, name) for name in models.__all__]
made = {name: getattr(inputs, name) for name in inputs.__all__}
hints = typing.get_type_hints(made["Acme1Fast"])
sent = made["Acme1Fast"](prompt="A ship").to_dict()
print(json.dumps([sorted(made), {name: str(hint) for name, hint in hints.items()}, sent]))
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The names of all inputs, the types of the fields of one, and what it sends without options."""
    folder = tmp_path_factory.mktemp("names")
    pages = {}
    for model in MODELS:
        page = pages[model] = published_pages()[ACME]
        request_schema(page)["properties"]["model"].update(enum=[model], default=model)
    page = pages[ACME] = published_pages()[ACME]
    request_schema(page)["properties"]["input"]["properties"] |= {name: schema for name, (schema, _) in FIELDS.items()}
    path = folder / "openapi.json"
    path.write_text(dump(contract_of(pages)), encoding="utf-8")
    client.generate(path, folder)
    run = subprocess.run([sys.executable, "-c", _HINTS, str(folder)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.parametrize(("model", "name"), MODELS.items())
def test_a_model_has_one_class_name(model: str, name: str) -> None:
    assert class_name(model) == name


@given(st.from_regex(r"[a-z0-9]+([-./_][a-z0-9]+){0,4}", fullmatch=True))
def test_the_generator_keeps_the_class_name_of_any_model(model: str) -> None:
    name = class_name(model)
    assert (strings.pascal_case(name), name.isidentifier()) == (name, True)
    assert strings.pascal_case(f"{name}Request") == f"{name}Request"


def test_every_model_has_its_class_in_the_client(generated: Any) -> None:
    assert generated[0] == sorted({*MODELS.values(), "Acme1Fast", "CallbackInput", "ModelInput"})


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_has_the_type_that_people_would_write(generated: Any, name: str) -> None:
    hint = generated[1][str(strings.PythonIdentifier(name, "field_"))].replace("typing.", "").replace("os.", "")
    hint = hint.replace("collections.abc.", "").replace("apikley_client.types.", "")
    parts = FIELDS[name][1].split(" | ")
    assert all(part in hint for part in parts), hint


def test_no_default_is_sent(generated: Any) -> None:
    assert generated[2] == {"prompt": "A ship"}


def test_the_documentation_of_a_field_shows_its_default_and_limits() -> None:
    page = published_pages()[ACME]
    request_schema(page)["properties"]["input"]["properties"]["share"] = {
        "type": "number",
        "enum": [0, 0.5],
        "default": 0.5,
        "minimum": 0,
        "description": "How much",
    }
    field = for_generator(contract_of({ACME: page}))["components"]["schemas"]["Acme1Fast"]["properties"]["share"]
    assert field == {
        "type": "number",
        "minimum": 0,
        "description": "How much. One of 0, 0.5. At least 0. Default: 0.5.",
    }


def test_a_model_without_its_class_is_refused(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "__init__.py").write_text('__all__ = ("Acme1FastRequest",)\n', encoding="utf-8")
    (models / "code.py").write_text("", encoding="utf-8")
    with pytest.raises(SpecError, match="the model 'acme/1-fast' has no class Acme1Fast in the client"):
        client._check_names(tmp_path, contract_of({ACME: published_pages()[ACME]}))
