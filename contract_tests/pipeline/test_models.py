"""A new page is a new model everywhere: in the client, in the simulator and in Prism, without a line of code."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from contract_tests.contract.conftest import prism_on
from contract_tests.pipeline.pages import ACME, HAILUO, STUDIO
from scripts.pipeline.io import read_document
from scripts.pipeline.merge import merge
from scripts.pipeline.naming import member_name
from scripts.pipeline.page import extract
from scripts.pipeline.page_shape import CREATE_TASK
from scripts.pipeline.update import Project

FILM = {"prompt": "A lighthouse"}
CLIP = {**FILM, "image_url": "https://e.test/x.png"}
FRAMES = {"images": ["https://e.test/1.png"]}

GOOD: list[dict[str, Any]] = [
    {"model": ACME, "input": FILM},
    {"model": ACME, "input": {**FILM, "duration": "10", "aspect_ratio": "1:1", "version": "2"}},
    {"model": ACME, "input": {"prompt": "x" * 300, "seed": 65535, "guidance": 1}},
    {"model": HAILUO, "input": {**CLIP, "prompt": "x" * 301}},
    {"model": STUDIO, "input": FRAMES},
    {"model": STUDIO, "input": {**FRAMES, "negative_prompt": None, "camera": {"zoom": 2}, "mode": "fun"}},
]
BAD: list[dict[str, Any]] = [
    {"model": ACME, "input": {"prompt": "x" * 301}},
    {"model": ACME, "input": {"prompt": "xx"}},
    {"model": ACME, "input": {**FILM, "duration": 10}},
    {"model": ACME, "input": {**FILM, "duration": "7"}},
    {"model": ACME, "input": {**FILM, "version": 1.1}},
    {"model": ACME, "input": {**FILM, "seed": 65536}},
    {"model": HAILUO, "input": FILM},
    {"model": STUDIO, "input": FILM},
    {"model": STUDIO, "input": {"images": []}},
    {"model": STUDIO, "input": {**FRAMES, "camera": {"zoom": 3}}},
    {"model": STUDIO, "input": {**FRAMES, "camera": {}}},
    {"model": "acme/2", "input": FILM},
]


def _python(updated: Project, code: str, *arguments: str) -> Any:
    """What a program prints that finds the updated packages instead of the committed ones."""
    environment = {**os.environ, "PYTHONPATH": str(updated.generated)}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    run = subprocess.run(command, env=environment, cwd=updated.root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return ast.literal_eval(run.stdout)


def test_the_client_creates_a_task_of_a_new_model(updated: Project) -> None:
    code = """
import apikley_contract, httpx2
from apikley import Acme1Fast, Apikley, StudioFramesV2
from apikley_client.models import Acme1FastAspectRatio, Acme1FastDuration
sent = []
def answer(request):
    sent.append(request.content.decode())
    return httpx2.Response(200, json={"code": 200, "data": {"taskId": "task_1"}})
with Apikley("k", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))) as api:
    api.create(Acme1Fast(prompt="A ship"))
    api.create(Acme1Fast(prompt="A ship", duration="10", aspect_ratio=Acme1FastAspectRatio.VALUE_9_16))
    api.create(StudioFramesV2(images=["https://e.test/1.png"], negative_prompt=None))
print([list(apikley_contract.models()), sent, list(map(str, Acme1FastDuration))])
"""
    models, sent, durations = _python(updated, code)
    assert {ACME, HAILUO, STUDIO} <= set(models)
    assert sorted(durations) == ["10", "5"]
    assert sent[0] == (
        '{"model":"acme/1-fast","input":{"prompt":"A ship","duration":"5","aspect_ratio":"16:9",'
        '"version":"1.10","guidance":0.5}}'
    )
    assert '"duration":"10","aspect_ratio":"9:16"' in sent[1]
    assert sent[2] == (
        '{"model":"studio/frames.v2","input":{"images":["https://e.test/1.png"],"mode":"normal","negative_prompt":null}}'
    )


def test_the_client_and_the_simulator_choose_the_branch_by_the_model(updated: Project) -> None:
    code = """
import sys, ast
from apikley import RequestInvalid
from apikley._model.validation import validate_create
from apikley_mock.web.validation import create_task
def verdict(request):
    try:
        validate_create(request)
    except RequestInvalid as error:
        return str(error)
    return None
print([(verdict(each), create_task(each)) for each in ast.literal_eval(sys.argv[1])])
"""
    verdicts = _python(updated, code, repr([*GOOD, *BAD]))
    assert verdicts[: len(GOOD)] == [(None, None)] * len(GOOD)
    for request, (ours, theirs) in zip(BAD, verdicts[len(GOOD) :], strict=True):
        assert ours, request
        assert theirs, request
    refused = dict(zip(map(repr, BAD), verdicts[len(GOOD) :], strict=True))
    # Only what the request's own model asks for is held against it.
    assert "image" not in " ".join(refused[repr(BAD[3])])
    assert '"7" is not one of "5" or "10"' in refused[repr(BAD[3])][0]


def test_a_plain_value_is_accepted_in_place_of_a_member_and_validated(updated: Project) -> None:
    code = """
from apikley import Acme1Fast, Apikley, RequestInvalid
found = []
with Apikley("k", base_url="http://127.0.0.1:9") as api:
    for duration in ("7", 5):
        try:
            api.create(Acme1Fast(prompt="A ship", duration=duration))
        except RequestInvalid as error:
            found.append(str(error).partition(":")[0])
print(found)
"""
    assert _python(updated, code) == ["input.duration", "input.duration"]


@pytest.fixture(scope="module")
def prism_of_all(updated: Project) -> Iterator[httpx2.Client]:
    with prism_on(updated.generated / "apikley_contract" / "openapi.json") as client:
        yield client


def test_prism_agrees(prism_of_all: httpx2.Client) -> None:
    good = [prism_of_all.post(CREATE_TASK, json=request).status_code for request in GOOD]
    bad = [prism_of_all.post(CREATE_TASK, json=request).status_code for request in BAD]
    assert (good, bad) == ([200] * len(GOOD), [422] * len(BAD))


def test_the_contract_has_an_example_for_each_model(updated: Project) -> None:
    document = read_document(updated.generated / "apikley_contract" / "openapi.json")
    content = document["paths"][CREATE_TASK]["post"]["requestBody"]["content"]["application/json"]
    models = {name: example["value"]["model"] for name, example in content["examples"].items()}
    assert {ACME, HAILUO, STUDIO} <= set(models)
    assert all(name == model for name, model in models.items())


def test_text_that_looks_like_a_number_stays_text(updated: Project) -> None:
    schemas = read_document(updated.generated / "apikley_contract" / "openapi.json")["components"]["schemas"]
    properties = schemas["Acme1Fast"]["properties"]
    assert (properties["duration"]["enum"], properties["duration"]["default"]) == (["5", "10"], "5")
    assert properties["version"]["default"] == "1.10"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("5", "VALUE_5"),
        ("16:9", "VALUE_16_9"),
        ("1080P", "VALUE_1080P"),
        ("-1", "VALUE_NEGATIVE_1"),
        ("", "EMPTY"),
        ("fun", "FUN"),
        ("a-b c", "A_B_C"),
    ],
)
def test_enum_members_are_named_by_their_value(value: str, name: str) -> None:
    assert member_name(value) == name


def test_the_members_of_an_enum_are_those_that_the_contract_names(updated: Project) -> None:
    choices = ("model", "mode", "resolution")
    code = """
import apikley_client.models as models
enums = [name for name in dir(models) if name.endswith(("Model", "Mode", "Resolution"))]
print([list(getattr(models, name).__members__) for name in enums])
"""
    schemas = read_document(updated.generated / "apikley_contract" / "openapi.json")["components"]["schemas"]
    fields = [schema.get("properties", {}).get(name, {}) for schema in schemas.values() for name in choices]
    named = [field["x-enum-varnames"] for field in fields if "enum" in field]
    assert len(named) == 5
    assert sorted(map(sorted, named)) == sorted(map(sorted, _python(updated, code)))


def test_pages_complete_each_other(page: str) -> None:
    ours = extract(page, "ours").document
    theirs = extract(page.replace("hailuo/02-image", "acme/1-image"), "theirs").document
    del theirs["info"]["contact"]
    theirs["components"]["schemas"]["Extra"] = {"type": "object"}
    merged = merge({"a": theirs, "b": ours}, {})
    assert merged["info"]["contact"] == ours["info"]["contact"]
    assert "Extra" in merged["components"]["schemas"]
