"""The simulator responds only to requests for its own names, so that no web page can read it."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from apikley_mock.control import scenario
from apikley_mock.control.vocabulary import Settings, VocabularyError
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from contract_tests.simulator.simulators import CREDITS

PATHS = ["/", "/__mock__/", "/__mock__/journal", CREDITS, "/results/x.mp4", "/files/x"]
OWN = ["localhost", "LOCALHOST:80", "a.localhost", "localhost.", "127.0.0.1", "127.9.9.9:1", "[::1]:80", "[::1]"]
STREAM = "/file-upload/api/file-stream-upload"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"]
)
@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_name_is_refused_on_every_path(apikley_mock: MockService, path: str, host: str) -> None:
    before = len(apikley_mock.journal)
    headers = {"Host": host, "Authorization": f"Bearer {apikley_mock.api_key}"}
    response = httpx2.get(apikley_mock.url + path, headers=headers)
    assert (response.status_code, "--allow-host" in response.text) == (403, True)
    assert len(apikley_mock.journal) == before


def test_a_reset_for_a_foreign_name_does_nothing(apikley_mock: MockService, http: httpx2.Client) -> None:
    http.get(CREDITS)
    assert httpx2.post(f"{apikley_mock.url}/__mock__/reset", headers={"Host": "evil.example"}).status_code == 403
    assert len(apikley_mock.journal) == 1


@pytest.mark.parametrize("host", OWN)
def test_localhost_and_addresses_are_allowed(apikley_mock: MockService, host: str) -> None:
    assert httpx2.get(f"{apikley_mock.url}/__mock__/state", headers={"Host": host}).status_code == 200


def test_a_name_can_be_allowed() -> None:
    server = ThreadedServer(Simulator(Service(Settings(hosts=["simulator"]))))
    server.start()
    try:
        statuses = {
            host: httpx2.get(f"{server.url}/__mock__/state", headers={"Host": host}).status_code
            for host in ("simulator:8080", "Simulator", "other")
        }
    finally:
        server.stop()
    assert statuses == {"simulator:8080": 200, "Simulator": 200, "other": 403}


def test_an_uploaded_page_cannot_act_in_the_simulators_name(http: httpx2.Client) -> None:
    files = {"file": ("page.html", b"<script>fetch('/__mock__/reset')</script>", "text/html")}
    url = http.post(STREAM, files=files, data={"uploadPath": "pages"}).json()["data"]["downloadUrl"]
    headers = httpx2.get(url).headers
    assert (headers["content-security-policy"], headers["x-content-type-options"]) == ("sandbox", "nosniff")


def test_the_page_cannot_be_framed(apikley_mock: MockService) -> None:
    policy = httpx2.get(f"{apikley_mock.url}/__mock__/").headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy


def test_a_number_of_thousands_of_digits_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f"seed = {'7' * 5000}\n", encoding="utf-8")
    with pytest.raises(VocabularyError, match=r"s\.toml: not TOML: "):
        scenario.load(tmp_path / "s.toml")
