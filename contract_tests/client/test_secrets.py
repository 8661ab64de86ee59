"""The key is in no error, log, repr or URL."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import httpx2
import pytest

from apikley import Apikley, ApikleyError, AsyncApikley, ConfigurationError
from contract_tests.client.fake_service import BOTH, Service, call_create, created, envelope
from contract_tests.conftest import KEY


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize(
    "response",
    [
        envelope(401, "no"),
        httpx2.Response(500, text="<html>"),
        httpx2.Response(200, text=""),
        httpx2.ReadError("reset"),
        httpx2.ConnectError("refused"),
        httpx2.Response(302, headers={"location": "http://elsewhere.test"}),
    ],
    ids=repr,
)
def test_no_error_and_no_log_holds_the_key(run: Any, response: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for call in (call_create, lambda api: api.get_task("task_1")):
        with pytest.raises(ApikleyError) as caught:
            run(Service(response), call, max_retries=0)
        error = caught.value
        assert KEY not in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert KEY not in caplog.text


def _quoted(request: httpx2.Request) -> str:
    return f"no, {request.headers['authorization']}!"


def _json(**body: Any) -> Any:
    """A response that quotes the key in place of `…`."""
    return lambda request: httpx2.Response(
        body["code"], text=json.dumps(body).replace(json.dumps("…")[1:-1], json.dumps(_quoted(request))[1:-1])
    )


ECHOES: dict[str, Any] = {
    "message of a refusal for now": _json(code=429, msg="…"),
    "message of a refusal": _json(code=401, msg="…"),
    "unknown code": _json(code=433, message="…", data={"seen": ["…"]}),
    "reason of a failed task": _json(code=200, data={"taskId": "task_1", "state": "fail", "failMsg": "…"}),
    "id of a created task": _json(code=200, data={"taskId": "…"}),
    "page of a proxy": lambda request: httpx2.Response(502, html=_quoted(request)),
    "page in place of a response": lambda request: httpx2.Response(200, html=_quoted(request)),
    "content type": lambda request: httpx2.Response(502, text="x", headers={"content-type": _quoted(request)}),
    "another header": lambda request: httpx2.Response(429, headers={"retry-after": _quoted(request)}),
    "JSON within JSON": lambda request: httpx2.Response(
        200, json={"code": 501, "msg": json.dumps({"saw": json.dumps(_quoted(request))}), "data": None}
    ),
}


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize("key", [KEY, 'sk/te+st-"7f<3a\\9'], ids=["plain", "to be escaped"])
@pytest.mark.parametrize("response", ECHOES.values(), ids=ECHOES)
def test_a_key_that_the_service_quotes_is_in_no_error_and_no_log(
    run: Any, response: Any, key: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.client.fake_service.KEY", key)
    caplog.set_level(logging.DEBUG, "apikley")
    seen = ""
    for call in (call_create, lambda api: api.wait("task_1", 0), lambda api: api.get_credits()):
        try:
            seen += repr(run(Service(response), call, max_retries=1)[0])
        except ApikleyError as error:
            seen += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
            seen += repr(vars(vars(error).get("task", error)))
    seen += caplog.text
    assert "***" in seen or "no, " not in seen
    for spelled in (key, json.dumps(key)[1:-1], repr(key)[1:-1], key[:9]):
        assert spelled not in seen


def test_a_short_key_is_not_redacted_in_responses() -> None:
    with Apikley("task", base_url="http://s.test", http_client=httpx2.MockTransport(Service(created()))) as api:
        assert call_create(api).id == "task_hailuo_1"


def test_no_repr_holds_the_key() -> None:
    api = Apikley(KEY)
    assert KEY not in repr(api) + repr(AsyncApikley(KEY)) + repr(vars(api)) + repr(vars(api._state))
    api.close()


def test_the_key_is_sent_only_in_its_header() -> None:
    service = Service(created())
    BOTH[0](service, call_create)
    (request,) = service.requests
    assert KEY not in str(request.url) + request.content.decode()
    assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]


def test_a_download_does_not_carry_the_key(tmp_path: Any) -> None:
    from contract_tests.client.fake_service import details

    polled = details("success", resultJson='{"resultUrls":["http://files.test/a.mp4"]}')
    elsewhere = httpx2.Response(302, headers={"location": "http://cdn.test/a.mp4"})
    service = Service(polled, elsewhere, httpx2.Response(200, content=b"video"))
    BOTH[0](service, lambda api: api.download("task_1", tmp_path / "a.mp4"))
    assert [str(request.url) for request in service.requests[1:]] == [
        "http://files.test/a.mp4",
        "http://cdn.test/a.mp4",
    ]
    assert not any("authorization" in request.headers for request in service.requests[1:])


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\u00e9", "", "  "])
def test_a_malformed_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Apikley(key)
    assert KEY not in str(caught.value)
