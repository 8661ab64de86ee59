"""The simulator answers every model with a result of its kind, and knows limits of models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import filetype  # type: ignore[import-untyped]
import httpx2
import pytest

import apikley_contract
from apikley_mock.plugin import MockService
from contract_tests.other_models import contract_with, page_of, using

CREATE, RECORD = (apikley_contract.operation(name).path for name in ("createTask", "getTaskDetails"))
PROMPT = {"prompt": {"type": "string"}}
MODELS = {
    "maker/text-to-video": ("mp4", "video/mp4"),
    "maker/t2i": ("png", "image/png"),
    "maker/text-to-speech": ("mp3", "audio/mpeg"),
    "maker/speech-to-text": ("", ""),
}
LIMITED = "grok-imagine/image-to-video"
FRAMES = "maker/frames-video"


@pytest.fixture(scope="module", autouse=True)
def _contract() -> Iterator[None]:
    frames = {**PROMPT, "return_last_frame": {"type": "boolean"}}
    pages = [page_of(model, PROMPT) for model in (*MODELS, LIMITED)]
    with using(contract_with(*pages, page_of(FRAMES, frames))):
        yield


def _create(http: httpx2.Client, model: str, **input_: Any) -> dict[str, Any]:
    found: dict[str, Any] = http.post(CREATE, json={"model": model, "input": {"prompt": "x", **input_}}).json()
    return found


def _result(http: httpx2.Client, apikley_mock: MockService, task_id: str) -> dict[str, Any]:
    apikley_mock.advance(60)
    found: dict[str, Any] = json.loads(http.get(RECORD, params={"taskId": task_id}).json()["data"]["resultJson"])
    return found


@pytest.mark.parametrize("model", [name for name, (suffix, _) in MODELS.items() if suffix])
def test_a_result_is_a_file_of_the_models_kind(http: httpx2.Client, apikley_mock: MockService, model: str) -> None:
    suffix, media_type = MODELS[model]
    (url,) = _result(http, apikley_mock, _create(http, model)["data"]["taskId"])["resultUrls"]
    response = httpx2.get(url)
    assert url.endswith(f".{suffix}")
    assert response.headers["content-type"] == media_type
    assert filetype.guess_mime(response.content) == media_type


def test_the_result_of_a_text_model_is_an_object(http: httpx2.Client, apikley_mock: MockService) -> None:
    result = _result(http, apikley_mock, _create(http, "maker/speech-to-text")["data"]["taskId"])
    assert list(result) == ["resultObject"]


@pytest.mark.parametrize("asked", [True, False])
def test_first_and_last_frames_are_returned_on_request(
    http: httpx2.Client, apikley_mock: MockService, asked: bool
) -> None:
    result = _result(http, apikley_mock, _create(http, FRAMES, return_last_frame=asked)["data"]["taskId"])
    assert ("firstFrameUrl" in result, "lastFrameUrl" in result) == (asked, asked)
    if asked:
        assert filetype.guess_mime(httpx2.get(result["lastFrameUrl"][0]).content) == "image/png"


def test_an_unknown_model_is_answered_with_the_nearest_names(http: httpx2.Client) -> None:
    response = _create(http, "maker/t2v")
    assert response["code"] == 422
    assert response["msg"].startswith("The model name you specified is not supported. did you mean maker/t2i")
    assert "Supported: hailuo/" in _create(http, "?")["msg"]


LIMITS = {
    "documented_limits": True,
    "limits": {"createTask": (1000, 10), "getTaskDetails": (1000, 1)},
    "models": {"maker/t2i": {"limit": (2, 60)}},
}
limited = pytest.mark.parametrize("apikley_mock_settings", [LIMITS], ids=["limited"])


@limited
def test_a_model_has_the_documented_number_of_tasks_at_a_time(http: httpx2.Client, apikley_mock: MockService) -> None:
    codes = [_create(http, LIMITED)["code"] for _ in range(26)]
    assert codes == [200] * 25 + [429]
    assert _create(http, "maker/text-to-video")["code"] == 200
    apikley_mock.advance(60)
    assert _create(http, LIMITED)["code"] == 200


@limited
def test_a_model_has_the_documented_number_of_creates_in_an_hour(
    http: httpx2.Client, apikley_mock: MockService
) -> None:
    codes = []
    for _ in range(26):
        codes += [_create(http, LIMITED)["code"] for _ in range(10)]
        apikley_mock.advance(60)
    assert codes == [200] * 250 + [429] * 10
    apikley_mock.advance(3600)
    assert _create(http, LIMITED)["code"] == 200


@limited
def test_a_setting_limits_a_model(http: httpx2.Client) -> None:
    assert [_create(http, "maker/t2i")["code"] for _ in range(3)] == [200, 200, 429]
