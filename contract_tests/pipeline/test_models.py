"""A new page adds a model to the client, the simulator and Prism, without any code."""

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
from scripts.pipeline.page_shape import CREATE_TASK
from scripts.pipeline.update import Project

TEXT_INPUT = {"prompt": "A lighthouse"}
IMAGE_INPUT = {**TEXT_INPUT, "image_url": "https://e.test/x.png"}
FRAMES_INPUT = {"images": ["https://e.test/1.png"]}

VALID: list[dict[str, Any]] = [
    {"model": ACME, "input": TEXT_INPUT},
    {"model": ACME, "input": {**TEXT_INPUT, "duration": "10", "aspect_ratio": "1:1", "version": "2"}},
    {"model": ACME, "input": {"prompt": "x" * 300, "seed": 65535, "guidance": 1}},
    {"model": HAILUO, "input": {**IMAGE_INPUT, "prompt": "x" * 301}},
    {"model": STUDIO, "input": FRAMES_INPUT},
    {"model": STUDIO, "input": {**FRAMES_INPUT, "negative_prompt": None, "camera": {"zoom": 2}, "mode": "fun"}},
]
INVALID: list[dict[str, Any]] = [
    {"model": ACME, "input": {"prompt": "x" * 301}},
    {"model": ACME, "input": {"prompt": "xx"}},
    {"model": ACME, "input": {**TEXT_INPUT, "duration": 10}},
    {"model": ACME, "input": {**TEXT_INPUT, "duration": "7"}},
    {"model": ACME, "input": {**TEXT_INPUT, "version": 1.1}},
    {"model": ACME, "input": {**TEXT_INPUT, "seed": 65536}},
    {"model": HAILUO, "input": TEXT_INPUT},
    {"model": STUDIO, "input": TEXT_INPUT},
    {"model": STUDIO, "input": {"images": []}},
    {"model": STUDIO, "input": {**FRAMES_INPUT, "camera": {"zoom": 3}}},
    {"model": STUDIO, "input": {**FRAMES_INPUT, "camera": {}}},
    {"model": "acme/2", "input": TEXT_INPUT},
]


def _python(updated: Project, code: str, *arguments: str) -> Any:
    """Run a program with the updated packages instead of the committed ones, and return the value it prints."""
    environment = {**os.environ, "PYTHONPATH": str(updated.generated)}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    run = subprocess.run(command, env=environment, cwd=updated.root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return ast.literal_eval(run.stdout)


def test_the_client_creates_a_task_of_a_new_model(updated: Project) -> None:
    code = """
import apikley_contract, httpx2
from apikley import Acme1Fast, Apikley, StudioFramesV2
sent = []
def respond(request):
    sent.append(request.content.decode())
    return httpx2.Response(200, json={"code": 200, "data": {"taskId": "task_1"}})
with Apikley("k", http_client=httpx2.Client(transport=httpx2.MockTransport(respond))) as api:
    api.create(Acme1Fast(prompt="A ship"))
    api.create(Acme1Fast(prompt="A ship", duration="10", aspect_ratio="9:16"))
    api.create(StudioFramesV2(images=["https://e.test/1.png"], negative_prompt=None))
print([list(apikley_contract.models()), sent])
"""
    models, sent = _python(updated, code)
    assert {ACME, HAILUO, STUDIO} <= set(models)
    # Nothing is sent that the caller did not set, such as a published default.
    assert sent[0] == '{"model":"acme/1-fast","input":{"prompt":"A ship"}}'
    assert '"duration":"10","aspect_ratio":"9:16"' in sent[1]
    assert sent[2] == '{"model":"studio/frames.v2","input":{"images":["https://e.test/1.png"],"negative_prompt":null}}'


def test_the_client_and_the_simulator_validate_by_the_model(updated: Project) -> None:
    code = """
import sys, ast
from apikley import RequestInvalid
from apikley._model.validation import validate_create
from apikley_mock.web.validation import create_task
def error_of(request):
    try:
        validate_create(request)
    except RequestInvalid as error:
        return str(error)
    return None
print([(error_of(each), create_task(each)) for each in ast.literal_eval(sys.argv[1])])
"""
    errors = _python(updated, code, repr([*VALID, *INVALID]))
    assert errors[: len(VALID)] == [(None, None)] * len(VALID)
    for request, (client_error, simulator_error) in zip(INVALID, errors[len(VALID) :], strict=True):
        assert client_error, request
        assert simulator_error, request
    refused = dict(zip(map(repr, INVALID), errors[len(VALID) :], strict=True))
    # Only the schema of the request's own model counts.
    assert "image" not in " ".join(refused[repr(INVALID[3])])
    assert '"7" is not one of "5" or "10"' in refused[repr(INVALID[3])][0]


def test_a_value_is_validated(updated: Project) -> None:
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
def prism(updated: Project) -> Iterator[httpx2.Client]:
    with prism_on(updated.generated / "apikley_contract" / "openapi.json") as client:
        yield client


def test_prism_validates_by_the_model(prism: httpx2.Client) -> None:
    good = [prism.post(CREATE_TASK, json=request).status_code for request in VALID]
    bad = [prism.post(CREATE_TASK, json=request).status_code for request in INVALID]
    assert (good, bad) == ([200] * len(VALID), [422] * len(INVALID))


def test_the_contract_has_an_example_for_each_model(updated: Project) -> None:
    document = read_document(updated.generated / "apikley_contract" / "openapi.json")
    content = document["paths"][CREATE_TASK]["post"]["requestBody"]["content"]["application/json"]
    models = {name: example["value"]["model"] for name, example in content["examples"].items()}
    assert {ACME, HAILUO, STUDIO} <= set(models)
    assert all(name == model for name, model in models.items())


def test_quoted_numbers_stay_text(updated: Project) -> None:
    schemas = read_document(updated.generated / "apikley_contract" / "openapi.json")["components"]["schemas"]
    properties = schemas["Acme1Fast"]["properties"]
    assert (properties["duration"]["enum"], properties["duration"]["default"]) == (["5", "10"], "5")
    assert properties["version"]["default"] == "1.10"
