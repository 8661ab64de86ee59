"""Pages are fetched from http(s) addresses, and recorded addresses are fetched again."""

from __future__ import annotations

import gzip
import http.server
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, DAY, PAGES
from scripts.pipeline import generated
from scripts.pipeline.io import ROOT, dump, read
from scripts.pipeline.issues import SpecError
from scripts.pipeline.replace_files import files
from scripts.pipeline.sources import fetch
from scripts.pipeline.update import Options, Project, update
from scripts.pipeline.vendored import addresses, records

NAME, OTHER = "market/acme/1-fast.json", "market/hailuo/02-image-to-video-pro.json"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves a test page, and invalid ones."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/acme.md")
            self.end_headers()
            return
        body = {"/acme.md": PAGES[ACME].read_bytes(), "/large": b"x" * 5000, "/binary": b"\xff\xfe"}.get(self.path)
        body = gzip.compress(bytes(50_000_000)) if self.path == "/bomb" else body
        self.send_response(200 if body or self.path == "/slow" else 404)
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.path == "/slow":
            time.sleep(1)
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the build, because only fetching and recording matter."""
    monkeypatch.setattr(generated, "make", lambda to, _: shutil.copytree(ROOT / "generated", to) and "")


@pytest.mark.parametrize("path", ["/acme.md", "/moved"])
def test_an_address_is_fetched(site: str, path: str) -> None:
    source = fetch(site + path)
    assert (source.content, source.recorded) == (PAGES[ACME].read_bytes(), site + path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none", "returned HTTP 404"),
        ("/large", "is larger than 4,000 bytes"),
        ("/slow", "timed out after 0.2 s"),
        ("/binary", "is not UTF-8 text"),
    ],
)
def test_an_address_without_a_page_is_refused(site: str, path: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        _ = fetch(
            site + path, max_bytes=4000 if path == "/large" else 10**6, timeout=0.2 if path == "/slow" else 5
        ).text
    assert message in str(caught.value)


@pytest.mark.parametrize("address", ["ftp://e.test/x", "http://[::1", "http://"])
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(SpecError, match="is not an http or https address without a password"):
        fetch(address)


@pytest.mark.parametrize("login", ["user:secret", "user:s/secret", "secret", "u:secret@x"])
def test_an_address_with_a_password_is_refused_without_repeating_the_password(login: str) -> None:
    with pytest.raises(SpecError) as caught:
        fetch(f"https://{login}@e.test/page.md")
    assert str(caught.value) == "https://…@e.test/page.md: is not an http or https address without a password in it"


def test_an_unreachable_server_is_reported() -> None:
    with pytest.raises(SpecError, match="cannot be fetched: "):
        fetch("http://127.0.0.1:9/page.md")


@pytest.mark.usefixtures("quick")
def test_a_file_keeps_the_recorded_address_of_its_page(project: Project, site: str, tmp_path: Path) -> None:
    changed = tmp_path / "local.txt"
    changed.write_text(read(PAGES[ACME]).replace("maxLength: 300", "maxLength: 400"), encoding="utf-8")
    address, vendored = f"{site}/acme.md", project.openapi / "vendored"
    with pytest.raises(SpecError, match=r"has no address to fetch; run once: scripts/update-spec URL"):
        addresses(vendored)
    for source in (address, str(changed), str(PAGES[ACME])):
        assert update(project, Options((source,)), DAY) == 0
    record = records(vendored)[NAME]
    assert (record["source"], record["address"]) == ("acme-1-fast.page.txt", address)
    assert addresses(vendored) == [address]
    assert update(project, Options(()), DAY) == 0
    assert "address" not in records(vendored)[NAME]


@pytest.mark.usefixtures("quick")
def test_pages_without_an_address_are_listed(project: Project, site: str, capsys: pytest.CaptureFixture[str]) -> None:
    update(project, Options((f"{site}/acme.md",)), DAY)
    capsys.readouterr()
    assert update(project, Options((), check=True), DAY) == 0
    assert f"\n{OTHER}: has no recorded address and is not fetched" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("check", [True, False])
def test_an_address_that_fails_does_not_stop_the_others(
    project: Project, site: str, capsys: pytest.CaptureFixture[str], check: bool
) -> None:
    update(project, Options((f"{site}/acme.md",)), DAY)
    path = project.openapi / "vendored" / "sources.json"
    recorded = records(path.parent)
    recorded[OTHER]["source"] = f"{site}/none"
    recorded[NAME]["sha256"] = "another"
    path.write_text(dump(recorded), encoding="utf-8")
    capsys.readouterr()
    assert update(project, Options((), check=check), DAY) == 1
    output = capsys.readouterr()
    assert f"{site}/acme.md: updated, {ACME}" in output.out
    assert f"{site}/none: refused: returned HTTP 404\n" in output.out
    assert "1 of 2 pages refused\n" in output.err
    assert (records(path.parent)[NAME]["sha256"] == "another") is check


def test_nothing_is_updated_if_all_addresses_fail(project: Project, site: str) -> None:
    path = project.openapi / "vendored" / "sources.json"
    path.write_text(read(path).replace("hailuo-02-image-to-video-pro.page.txt", f"{site}/none"), encoding="utf-8")
    before = files(project.root)
    assert update(project, Options(()), DAY) == 1
    assert files(project.root) == before


def test_a_compressed_page_is_refused_before_it_is_unpacked(site: str) -> None:
    with pytest.raises(SpecError, match=r"/bomb.*responded in the encoding 'gzip'"):
        fetch(f"{site}/bomb")


def test_unusable_network_settings_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    with pytest.raises(SpecError, match="cannot be fetched with the proxy and certificates of the environment"):
        fetch("http://pages.test/page.md")
