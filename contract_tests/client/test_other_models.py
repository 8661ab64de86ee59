"""The client sends inputs of any model: files in lists, odd names, required callbacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley import LocalFile, RequestInvalid
from apikley._model import local_files
from contract_tests.client.fake_service import BOTH, Service, created
from contract_tests.other_models import contract_with, page_of, using

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
URL = "https://files.example.com/x"
CREATE = apikley_contract.operation("createTask").path
MODEL, WITH_CALLBACK = "maker/many", "maker/with-callback"
TEXT = {"type": "string"}
FIELDS = {
    "frame_urls": {"type": "array", "items": {**TEXT, "format": "uri"}, "maxItems": 3},
    "clip_url": {**TEXT, "description": "A video. Format: MP4, MOV. File size: up to 1 MB."},
    "song_url": {**TEXT, "description": "Audio (Format: wav, mp3)"},
    "look ": TEXT,
    "shots": {
        "type": "array",
        "items": {"type": "object", "properties": {"image_url": TEXT, "title ": TEXT}},
    },
}
HEADS = {
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "mov": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "mp3": b"ID3\x03\0\0\0\0\0\x0f",
    "png": PNG,
}


@pytest.fixture(scope="module", autouse=True)
def _contract() -> Iterator[None]:
    url = {"type": "string", "format": "uri"}
    callbacks: dict[str, Any] = {"callBackUrl": {**url, "required": True}, "progressCallBackUrl": url}
    with using(contract_with(page_of(MODEL, FIELDS), page_of(WITH_CALLBACK, {"prompt": TEXT}, **callbacks))):
        yield


def _uploaded(name: str = "x") -> httpx2.Response:
    data = {"downloadUrl": f"{URL}/{name}"}
    return httpx2.Response(200, json={"success": True, "code": 200, "msg": "ok", "data": data})


def _file(folder: Path, name: str) -> LocalFile:
    path = folder / name
    path.write_bytes(HEADS[name.rpartition(".")[2]] + bytes(64))
    return LocalFile(path)


def _create(service: Service, input_: dict[str, Any], model: str = MODEL, **options: Any) -> dict[str, Any]:
    """Create a task and return the sent request."""
    BOTH[0](service, lambda api: api.create_raw({"model": model, "input": input_}, **options))
    found: dict[str, Any] = json.loads(service.requests[-1].content)
    return found


@pytest.mark.parametrize("run", BOTH)
def test_files_in_lists_and_nested_objects_are_uploaded_each_once(run: Any, tmp_path: Path) -> None:
    cat, dog = _file(tmp_path, "cat.png"), _file(tmp_path, "dog.png")
    service = Service(_uploaded("cat"), _uploaded("dog"), created())
    body = {"frame_urls": [cat, "https://e.test/a.png", dog], "shots": [{"title": "one"}, {"image_url": cat}]}
    run(service, lambda api: api.create_raw({"model": MODEL, "input": body}))
    assert [request.url.path == CREATE for request in service.requests] == [False, False, True]
    assert json.loads(service.requests[2].content)["input"] == {
        "frame_urls": [f"{URL}/cat", "https://e.test/a.png", f"{URL}/dog"],
        "shots": [{"title ": "one"}, {"image_url": f"{URL}/cat"}],
    }


@pytest.mark.parametrize(
    ("field", "name"), [("clip_url", "a.mp4"), ("clip_url", "a.mov"), ("song_url", "a.wav"), ("song_url", "a.mp3")]
)
def test_every_media_type_that_a_page_names_is_accepted(tmp_path: Path, field: str, name: str) -> None:
    service = Service(_uploaded(), created())
    assert _create(service, {field: _file(tmp_path, name)})["input"] == {field: f"{URL}/x"}


@pytest.mark.parametrize(
    ("field", "name", "message"),
    [
        ("clip_url", "a.png", "input.clip_url: a.png is image/png, expected video/mp4 or video/quicktime"),
        ("song_url", "a.mp4", "input.song_url: a.mp4 is video/mp4, expected audio/x-wav or audio/mpeg"),
    ],
)
def test_another_media_type_is_refused(tmp_path: Path, field: str, name: str, message: str) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid) as caught:
        _create(service, {field: _file(tmp_path, name)})
    assert str(caught.value) == message
    assert service.requests == []


def test_a_file_in_a_list_of_another_type_is_a_violation_of_its_place(tmp_path: Path) -> None:
    with pytest.raises(RequestInvalid, match=r"^input\.shots\.1\.title : this field takes no file"):
        _create(Service(created()), {"shots": [{}, {"title ": _file(tmp_path, "cat.png")}]})


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    path.write_bytes(HEADS["mp4"] + bytes(1024 * 1024))
    with pytest.raises(RequestInvalid, match=r"large\.mp4 has 1,048,\d+ bytes, at most 1,048,576"):
        _create(Service(created()), {"clip_url": LocalFile(path)})


def test_without_the_filetype_package_the_name_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(local_files, "import_module", missing)
    assert local_files.media_type_of(b"", "a.png") == "image/png"
    assert local_files.media_type_of(PNG, "a") == "application/octet-stream"


@pytest.mark.parametrize(
    ("media_type", "accepted", "expected"),
    [
        ("audio/x-wav", "audio/wave", True),
        ("image/jpeg", "image/jpg", True),
        ("image/png", "image/*", True),
        ("video/mp4", "image/*", False),
        ("audio/mpeg", "audio/mp3", True),
    ],
)
def test_media_types_have_several_names(media_type: str, accepted: str, expected: bool) -> None:
    rule = local_files.FileRule((accepted,))
    assert (local_files.file_violations(media_type, 1, rule, "/x", "x") == []) is expected


@pytest.mark.parametrize("name", ["look", "look "])
def test_a_name_with_white_space_is_sent_as_published(name: str) -> None:
    assert _create(Service(created()), {name: "x"})["input"] == {"look ": "x"}


def test_a_required_callback_is_demanded_and_sent() -> None:
    with pytest.raises(RequestInvalid, match=r"^callBackUrl: missing, but required$"):
        _create(Service(created()), {"prompt": "x"}, WITH_CALLBACK)
    sent = _create(Service(created()), {"prompt": "x"}, WITH_CALLBACK, callback_url="https://me.test/done")
    assert sent["callBackUrl"] == "https://me.test/done"


def test_a_progress_callback_is_sent_to_the_models_that_have_it() -> None:
    urls = {"callback_url": "https://me.test/done", "progress_callback_url": "https://me.test/progress"}
    sent = _create(Service(created()), {"prompt": "x"}, WITH_CALLBACK, **urls)
    assert sent["progressCallBackUrl"] == "https://me.test/progress"
    with pytest.raises(RequestInvalid, match=r"^progressCallBackUrl: unknown field"):
        _create(Service(created()), {}, MODEL, **urls)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("maker/mny", "\"maker/mny\" is not a known model; did you mean 'maker/many'?"),
        ("with-callback", "\"with-callback\" is not a known model; did you mean 'maker/with-callback'?"),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest_names(model: str, message: str) -> None:
    with pytest.raises(RequestInvalid, match=f"^model: {message[:40]}") as caught:
        _create(Service(created()), {}, model)
    assert message in str(caught.value)
