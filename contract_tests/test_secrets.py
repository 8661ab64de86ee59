"""The key is in nothing that is printed."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import httpx
import pytest

from apikley import Apikley, ApikleyError, AsyncApikley, ConfigurationError
from contract_tests.conftest import KEY
from contract_tests.services import BOTH, Service, ask_create, created, envelope


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize(
    "answer",
    [
        envelope(401, "no"),
        httpx.Response(500, text="<html>"),
        httpx.Response(200, text=""),
        httpx.ReadError("reset"),
        httpx.ConnectError("refused"),
        httpx.Response(302, headers={"location": "http://elsewhere.test"}),
    ],
    ids=repr,
)
def test_no_error_and_no_log_holds_the_key(run: Any, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for call in (ask_create, lambda api: api.task("task_1")):
        with pytest.raises(ApikleyError) as caught:
            run(Service(answer), call, retries=0)
        error = caught.value
        assert KEY not in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert KEY not in caplog.text


def test_no_repr_holds_the_key() -> None:
    api = Apikley(KEY)
    assert KEY not in repr(api) + repr(AsyncApikley(KEY)) + repr(vars(api)) + repr(vars(api._settings))
    api.close()


def test_no_request_holds_the_key_anywhere_but_in_its_header() -> None:
    service = Service(created())
    BOTH[0](service, ask_create)
    (request,) = service.requests
    assert KEY not in str(request.url) + request.content.decode()
    assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]


def test_a_download_does_not_carry_the_key(tmp_path: Any) -> None:
    from contract_tests.services import details

    looked = details("success", resultJson='{"resultUrls":["http://files.test/a.mp4"]}')
    elsewhere = httpx.Response(302, headers={"location": "http://cdn.test/a.mp4"})
    service = Service(looked, elsewhere, httpx.Response(200, content=b"video"))
    BOTH[0](service, lambda api: api.download("task_1", tmp_path / "a.mp4"))
    assert [str(request.url) for request in service.requests[1:]] == [
        "http://files.test/a.mp4",
        "http://cdn.test/a.mp4",
    ]
    assert not any("authorization" in request.headers for request in service.requests[1:])


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\u00e9", "", "  "])
def test_a_malformed_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Apikley(key)
    assert KEY not in str(caught.value)
