"""Local files are checked and uploaded."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley
import apikley_contract
from apikley import Hailuo02ImageToVideoPro, LocalFile, RequestInvalid, TransportError
from apikley_mock.plugin import MockService
from contract_tests.client.fake_service import BOTH, Service, created, envelope
from contract_tests.other_models import contract_with, using
from contract_tests.simulator.simulators import MODEL

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
JPEG = b"\xff\xd8\xff\xe0" + bytes(32)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(32)
URL = "https://files.example.com/images/cat.png"
STREAM = apikley_contract.operation("uploadFileStream").path
BASE64 = apikley_contract.operation("uploadFileBase64").path


def uploaded() -> httpx2.Response:
    return httpx2.Response(200, json={"success": True, "code": 200, "msg": "ok", "data": {"downloadUrl": URL}})


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    return path


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize("form", ["path", "string", "bytes", "file"])
def test_a_path_bytes_and_a_file_are_uploaded(run: Any, form: str, cat: Path) -> None:
    service = Service(uploaded())
    given: Any = {"path": cat, "string": str(cat), "bytes": PNG, "file": io.BytesIO(PNG)}[form]
    url, _ = run(service, lambda api: api.upload(given, name="cat.png"))
    assert url == URL
    sent = json.loads(service.requests[0].content)
    assert service.requests[0].url.path == BASE64
    assert sent["fileName"] == "cat.png"
    assert base64.b64decode(sent["base64Data"].removeprefix("data:image/png;base64,")) == PNG


@pytest.mark.parametrize("run", BOTH)
def test_a_larger_file_is_streamed(run: Any, cat: Path) -> None:
    content = PNG + b"x" * 100_000
    cat.write_bytes(content)
    service = Service(uploaded())
    url, _ = run(service, lambda api: api.upload(cat, folder="pictures/cats"))
    (request,) = service.requests
    assert (url, request.url.path) == (URL, STREAM)
    assert re.match("multipart/form-data; boundary=.{16}", request.headers["content-type"])
    assert content in request.content
    assert b'name="file"; filename="cat.png"\r\nContent-Type: image/png' in request.content
    assert b"pictures/cats" in request.content


@pytest.mark.parametrize("content", [PNG, PNG + b"x" * 100_000], ids=["base64", "stream"])
def test_uploads_of_one_name_have_folders_of_their_own(content: bytes, cat: Path) -> None:
    cat.write_bytes(content)
    service = Service(uploaded(), uploaded())
    BOTH[0](service, lambda api: (api.upload(cat), api.upload(cat)))
    folders = [re.findall(rb"apikley/([0-9a-f]{32})", request.content) for request in service.requests]
    assert [len(found) for found in folders] == [1, 1]
    assert folders[0] != folders[1]
    assert all(b"cat.png" in request.content for request in service.requests)


def test_two_pictures_of_one_name_keep_their_own_content(apikley_mock: MockService, tmp_path: Path) -> None:
    pictures = {folder: PNG + folder.encode() for folder in ("first", "second")}
    with apikley_mock.client() as api:
        urls = {}
        for folder, content in pictures.items():
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "cat.png").write_bytes(content)
            urls[folder] = api.upload(tmp_path / folder / "cat.png")
    assert {folder: httpx2.get(url).content for folder, url in urls.items()} == pictures
    assert [url.rpartition("/")[2] for url in urls.values()] == ["cat.png", "cat.png"]


@pytest.mark.parametrize("run", BOTH)
def test_a_lost_upload_is_resent_from_the_start(run: Any, cat: Path) -> None:
    content = PNG + b"x" * 100_000
    cat.write_bytes(content)
    seen: list[bytes] = []

    def broken(request: httpx2.Request) -> Exception:
        seen.append(request.content)
        return httpx2.ReadError("reset")

    service = Service(broken, uploaded())
    run(service, lambda api: api.upload(cat))
    assert content in seen[0]
    assert content in service.requests[1].content
    # Into the same folder: a file that was stored twice is one file.
    assert len({re.search(rb"apikley/[0-9a-f]{32}", sent)[0] for sent in (seen[0], service.requests[1].content)}) == 1  # type: ignore[index]


@pytest.mark.parametrize(("content", "kind"), [(PNG, "png"), (JPEG, "jpeg"), (WEBP, "webp")])
def test_the_type_comes_from_the_content(content: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / "picture.txt").write_bytes(content)
    service = Service(uploaded())
    BOTH[0](service, lambda api: api.upload(tmp_path / "picture.txt"))
    assert json.loads(service.requests[0].content)["base64Data"].startswith(f"data:image/{kind};")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a" + bytes(20), "cat.png is image/gif, expected image/jpeg or image/png"),
        (b"", "cat.png is empty"),
        (PNG + bytes(10 * 1024 * 1024), "cat.png has 10,485,800 bytes, at most 10,485,760"),
    ],
    ids=["another type", "empty", "too large"],
)
def test_a_file_that_no_model_accepts_is_not_sent(content: bytes, words: str, cat: Path) -> None:
    cat.write_bytes(content)
    service = Service(uploaded())
    with using(contract_with()), pytest.raises(RequestInvalid) as caught:
        BOTH[0](service, lambda api: api.upload(cat))
    assert words in str(caught.value)
    assert service.requests == []


def test_validate_false_sends_any_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"hello")
    service = Service(uploaded())
    url, _ = BOTH[0](service, lambda api: api.upload(tmp_path / "notes.txt", validate=False))
    assert url == URL


@pytest.mark.parametrize("folder", ["/images", "images/", "", "/"])
def test_an_invalid_folder_is_refused(folder: str, cat: Path) -> None:
    service = Service(uploaded())
    with pytest.raises(RequestInvalid, match="uploadPath: "):
        BOTH[0](service, lambda api: api.upload(cat, folder=folder))
    assert service.requests == []


def test_a_file_is_sent_from_its_current_position() -> None:
    file = io.BytesIO(b"read before" + PNG)
    file.seek(len(b"read before"))
    service = Service(uploaded())
    BOTH[0](service, lambda api: api.upload(file))
    sent = json.loads(service.requests[0].content)
    assert (base64.b64decode(sent["base64Data"].partition(",")[2]), sent["fileName"]) == (PNG, "upload.png")


class Stream(io.BytesIO):
    """A file that cannot seek, like a pipe."""

    def seekable(self) -> bool:
        return False


def test_a_stream_is_uploaded_to_its_end() -> None:
    service = Service(uploaded())
    BOTH[0](service, lambda api: api.upload(Stream(PNG)))
    assert base64.b64decode(json.loads(service.requests[0].content)["base64Data"].partition(",")[2]) == PNG


def test_an_endless_stream_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikley._flows.upload._MAX_UNSEEKABLE", 1_000)
    service, stream = Service(uploaded()), Stream(PNG + bytes(5_000))
    with pytest.raises(ValueError, match="not seekable and larger than 1,000 bytes; pass a path"):
        BOTH[0](service, lambda api: api.upload(stream))
    assert (service.requests, stream.tell()) == ([], 1_001)


@pytest.mark.parametrize("wrong", [3, None, io.StringIO("text")])
def test_an_object_that_is_not_a_file_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError):
        BOTH[0](Service(uploaded()), lambda api: api.upload(wrong))


def test_a_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        BOTH[0](Service(uploaded()), lambda api: api.upload(tmp_path / "none.png"))


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx2.Response(401, json={"success": False, "code": 401, "msg": "no"}), apikley.Unauthorized),
        (httpx2.Response(400, json={"success": False, "code": 400, "msg": "bad"}), apikley.BadRequest),
        (httpx2.Response(500, json={"success": False, "code": 500, "msg": "oops"}), apikley.ServerError),
        (httpx2.Response(200, json={"success": False, "code": 200, "data": {"downloadUrl": URL}}), TransportError),
        (envelope(data={}), TransportError),
    ],
    ids=range(5),
)
def test_a_failed_upload_has_its_exception(response: httpx2.Response, error: type[Exception], cat: Path) -> None:
    with pytest.raises(error):
        BOTH[0](Service(response), lambda api: api.upload(cat), max_retries=0)


def _input(image: Any, **more: Any) -> Hailuo02ImageToVideoPro:
    return Hailuo02ImageToVideoPro(prompt="a cat", image_url=image, **more)


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize("kind", [Path, lambda path: LocalFile(str(path))], ids=["Path", "LocalFile"])
def test_a_create_uploads_its_local_files_first(run: Any, kind: Any, cat: Path) -> None:
    service = Service(uploaded(), created())
    images = _input(kind(cat), end_image_url=kind(cat))
    run(service, lambda api: api.create(images))
    # The file of both fields is uploaded once.
    assert [request.url.path for request in service.requests] == [
        BASE64,
        apikley_contract.operation("createTask").path,
    ]
    assert json.loads(service.requests[1].content)["input"] == {
        "prompt": "a cat",
        "image_url": URL,
        "end_image_url": URL,
    }


def test_an_invalid_request_uploads_nothing(cat: Path) -> None:
    service = Service(uploaded(), created())
    wrong = Hailuo02ImageToVideoPro(prompt="x" * 1501, image_url=LocalFile(str(cat)))
    with pytest.raises(RequestInvalid, match="1,501 characters"):
        BOTH[0](service, lambda api: api.create(wrong))
    assert service.requests == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.png", "input.image_url: {path}: No such file or directory"),
        ("", "input.image_url: {path}: Is a directory"),
    ],
)
def test_an_unreadable_local_file_is_a_violation_of_its_field(tmp_path: Path, name: str, words: str) -> None:
    service = Service(created())
    path = tmp_path / name
    with pytest.raises(RequestInvalid) as caught:
        BOTH[0](service, lambda api: api.create(_input(LocalFile(str(path)))))
    assert str(caught.value) == words.format(path=path)
    assert service.requests == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("place", ["pipe", "/dev/zero"])
def test_a_pipe_or_a_device_is_refused_and_nothing_hangs(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / place  # an absolute place stays as it is
    service = Service(created())
    with pytest.raises(RequestInvalid, match=r"^input\.image_url: .*not a regular file but a pipe or a device"):
        BOTH[0](service, lambda api: api.create(_input(LocalFile(path))))
    with pytest.raises(OSError, match="not a regular file but a pipe or a device"):
        BOTH[0](service, lambda api: api.upload(path))
    assert service.requests == []


def test_a_local_file_of_another_type_is_a_violation_of_its_field(tmp_path: Path) -> None:
    (tmp_path / "cat.gif").write_bytes(b"GIF89a" + bytes(20))
    with pytest.raises(RequestInvalid, match=r"input\.image_url: cat\.gif is image/gif, expected image/jpeg"):
        BOTH[0](Service(created()), lambda api: api.create(_input(tmp_path / "cat.gif")))


def test_a_field_without_file_rules_refuses_local_files(cat: Path) -> None:
    wrong = Hailuo02ImageToVideoPro(prompt=LocalFile(str(cat)), image_url="https://e.test/x.png")  # type: ignore[arg-type]
    with pytest.raises(RequestInvalid, match=r"input\.prompt: this field takes no file"):
        BOTH[0](Service(created()), lambda api: api.create(wrong))


@pytest.mark.parametrize("model", ["no/such", None, []])
def test_a_local_file_for_an_unknown_model_is_a_violation_of_the_model(cat: Path, model: Any) -> None:
    with pytest.raises(RequestInvalid, match=r"^model: .* is not a known model"):
        BOTH[0](Service(created()), lambda api: api.create_raw({"model": model, "input": {"image_url": cat}}))


@pytest.mark.parametrize("text", ["cat.png", "C:\\cat.png", "file:///home/me/cat.png", "ftp://e.test/cat.png"])
def test_a_string_that_cannot_be_a_file_url_is_refused_with_a_hint(text: str) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid) as caught:
        BOTH[0](service, lambda api: api.create(_input(text)))
    assert str(caught.value).endswith(f"is not an http or https URL; did you mean LocalFile({text!r})?")
    assert service.requests == []


def test_an_empty_string_is_refused_where_a_file_url_is_required() -> None:
    with pytest.raises(RequestInvalid, match=r"^input\.image_url: empty, expected an http or https URL$"):
        BOTH[0](Service(created()), lambda api: api.create(_input("")))


def test_an_optional_file_url_may_be_empty() -> None:
    service = Service(created())
    cat = Hailuo02ImageToVideoPro(prompt="x", image_url="HTTPS://e.test/a.png", end_image_url="")
    BOTH[0](service, lambda api: api.create(cat))
    assert json.loads(service.requests[0].content)["input"]["end_image_url"] == ""


def test_the_file_rules_are_the_published_ones() -> None:
    schemas = apikley_contract.openapi()["components"]["schemas"]
    fields = schemas[apikley_contract.models()[MODEL].input]["properties"]
    files = [field for field in fields.values() if "File URL after upload" in field.get("description", "")]
    assert len(files) == 2
    for field in files:
        rule = field["x-file"]
        assert ", ".join(rule["media-types"]) in field["description"]
        assert f"Max size: {rule['max-bytes'] / 1024 / 1024:.1f}MB" in field["description"]
