"""The options of a model come from the contract, so that a new model needs no code."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

import apikley_contract
from apikley.cli.model_options import model_fields
from contract_tests.cli.command_line import IMAGE, MODEL, PNG, RUN, CommandLine

TAKEN = ("model", "callback_url", "json", "help", "output", "force")
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
        "lora-scale": {"type": "number"},
        "look ": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "cuts": {"type": "array", "items": {"type": "object"}},
        "frames": {"type": "array", "items": {"type": "string", "x-file": {}}},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"clip": {"type": "string", "x-file": {}}}},
        },
        **{name: {"type": "string"} for name in TAKEN},
    },
}


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A second model in the contract."""
    document = copy.deepcopy(apikley_contract.openapi())
    components = document["components"]["schemas"]
    reference = "#/components/schemas/"
    components["CreateTaskRequest"]["discriminator"]["mapping"]["maker/new"] = f"{reference}NewRequest"
    components["NewRequest"] = {
        "description": "Paints a picture",
        "properties": {"model": {}, "input": {"$ref": f"{reference}New"}, "callBackUrl": {}},
        "required": ["model"],
    }
    components["New"] = INVENTED
    monkeypatch.setattr(apikley_contract, "openapi", lambda: document)
    caches = (apikley_contract.models, apikley_contract.schemas)
    for cache in caches:
        cache.cache_clear()
    yield "maker/new"
    for cache in caches:
        cache.cache_clear()


def test_help_shows_every_field_with_its_limits(cli: CommandLine) -> None:
    shown = " ".join(cli("run", "--model", MODEL, "--help").out.split())
    assert "--prompt TEXT|@FILE" in shown
    assert "[required; at most 1,500 characters]" in shown
    assert "--image, --image-url FILE|URL" in shown
    assert "image/jpeg, image/png, image/webp, at most 10 MB]" in shown
    assert "--prompt-optimizer / --no-prompt-optimizer" in shown
    for field in model_fields(MODEL):
        assert all(flag in shown for flag in field.flags)


def test_every_option_is_sent_with_its_type(cli: CommandLine) -> None:
    ended = cli("create", "--prompt", "a", "--image-url", IMAGE, "--end-image", "", "--no-prompt-optimizer")
    assert ended.code == 0, ended.err
    expected = {"prompt": "a", "image_url": IMAGE, "end_image_url": "", "prompt_optimizer": False}
    assert cli.mock.assert_created_once().json()["input"] == expected


def test_an_unknown_model_is_refused(cli: CommandLine) -> None:
    ended = cli("run", "--model", "no/such", "--prompt", "a")
    assert (ended.code, 'model: "no/such" is not a known model' in ended.err) == (2, True)


def test_the_model_can_be_named_anywhere_in_the_command_line(cli: CommandLine, invented: str) -> None:
    shown = " ".join(cli("run", "--camera", "{}", f"--model={invented}", "--help").out.split())
    assert "--image-url" not in shown
    for text in (
        "What to show. [required; at most 5,000 characters]",
        "--duration INTEGER [optional; at least 1; at most 10; default: 6]",
        "--resolution [768p|1080p]",
        "[optional; at most 3 items]",
        "--camera JSON How it moves. [optional]",
        "--input-force TEXT|@FILE",
    ):
        assert text in shown, shown


def test_models_lists_another_model(cli: CommandLine, invented: str) -> None:
    assert "maker/new  Paints a picture\n" in cli("models").out
    assert f"{MODEL}  " in cli("models").out


@pytest.mark.parametrize("words", [["picture"], ["MAKER", "paints"], ["maker/new"]])
def test_models_searches_names_and_titles_and_shows_a_single_one(
    cli: CommandLine, invented: str, words: list[str]
) -> None:
    shown = cli("models", *words).out
    assert shown.startswith("maker/new  Paints a picture\n  from apikley import New\n  prompt  string; requ")


def test_an_unknown_word_is_answered_with_the_nearest_models(cli: CommandLine, invented: str) -> None:
    ended = cli("models", "maker/nwe")
    assert (ended.code, "there is no model 'maker/nwe'; did you mean 'maker/new'?" in ended.err) == (2, True)


def test_a_field_never_hides_an_option_of_the_command(cli: CommandLine, invented: str) -> None:
    listed = cli("models", invented, "--format=json").document["models"][0]["fields"]
    options = {field["name"]: field["options"] for field in listed}
    for name in TAKEN:
        assert options[name] == [f"--input-{name.replace('_', '-')}"]
    for command in ("run", "create"):
        shown = cli(command, "--model", invented, "--help").out
        assert all(option in shown for each in options.values() for option in each)


def test_another_models_options_are_sent_with_their_types(cli: CommandLine, invented: str) -> None:
    cli.mock.fail_next(422, when={"operation": "createTask"})
    arguments: tuple[str, ...] = (
        "--seeds=1",
        "--seeds=2",
        '--camera={"zoom": 1.5}',
        '--shots=[{"at": 1}]',
        "--scale=0.5",
    )
    arguments += ("--lora-scale=2", "--tags=[]", "--look=x", '--cuts={"at": 1}', '--cuts={"at": 2}')
    cli("create", "--model", invented, "--prompt", "a", "--resolution=768p", *arguments)
    (request,) = cli.requests()
    assert request.json()["input"] == {
        "prompt": "a",
        "resolution": "768p",
        "seeds": [1, 2],
        "camera": {"zoom": 1.5},
        "shots": [{"at": 1}],
        "scale": 0.5,
        "lora-scale": 2,
        "tags": [],
        "look ": "x",
        "cuts": [{"at": 1}, {"at": 2}],
    }


def test_local_files_are_accepted_in_lists_and_inside_json(cli: CommandLine, invented: str) -> None:
    (cli.folder / "a.png").write_bytes(PNG)
    arguments = ("--frames", "a.png", "--frames", IMAGE, "--parts", '[{"clip": "a.png"}]')
    ended = cli("create", "--model", invented, "--prompt", "a", *arguments)
    assert ended.code == 0, ended.err
    upload, create = cli.requests()
    assert "base64" in upload.target
    sent = create.json()["input"]
    assert sent["frames"] == [sent["parts"][0]["clip"], IMAGE]
    assert sent["frames"][0].endswith("/a.png")


def test_an_object_that_is_not_json_is_refused(cli: CommandLine, invented: str) -> None:
    assert "input.camera: is not JSON" in cli("create", "--model", invented, "--prompt", "a", "--camera", "{").err


def test_with_several_models_one_must_be_named(cli: CommandLine, invented: str) -> None:
    cli.patch.delenv("APIKLEY_MODEL")
    ended = cli("create", "--prompt", "a")
    assert (ended.code, "name the model with --model; `apikley models` lists the" in ended.err) == (2, True)
    assert cli("create", "--help").code == 0
    assert "is not a JSON object" in cli("create", "--json", "-", stdin=b"[]").err, "a whole body names its model"
    cli.patch.setenv("APIKLEY_MODEL", invented)
    assert "--camera" in cli("create", "--help").out


@pytest.mark.parametrize("arguments", [("--duration", "long"), ("--resolution", "4k")])
def test_a_value_of_the_wrong_type_is_wrong_usage(cli: CommandLine, invented: str, arguments: tuple[str, ...]) -> None:
    ended = cli("create", "--model", invented, "--prompt", "a", *arguments)
    assert (ended.code, f"Invalid value for '{arguments[0]}'" in ended.err) == (2, True)


def test_an_unreadable_file_is_reported_with_its_field(cli: CommandLine) -> None:
    ended = cli("create", "--prompt", "@missing.txt", "--image", IMAGE)
    assert ended.code == 2
    assert ended.err.endswith("\n  input.prompt: missing.txt: No such file or directory\n")
    assert cli.requests() == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e999", "1e10"])
@pytest.mark.parametrize("command", [RUN, ("wait", "task_1")], ids=["run", "wait"])
def test_a_timeout_must_be_finite_before_anything_is_paid(
    cli: CommandLine, command: tuple[str, ...], value: str
) -> None:
    ended = cli(*command, f"--timeout={value}")
    assert (ended.code, "Invalid value for '--timeout'" in ended.err) == (2, True)
    assert cli.requests() == []


@pytest.mark.parametrize("option", ["--scale=nan", "--scale=inf", "--steps=-Infinity"])
def test_a_models_numbers_must_be_finite(cli: CommandLine, invented: str, option: str) -> None:
    ended = cli("create", "--model", invented, "--prompt", "a", "--steps=1", option)
    assert (ended.code, "cannot be encoded as JSON: Out of range float" in ended.err) == (2, True)
    assert cli.requests() == []
