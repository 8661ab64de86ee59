"""The options of a model come from the contract, so another model needs no code."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

import apikley_contract
from apikley import LocalFile, RequestInvalid
from apikley.cli import model_options as _fields
from contract_tests.cli.command_line import CommandLine, cli_fixture  # noqa: F401 - the fixture

(MODEL,) = apikley_contract.models()
INVENTED = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "maxLength": 5000, "description": "What to show.\n\nIn any language."},
        "duration": {"type": "integer", "minimum": 1, "maximum": 10, "default": 6},
        "resolution": {"type": "string", "enum": ["768p", "1080p"]},
        "seeds": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        "camera": {"type": "object", "description": "How it moves"},
        "shots": {"type": "array", "items": {"type": "object"}},
        "scale": {"type": "number"},
        "steps": {"type": "array", "items": {"type": "number"}},
        "force": {"type": "boolean"},
        **{name: {"type": "string"} for name in ("model", "callback_url", "json", "help", "output")},
    },
}


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A second model in the contract."""
    document = copy.deepcopy(apikley_contract.openapi())
    components = document["components"]["schemas"]
    reference = "#/components/schemas/"
    components["CreateTaskRequest"]["discriminator"]["mapping"]["maker/new"] = f"{reference}NewRequest"
    components["NewRequest"] = {"properties": {"input": {"$ref": f"{reference}New"}}}
    components["New"] = INVENTED
    monkeypatch.setattr(apikley_contract, "openapi", lambda: document)
    apikley_contract.models.cache_clear()
    yield "maker/new"
    apikley_contract.models.cache_clear()


def test_help_shows_every_field_of_the_model_with_its_limits(cli: CommandLine) -> None:
    shown = " ".join(cli("run", "--model", MODEL, "--help").out.split())
    assert "--prompt TEXT|@FILE" in shown
    assert "[required; at most 1,500 characters]" in shown
    assert "--image, --image-url FILE|URL" in shown
    assert "image/jpeg, image/png, image/webp, at most 10 MB]" in shown
    assert "--prompt-optimizer / --no-prompt-optimizer" in shown
    for field in _fields.fields(MODEL):
        assert all(flag in shown for flag in field.flags(()))


def test_every_field_reaches_the_service_as_its_type(cli: CommandLine) -> None:
    url = "https://files.example.com/a.png"
    made = cli("create", "--prompt", "a", "--image-url", url, "--end-image", "", "--no-prompt-optimizer")
    assert made.code == 0, made.err
    expected = {"prompt": "a", "image_url": url, "end_image_url": "", "prompt_optimizer": False}
    assert cli.mock.assert_created_once().json()["input"] == expected


def test_what_is_not_given_is_not_sent(cli: CommandLine) -> None:
    cli("create", "--prompt", "a", "--image", "https://files.example.com/a.png")
    assert set(cli.mock.assert_created_once().json()["input"]) == {"prompt", "image_url"}


def test_a_local_file_is_told_from_a_url() -> None:
    image = next(field for field in _fields.fields(MODEL) if field.takes_file)
    assert isinstance(image.value("cat.png"), LocalFile)
    assert type(image.value("https://a.test/a.png")) is str


def test_a_model_that_is_unknown_is_said(cli: CommandLine) -> None:
    ended = cli("run", "--model", "no/such", "--prompt", "a")
    assert (ended.code, f'model: "no/such" is not a known model, expected {MODEL}' in ended.err) == (2, True)


def test_another_models_options_need_no_code(cli: CommandLine, invented: str) -> None:
    shown = " ".join(cli("run", f"--model={invented}", "--help").out.split())
    assert "--image-url" not in shown
    for words in (
        "What to show. [required; at most 5,000 characters]",
        "--duration <int> [optional; at least 1; at most 10; default: 6]",
        "--resolution <768p|1080p>",
        "[optional; at most 3 of them]",
        "--camera JSON How it moves. [optional]",
        "--input-force / --no-input-force",
    ):
        assert words in shown, shown
    assert "maker/new\n  prompt  string; required; at most 5,000 characters  (--prompt)\n" in cli("models").out


def test_the_list_of_models_names_the_options_that_there_are(cli: CommandLine, invented: str) -> None:
    fields = {
        each["name"]: each["options"]
        for each in json.loads(cli("models", invented, "--output=json").out)["models"][0]["fields"]
    }
    assert fields["force"] == ["--input-force"]
    for name in ("model", "callback_url", "json", "help", "output"):
        assert fields[name] == [f"--input-{name.replace('_', '-')}"]
    assert "(--input-callback-url)\n" in cli("models", invented).out
    for command in ("run", "create"):
        shown = cli(command, "--model", invented, "--help").out
        assert all(option in shown for options in fields.values() for option in options)


def test_another_models_values_have_their_types(invented: str) -> None:
    given = {
        "prompt": "a",
        "seeds": [1, 2],
        "camera": '{"zoom": 1.5}',
        "shots": '[{"at": 1}]',
        "scale": 0.5,
        "resolution": "768p",
        "force": None,
    }
    values = _fields.input_of(invented, {f"input_{name}": value for name, value in given.items()})
    assert values == {
        "prompt": "a",
        "seeds": [1, 2],
        "camera": {"zoom": 1.5},
        "shots": [{"at": 1}],
        "scale": 0.5,
        "resolution": "768p",
    }
    with pytest.raises(RequestInvalid, match=r"input\.camera: is not JSON"):
        _fields.input_of(invented, {"input_camera": "{"})


def test_with_several_models_one_has_to_be_named(
    cli: CommandLine, invented: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = cli("create", "--prompt", "a")
    assert (ended.code, "name the model with --model; there are: " in ended.err) == (2, True)
    assert cli("create", "--help").code == 0
    assert "holds no JSON object" in cli("create", "--json", "-", stdin=b"[]").err, "a whole body names its model"
    monkeypatch.setenv("APIKLEY_MODEL", invented)
    assert "--camera" in cli("create", "--help").out


@pytest.mark.parametrize("arguments", [("--duration", "long"), ("--resolution", "4k")])
def test_a_value_of_the_wrong_type_is_wrong_usage(cli: CommandLine, invented: str, arguments: tuple[str, ...]) -> None:
    ended = cli("create", "--model", invented, "--prompt", "a", *arguments)
    assert (ended.code, f"Invalid value for '{arguments[0]}'" in ended.err) == (2, True)


def test_a_field_keeps_the_name_of_the_contract() -> None:
    parameters: list[Any] = [field.parameter(()) for field in _fields.fields(MODEL)]
    assert all(isinstance(each, inspect.Parameter) for each in parameters)
    assert [each.name for each in parameters] == [f"input_{field.name}" for field in _fields.fields(MODEL)]


def test_a_file_of_a_field_that_cannot_be_read_is_said_by_its_field(cli: CommandLine) -> None:
    ended = cli("create", "--prompt", "@nothere.txt", "--image", "https://files.example.com/a.png")
    assert ended.code == 2
    assert ended.err.endswith("\n  input.prompt: nothere.txt: No such file or directory\n")
    assert cli.mock.journal.requests() == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e999", "1e10"])
def test_a_time_out_is_a_finite_number_before_anything_is_paid(cli: CommandLine, value: str) -> None:
    make = ("run", "--prompt", "a", "--image", "https://files.example.com/a.png")
    for arguments in (make, ("wait", "task_1")):
        ended = cli(*arguments, f"--timeout={value}")
        assert (ended.code, "Invalid value for '--timeout'" in ended.err) == (2, True)
    assert cli.mock.journal.requests() == []


@pytest.mark.parametrize("option", ["--scale=nan", "--scale=inf", "--steps=-inf"])
def test_a_models_numbers_are_finite(cli: CommandLine, invented: str, option: str) -> None:
    ended = cli("create", "--model", invented, "--prompt", "a", "--steps=1", option)
    name, _, value = option.partition("=")
    assert (ended.code, f"Invalid value for '{name}': {value} is not a finite number." in ended.err) == (2, True)
