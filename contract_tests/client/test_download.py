"""A download saves a complete file or none."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest

from apikley import NoResult, RequestInvalid, TransportError
from apikley._model.partial_file import PartialFile
from apikley.testing import ManualClock
from contract_tests.client.fake_service import BOTH, Service, call_sync, details, envelope

pytestmark = pytest.mark.parametrize("run", BOTH)
DONE = details("success", resultJson='{"resultUrls":["http://files.test/a.mp4"]}')


def _download(target: Path) -> Any:
    return lambda api: api.download("task_hailuo_1", target)


def test_the_result_is_saved_under_the_given_name(run: Any, tmp_path: Path) -> None:
    run(Service(DONE, httpx2.Response(200, content=b"video")), _download(tmp_path / "a.mp4"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"video"}


def test_an_existing_file_stays_until_the_new_one_is_complete(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(TransportError, match="broke off"):
        run(Service(DONE, httpx2.ReadError("reset")), _download(tmp_path / "a.mp4"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"old"}


@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_error_page_is_not_saved(run: Any, tmp_path: Path, status: int) -> None:
    with pytest.raises(TransportError, match=f"HTTP {status}"):
        run(Service(DONE, httpx2.Response(status, content=b"<html>")), _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_a_result_has_nothing_to_download(run: Any, tmp_path: Path) -> None:
    with pytest.raises(NoResult, match="task task_hailuo_1 has 0 results, index 0 is out of range; state: generating"):
        run(Service(details("generating", resultJson="")), _download(tmp_path / "a.mp4"))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "ftp://x.test/a"])
def test_only_http_urls_are_fetched(run: Any, tmp_path: Path, url: str) -> None:
    service = Service(details("success", resultJson=f'{{"resultUrls":["{url}"]}}'))
    with pytest.raises(TransportError, match="is not an http or https URL"):
        run(service, _download(tmp_path / "a.mp4"))
    assert len(service.requests) == 1


BODY = bytes(range(256)) * 40
LINK = {"etag": '"v1"', "content-type": "video/mp4"}


class Cut(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that is cut."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Any:
        yield self.content
        raise httpx2.ReadError("reset")

    async def __aiter__(self) -> Any:
        yield self.content
        raise httpx2.ReadError("reset")


class Body(Cut):
    """A body that comes from the network, in chunks."""

    def __iter__(self) -> Any:
        yield from (self.content[start : start + 1024] for start in range(0, len(self.content), 1024))

    async def __aiter__(self) -> Any:
        for chunk in self:
            yield chunk


class Files(Service):
    """Serves BODY, cut at the given positions, one for each connection."""

    def __init__(self, *cuts: int, ranges: bool = True, version: str = '"v1"', **headers: str) -> None:
        super().__init__(DONE)
        self.cuts = list(cuts)
        self.ranges = ranges
        self.headers = {"etag": version, "content-type": "video/mp4", **headers}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.url.host != "files.test":
            return httpx2.Response(200, headers=DONE.headers, content=DONE.content)
        start = 0
        requested = request.headers.get("range")
        if requested and self.ranges and request.headers.get("if-range") == self.headers["etag"]:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
        rest = BODY[start:]
        headers = {**self.headers, "content-length": str(len(rest))}
        if start:
            headers["content-range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        if self.cuts:
            return httpx2.Response(206 if start else 200, headers=headers, stream=Cut(rest[: self.cuts.pop(0)]))
        return httpx2.Response(206 if start else 200, headers=headers, content=rest)


def _ranges(service: Service) -> list[str | None]:
    return [request.headers.get("range") for request in service.requests[1:]]


def test_a_broken_download_is_resumed(run: Any, tmp_path: Path) -> None:
    service = Files(1000, 500)
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY
    assert _ranges(service) == [None, "bytes=1000-", "bytes=1500-"]


def test_a_download_is_resumed_while_it_makes_progress(run: Any, tmp_path: Path) -> None:
    service = Files(*[1000] * 9)
    run(service, _download(tmp_path / "a.mp4"), max_retries=1)
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def test_a_download_without_progress_is_given_up(run: Any, tmp_path: Path) -> None:
    service = Files(1000, *[0] * 50)
    with pytest.raises(TransportError, match="the download broke off"):
        run(service, _download(tmp_path / "a.mp4"))
    assert len(service.requests) == 1 + 1 + 2
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_ranges_gets_a_full_request(run: Any, tmp_path: Path) -> None:
    service = Files(1000, ranges=False)
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def test_a_changed_file_is_fetched_from_the_start(run: Any, tmp_path: Path) -> None:
    service = Files(1000)
    first = service.__call__

    def changing(request: httpx2.Request) -> httpx2.Response:
        response = first(request)
        service.headers["etag"] = '"v2"'
        return response

    run(Service(DONE, changing), _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def _part(start: int, end: int) -> httpx2.Response:
    headers = {**LINK, "content-range": f"bytes {start}-{end - 1}/{len(BODY)}"}
    return httpx2.Response(206, headers=headers, content=BODY[start:end])


def test_a_short_range_is_continued(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, Files(1000), _part(1000, 1500), _part(1500, len(BODY)))
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY
    assert _ranges(service) == [None, "bytes=1000-", "bytes=1500-"]


def test_an_incomplete_file_is_not_saved(run: Any, tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=f"the result cannot be downloaded: 1,000 of {len(BODY):,} bytes arrived"):
        run(Service(DONE, Files(1000), _part(1000, 1000)), _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_range_is_discarded(run: Any, tmp_path: Path) -> None:
    wrong = httpx2.Response(206, headers={**LINK, "content-range": "bytes 5-9/20"}, content=b"wrong")
    whole = httpx2.Response(200, headers=LINK, content=BODY)
    cut = Files(1000)
    cut.requests.append(httpx2.Request("GET", "http://x.test"))
    service = Service(DONE, cut, wrong, whole)
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY


OTHER = bytes(reversed(BODY))


@pytest.mark.parametrize(
    "changed",
    [
        {"etag": '"v2"'},
        {"etag": ""},
        {"last-modified": "Fri, 02 Jan 2026 00:00:00 GMT"},
        {"content-type": "image/png"},
        {"content-encoding": "gzip"},
        {"content-range": f"bytes 1000-{len(BODY) - 1}/{len(BODY) + 1}"},
        {"content-range": f"bytes 999-{len(BODY) - 1}/{len(BODY)}"},
        {"content-range": ""},
    ],
    ids=str,
)
def test_a_part_of_another_file_is_not_used(run: Any, tmp_path: Path, changed: dict[str, str]) -> None:
    first = {**LINK, "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    # This server does not honour If-Range: it sends a part although the file has changed.
    headers = {**first, "content-range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}", **changed}
    part = httpx2.Response(206, headers={name: value for name, value in headers.items() if value}, stream=Body(OTHER))
    cut = httpx2.Response(200, headers={**first, "content-length": str(len(BODY))}, stream=Cut(BODY[:1000]))
    service = Service(DONE, lambda _: cut, lambda _: part, httpx2.Response(200, headers=LINK, content=OTHER))
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == OTHER
    assert _ranges(service) == [None, "bytes=1000-", None]


def test_a_part_may_leave_out_what_the_first_response_said(run: Any, tmp_path: Path) -> None:
    headers = {"etag": LINK["etag"], "content-range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"}
    service = Service(DONE, Files(1000), httpx2.Response(206, headers=headers, content=BODY[1000:]))
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def test_a_part_that_is_sent_as_a_whole_file_is_not_used(run: Any, tmp_path: Path) -> None:
    headers = {**LINK, "content-range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"}
    part = httpx2.Response(200, headers=headers, content=BODY[1000:])
    whole = httpx2.Response(200, headers=LINK, content=BODY)
    run(Service(DONE, Files(1000), part, whole), _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY
    with pytest.raises(TransportError, match="the server sent a part as if it were the whole file"):
        run(Service(DONE, part), _download(tmp_path / "b.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def _encoded(content: bytes, encoding: str) -> Any:
    headers = {"content-type": "video/mp4", "content-encoding": encoding}
    return lambda _: httpx2.Response(200, headers=headers, stream=Body(content))


def test_a_compressed_file_is_unpacked(run: Any, tmp_path: Path) -> None:
    run(Service(DONE, _encoded(gzip.compress(BODY), "gzip")), _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (gzip.compress(BODY)[:-20], "gzip", "the gzip stream is cut"),
        (gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), "gzip", "more follows the gzip stream"),
        (BODY, "gzip", "not compressed as it says"),
        (gzip.compress(gzip.compress(BODY)), "gzip, gzip", "has the encoding 'gzip, gzip', not identity"),
        (BODY, "br", "has the encoding 'br', not identity"),
    ],
    ids=["cut", "members", "plain", "twice", "br"],
)
def test_any_other_compression_is_refused(run: Any, tmp_path: Path, content: bytes, encoding: str, reason: str) -> None:
    with pytest.raises(TransportError, match=reason):
        run(Service(DONE, _encoded(content, encoding)), _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_a_compressed_file_that_grows_too_large_is_given_up(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, _encoded(gzip.compress(bytes(50_000_000)), "gzip"))
    with pytest.raises(TransportError, match="is larger than 5,000 bytes"):
        run(service, lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", max_bytes=5_000))


def test_a_name_with_a_nul_is_refused_before_anything_is_fetched(run: Any, tmp_path: Path) -> None:
    service = Service(DONE)
    with pytest.raises(OSError, match="the file name contains a NUL"):
        run(service, _download(tmp_path / "a\0.mp4"))
    assert service.requests == []


def test_an_existing_file_can_be_kept(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    service = Service(DONE, httpx2.Response(200, headers=LINK, content=BODY))
    with pytest.raises(FileExistsError, match="exists and is not replaced"):
        run(service, lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", overwrite=False))
    assert service.requests == []
    assert (tmp_path / "a.mp4").read_bytes() == b"old"


@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_a_file_that_appears_during_the_download_can_be_kept(run: Any, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "a.mp4"

    def appear(_: httpx2.Request) -> httpx2.Response:
        if kind == "file":
            target.write_bytes(b"other")
        else:
            target.symlink_to(tmp_path / "nothing")
        return httpx2.Response(200, headers=LINK, content=BODY)

    with pytest.raises(FileExistsError, match="exists and is not replaced"):
        run(Service(DONE, appear), lambda api: api.download("task_hailuo_1", target, overwrite=False))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert target.is_symlink() or target.read_bytes() == b"other"


def test_a_new_file_is_saved_without_permission_to_replace(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, httpx2.Response(200, headers=LINK, content=BODY))
    run(service, lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", overwrite=False))
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def test_errors_about_a_file_host_do_not_speak_of_the_base_url(run: Any, tmp_path: Path) -> None:
    for error in (httpx2.RemoteProtocolError("illegal status line"), httpx2.ConnectError("refused")):
        with pytest.raises(TransportError) as caught:
            run(Service(DONE, error), _download(tmp_path / "a.mp4"))
        assert "base URL" not in str(caught.value)
        assert "service.test" not in str(caught.value)


def test_a_bare_error_of_the_network_is_a_transport_error(run: Any, tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"the download broke off: .*bad record"):
        run(Service(DONE, ssl.SSLError("bad record")), _download(tmp_path / "a.mp4"))


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_expired_link_is_replaced_once(run: Any, tmp_path: Path, status: int) -> None:
    fresh = envelope(data="http://files.test/fresh.mp4")
    service = Service(DONE, httpx2.Response(status), fresh, httpx2.Response(200, headers=LINK, content=b"video"))
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == b"video"
    assert json.loads(service.requests[2].content) == {"url": "http://files.test/a.mp4"}
    assert str(service.requests[3].url) == "http://files.test/fresh.mp4"
    service = Service(DONE, httpx2.Response(status), fresh, httpx2.Response(status))
    with pytest.raises(TransportError, match=f"HTTP {status}"):
        run(service, _download(tmp_path / "b.mp4"))
    assert len(service.requests) == 4


def test_an_expired_link_that_cannot_be_replaced_is_reported(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, httpx2.Response(403), envelope(422, "not ours"))
    with pytest.raises(TransportError, match=r"expired \(HTTP 403\), and the service gave no new one: 422: not ours"):
        run(service, _download(tmp_path / "a.mp4"))


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "application/a+json", "text/xml"])
def test_an_html_page_is_not_saved(run: Any, tmp_path: Path, kind: str) -> None:
    service = Service(DONE, httpx2.Response(200, headers={"content-type": kind}, content=b"sorry"))
    with pytest.raises(TransportError, match=re.escape(f"the result is {kind.partition(';')[0]}, not a media file")):
        run(service, _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("headers", [{"content-length": str(len(BODY))}, {"transfer-encoding": "chunked"}])
def test_a_file_over_max_bytes_is_given_up(run: Any, tmp_path: Path, headers: dict[str, str]) -> None:
    def response(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={**LINK, **headers}, stream=httpx2.ByteStream(BODY))

    with pytest.raises(TransportError, match="is larger than 5,000 bytes"):
        run(Service(DONE, response), lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", max_bytes=5_000))
    assert list(tmp_path.iterdir()) == []


def test_a_download_has_a_timeout(run: Any, tmp_path: Path) -> None:
    clocks: list[ManualClock] = []

    def start(api: Any) -> Any:
        clocks.append(api._state.clock)
        return api.download("task_hailuo_1", tmp_path / "a.mp4", timeout=60)

    def slow(_: httpx2.Request) -> httpx2.Response:
        clocks[0].sleep(61)
        return httpx2.Response(200, headers=LINK, content=BODY)

    with pytest.raises(TransportError, match="took too long"):
        run(Service(DONE, slow), start)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [408, 429, 503])
def test_a_busy_file_host_is_retried_for_the_rest_of_the_file(run: Any, tmp_path: Path, status: int) -> None:
    busy = httpx2.Response(status, headers={"retry-after": "7"}, content=b"<html>later")
    service = Service(DONE, busy, Files(1000), busy, _part(1000, len(BODY)))
    _, clock = run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == BODY
    assert clock.slept[::2] == [7.0, 7.0]
    assert _ranges(service) == [None, None, "bytes=1000-", "bytes=1000-"]


def test_a_file_host_that_stays_busy_is_given_up(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, httpx2.Response(429))
    with pytest.raises(TransportError, match="the result cannot be downloaded: HTTP 429"):
        run(service, _download(tmp_path / "a.mp4"))
    assert len(service.requests) == 1 + 3


def test_no_pause_exceeds_the_timeout_of_a_download(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, httpx2.Response(429, headers={"retry-after": "20"}))
    with pytest.raises(TransportError, match="HTTP 429"):
        run(service, lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", timeout=10))
    assert len(service.requests) == 2


def test_an_empty_file_is_not_a_result(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, httpx2.Response(200, headers=LINK), httpx2.Response(200, headers=LINK, content=b"video"))
    run(service, _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == b"video"
    with pytest.raises(TransportError, match="the result cannot be downloaded: the file is empty"):
        run(Service(DONE, httpx2.Response(200, headers=LINK)), _download(tmp_path / "b.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that arrives byte by byte."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Any:
        return (bytes([byte]) for byte in self.content)

    async def __aiter__(self) -> Any:
        for piece in self:
            yield piece


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/octet-stream"}], ids=["none", "any"])
@pytest.mark.parametrize("page", [b"<!doctype html>", b"\xef\xbb\xbf\r\n <?xml", b' {"code": 404}', b"[]"])
def test_a_page_without_content_type_is_not_saved(
    run: Any, tmp_path: Path, page: bytes, headers: dict[str, str]
) -> None:
    service = Service(DONE, lambda _: httpx2.Response(200, headers=headers, stream=Pieces(page)))
    with pytest.raises(TransportError, match="the result is text, not a media file"):
        run(service, _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"\0\0\0<ftyp", b"\n\n\0{"])
def test_a_binary_file_of_unknown_type_is_saved(run: Any, tmp_path: Path, content: bytes) -> None:
    run(Service(DONE, httpx2.Response(200, content=content)), _download(tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == content


def test_a_pipe_is_not_replaced_by_a_file(run: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        service = Service(DONE, httpx2.Response(200, headers=LINK, content=BODY))
        with pytest.raises(FileExistsError, match="a device, pipe or socket"):
            run(service, _download(tmp_path / name))
        assert service.requests == []
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_a_folder_is_not_overwritten(run: Any, tmp_path: Path) -> None:
    service = Service(DONE, httpx2.Response(200, headers=LINK, content=BODY))
    with pytest.raises(IsADirectoryError, match="name the file itself"):
        run(service, _download(tmp_path))
    assert service.requests == []


def test_a_symlink_is_replaced_and_not_followed(run: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"untouched")
    (tmp_path / "a.mp4").symlink_to(tmp_path / "elsewhere")
    run(Service(DONE, httpx2.Response(200, headers=LINK, content=b"video")), _download(tmp_path / "a.mp4"))
    assert (tmp_path / "elsewhere").read_bytes() == b"untouched"
    assert (tmp_path / "a.mp4").read_bytes() == b"video"


def test_a_full_disk_leaves_no_file(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartialFile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        run(Service(DONE, httpx2.Response(200, headers=LINK, content=b"video")), _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_the_default_permissions(run: Any, tmp_path: Path) -> None:
    run(Service(DONE, httpx2.Response(200, headers=LINK, content=b"video")), _download(tmp_path / "a.mp4"))
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_progress_is_reported_after_each_chunk(run: Any, tmp_path: Path) -> None:
    reported: list[tuple[int, int | None]] = []
    service = Service(DONE, httpx2.Response(200, content=b"video", headers={"content-length": "5"}))
    run(
        service,
        lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", on_progress=lambda *all: reported.append(all)),
    )
    assert reported[-1] == (5, 5)


def test_progress_functions_can_be_sync_or_async(run: Any, tmp_path: Path) -> None:
    reported: list[int] = []

    async def later(come: int, _: int | None) -> None:
        await asyncio.sleep(0)
        reported.append(come)

    def now(come: int, _: int | None) -> None:
        reported.append(come)

    tell = now if run is call_sync else later
    service = Service(DONE, lambda _: httpx2.Response(200, headers=LINK, stream=Pieces(b"video")))
    run(service, lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", on_progress=tell))
    assert reported == [1, 2, 3, 4, 5]


def test_a_task_downloads_its_own_result(run: Any, tmp_path: Path) -> None:
    async def save(api: Any) -> Any:
        return await (await api.get_task("task_hailuo_1")).download(tmp_path / "a.mp4", index=-1)

    def save_sync(api: Any) -> Any:
        return api.get_task("task_hailuo_1").download(tmp_path / "a.mp4", index=-1)

    service = Service(DONE, httpx2.Response(200, headers=LINK, content=b"video"))
    assert run(service, save_sync if run is call_sync else save)[0] == tmp_path / "a.mp4"
    assert (tmp_path / "a.mp4").read_bytes() == b"video"
    assert len(service.requests) == 2, "one poll, and no second one for the download"


def test_a_response_without_a_link_is_reported(run: Any) -> None:
    with pytest.raises(TransportError, match="the response is a success, but holds no link"):
        run(Service(envelope(data=None)), lambda api: api.get_download_url("http://files.test/a.mp4"))


@pytest.mark.parametrize(
    "url",
    ["http://[::1/x", "http://", "http:///x", "http://a..b/x", "http://\\ud800/x", "http://x:0/"],
)
def test_a_url_without_a_usable_host_is_not_fetched(run: Any, tmp_path: Path, url: str) -> None:
    service = Service(details("success", resultJson=f'{{"resultUrls":["{url}"]}}'))
    with pytest.raises(TransportError, match="the result's URL is not an http or https URL with a host"):
        run(service, _download(tmp_path / "a.mp4"))
    assert len(service.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://[::1/x", "http://", "file:///etc/passwd"])
def test_a_redirect_to_an_unusable_url_is_a_transport_error(run: Any, tmp_path: Path, url: str) -> None:
    service = Service(DONE, httpx2.Response(302, headers={"location": url}))
    with pytest.raises(TransportError, match="the download broke off: "):
        run(service, _download(tmp_path / "a.mp4"), max_retries=0)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_progress_function_is_raised(run: Any, tmp_path: Path) -> None:
    def broken(*_: Any) -> None:
        raise UnicodeError("of my own")

    service = Service(DONE, httpx2.Response(200, content=b"video"))
    with pytest.raises(UnicodeError, match="of my own"):
        run(service, lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", on_progress=broken))


def test_the_longest_file_name_can_be_used(run: Any, tmp_path: Path) -> None:
    target = tmp_path / ("\u732b" * 82 + ".mp4")
    run(Service(DONE, httpx2.Response(200, headers=LINK, content=b"video")), _download(target))
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_the_umask_is_not_changed(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[int] = []
    monkeypatch.setattr("os.umask", masks.append)
    run(Service(DONE, httpx2.Response(200, headers=LINK, content=b"video")), _download(tmp_path / "a.mp4"))
    assert masks == []


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("index", "0", "index: '0', expected a whole number"),
        ("max_bytes", float("nan"), "max_bytes: nan, expected a whole number, 0 or more"),
        ("timeout", float("nan"), "timeout: nan, expected a number of seconds from 0 to 1,000,000,000"),
        ("timeout", -1, "timeout: -1, expected a number of seconds from 0 to 1,000,000,000"),
    ],
)
def test_an_invalid_option_is_refused(run: Any, tmp_path: Path, option: str, value: Any, words: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        run(Service(DONE), lambda api: api.download("task_hailuo_1", tmp_path / "a.mp4", **{option: value}))
    assert str(caught.value) == words
    assert list(tmp_path.iterdir()) == []
