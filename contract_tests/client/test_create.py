"""Nobody pays twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

import apikley
from apikley import CreateOutcomeUnknown, Hailuo02ImageToVideoPro, RequestInvalid, TransportError
from contract_tests.client.fake_service import BOTH, Service, call_create, created, envelope

pytestmark = pytest.mark.parametrize("call", BOTH)

NEVER_SENT = {httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError}
ERRORS_OF_HTTPX = {
    error
    for error in vars(httpx2).values()
    if isinstance(error, type)
    and issubclass(error, httpx2.RequestError | httpx2.InvalidURL)
    and error not in (httpx2.RequestError, httpx2.TransportError, httpx2.TimeoutException, httpx2.NetworkError)
}

TOKEN = "a-token-of-the-caller"


def test_a_create_sends_one_request_with_the_key_and_returns_the_task(call: Any) -> None:
    service = Service(created("task_hailuo_42"))
    task, _ = call(service, call_create)
    (request,) = service.requests
    assert task.id == "task_hailuo_42"
    assert str(request.url) == "http://service.test/api/v1/jobs/createTask"
    assert request.headers["authorization"] == "Bearer sk-test-7f3a9c0d1e"
    assert json.loads(request.content) == {
        "model": "hailuo/02-image-to-video-pro",
        "input": {"prompt": "a ship", "image_url": "https://files.example.com/a.png"},
    }


def test_a_callback_url_is_sent_in_the_contracts_field(call: Any) -> None:
    service = Service(created())
    image = Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")
    call(service, lambda api: api.create(image, callback_url="https://me.test/cb?job=1"))
    assert json.loads(service.requests[0].content)["callBackUrl"] == "https://me.test/cb?job=1"


def test_create_raw_sends_the_body_unchanged(call: Any, example: dict[str, Any]) -> None:
    service = Service(created())
    call(service, lambda api: api.create_raw(example))
    assert json.loads(service.requests[0].content) == example


@pytest.mark.parametrize(
    "response",
    [
        httpx2.ReadTimeout("late"),
        httpx2.ReadError("reset"),
        httpx2.WriteError("broken pipe"),
        httpx2.WriteTimeout("stuck"),
        httpx2.RemoteProtocolError("Server disconnected without sending a response."),
        httpx2.Response(500, text="<html>oops</html>"),
        httpx2.Response(502, text="<html>bad gateway</html>"),
        httpx2.Response(503),
        httpx2.Response(504),
        httpx2.Response(408),
        httpx2.Response(599),
        httpx2.Response(303, headers={"location": "/elsewhere"}),
        httpx2.Response(200, text=""),
        httpx2.Response(200, text='{"code": 200, "data": {"taskId": "ta'),
        httpx2.Response(200, text="<html>welcome</html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json=None),
        httpx2.Response(200, json={"msg": "success"}),
        envelope(data=None),
        envelope(data={}),
        envelope(data={"taskId": ""}),
        envelope(data={"taskId": None}),
        envelope(data={"taskId": "  "}),
        httpx2.Response(200, text=r'{"code": 200, "data": {"taskId": "\ud800"}}'),
        envelope(status=500, data={"taskId": "task_1"}),
        envelope(code=599, msg="gateway"),
        envelope(code=408, msg="no result"),
        envelope(code=502, status=502),
    ],
    ids=repr,
)
def test_a_create_is_not_resent_after_a_lost_response(call: Any, response: Any) -> None:
    service = Service(response)
    with pytest.raises(CreateOutcomeUnknown) as caught:
        call(service, call_create, max_retries=5)
    assert len(service.requests) == 1
    assert caught.value.request["input"]["prompt"] == "a ship"
    assert "may have been created and paid" in str(caught.value)


@pytest.mark.parametrize("code", [429, 455])
@pytest.mark.parametrize("status", ["body", "status", "bare status"])
def test_a_create_is_resent_after_two_certain_refusals(call: Any, code: int, status: str) -> None:
    refusal = {
        "body": envelope(code=code),
        "status": envelope(code=code, status=code),
        "bare status": httpx2.Response(code),
    }[status]
    service = Service(refusal, refusal, created())
    task, clock = call(service, call_create)
    assert task.id == "task_hailuo_1"
    assert len(service.requests) == 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize("error", sorted(NEVER_SENT, key=repr))
def test_a_create_is_resent_if_no_connection_was_made(call: Any, error: type[Exception]) -> None:
    service = Service(error("refused"), created())
    task, _ = call(service, call_create)
    assert task.id == "task_hailuo_1"
    assert len(service.requests) == 2


@pytest.mark.parametrize("error", sorted(ERRORS_OF_HTTPX - NEVER_SENT, key=repr))
def test_a_create_is_not_resent_after_any_other_httpx2_error(call: Any, error: type[Exception]) -> None:
    service = Service(error("something"), created())
    with pytest.raises(CreateOutcomeUnknown):
        call(service, call_create)
    assert len(service.requests) == 1


def test_a_create_that_was_never_sent_is_a_transport_error(call: Any) -> None:
    service = Service(httpx2.ConnectError("refused"))
    with pytest.raises(TransportError, match=r"not sent: .* refused the connection"):
        call(service, call_create)
    assert len(service.requests) == 3


def test_max_retries_0_resends_nothing(call: Any) -> None:
    service = Service(envelope(code=429), created())
    with pytest.raises(apikley.RateLimited):
        call(service, call_create, max_retries=0)
    assert len(service.requests) == 1


@pytest.mark.parametrize("code", [401, 402, 404, 422, 500, 501, 505, 433])
def test_a_create_is_not_resent_after_a_final_refusal(call: Any, code: int) -> None:
    service = Service(envelope(code=code, msg="no"), created())
    with pytest.raises(apikley.ApiError) as caught:
        call(service, call_create)
    assert caught.value.code == code
    assert len(service.requests) == 1


def test_the_pause_before_a_resend_is_the_services_retry_after(call: Any) -> None:
    refusal = httpx2.Response(429, json={"code": 429}, headers={"retry-after": "7"})
    _, clock = call(Service(refusal, created()), call_create)
    assert clock.slept == [7.0]


def test_a_long_retry_after_is_capped(call: Any) -> None:
    refusal = httpx2.Response(429, json={"code": 429}, headers={"retry-after": "86400"})
    _, clock = call(Service(refusal, created()), call_create)
    assert clock.slept == [30.0]


def test_an_invalid_request_is_not_sent_and_lists_all_violations(call: Any) -> None:
    service = Service(created())
    wrong: Any = Hailuo02ImageToVideoPro(prompt="x" * 1812, image_url=3)  # type: ignore[arg-type]
    with pytest.raises(RequestInvalid) as caught:
        call(service, lambda api: api.create(wrong, callback_url="ftp://me.test/"))
    assert service.requests == []
    assert [(finding.pointer, finding.rule, finding.limit) for finding in caught.value.violations] == [
        ("/input/prompt", "maxLength", 1500),
        ("/input/image_url", "type", ["string"]),
        ("/callBackUrl", "format", "http(s) URL"),
    ]
    assert "input.prompt: 1,812 characters, at most 1,500" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "model: missing, but required"),
        ({"model": "hailuo/03"}, 'model: "hailuo/03" is not a known model'),
        ({"model": None}, "model: null is not a known model"),
        ({"model": "hailuo/02-image-to-video-pro", "input": {}}, "input.prompt: missing, but required"),
        ({"model": "hailuo/02-image-to-video-pro", "input": None}, "input: null is not of type"),
        ({"model": "hailuo/02-image-to-video-pro", "callBackUrl": ""}, 'callBackUrl: "" is not a "uri"'),
        ({"model": "hailuo/02-image-to-video-pro", "callBackUrl": "http:"}, 'callBackUrl: "http:" is not an http'),
        ({"model": "hailuo/02-image-to-video-pro", "x": object()}, "x: cannot be encoded as JSON"),
        ("a prompt", "request: str is not a request body"),
    ],
)
def test_an_invalid_body_is_refused_with_its_violations(call: Any, body: Any, words: str) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid) as caught:
        call(service, lambda api: api.create_raw(body))
    assert words in str(caught.value)
    assert service.requests == []


@pytest.mark.parametrize(
    "value", [object(), float("nan"), "\ud800", {1j: 2}], ids=["object", "nan", "surrogate", "key"]
)
def test_a_body_that_is_not_json_is_not_sent(call: Any, value: Any) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid, match=r"cannot be encoded as JSON|is not UTF-8 text"):
        call(service, lambda api: api.create_raw({"model": "hailuo/02-image-to-video-pro", "x": value}))
    assert service.requests == []


def test_a_token_is_added_to_the_callback_urls_query(call: Any) -> None:
    service = Service(created())
    image = Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")
    task, _ = call(
        service, lambda api: api.create(image, callback_url="https://me.test/cb?job=1#x", correlation_token=TOKEN)
    )
    sent = json.loads(service.requests[0].content)["callBackUrl"]
    assert sent == "https://me.test/cb?job=1&apikley_token=a-token-of-the-caller#x"
    assert task.token == TOKEN


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("HTTPS://me.test", "HTTPS://me.test?apikley_token=a-token-of-the-caller"),
        ("http://me.test/cb?", "http://me.test/cb?apikley_token=a-token-of-the-caller"),
        ("http://me.test/cb?a=?#?", "http://me.test/cb?a=?&apikley_token=a-token-of-the-caller#?"),
    ],
)
def test_a_token_leaves_the_rest_of_the_callback_url_unchanged(call: Any, url: str, sent: str) -> None:
    service = Service(created())
    image = Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")
    call(service, lambda api: api.create(image, callback_url=url, correlation_token=TOKEN))
    assert json.loads(service.requests[0].content)["callBackUrl"] == sent


class Markup(str):
    """A subclass of str, as template engines return it."""

    __slots__ = ()


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_subclass_of_str_is_sent_as_its_text(call: Any, token: str | None) -> None:
    service = Service(created())
    body = {
        Markup("model"): Markup("hailuo/02-image-to-video-pro"),
        "input": {"prompt": Markup("a ship"), "image_url": Markup("https://e.test/x.png"), "more": (Markup("x"),)},
    }
    call(
        service,
        lambda api: api.create_raw(
            body, allow_unknown_fields=True, callback_url=Markup("https://me.test/cb"), correlation_token=token
        ),
    )
    sent = json.loads(service.requests[0].content)
    assert sent["input"] == {"prompt": "a ship", "image_url": "https://e.test/x.png", "more": ["x"]}
    assert sent["callBackUrl"].startswith("https://me.test/cb")


@pytest.mark.parametrize("url", ["http://[bad", 123, "ftp://me.test", ""])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_malformed_callback_url_is_refused(call: Any, url: Any, token: str | None, example: dict[str, Any]) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid) as caught:
        call(service, lambda api: api.create_raw(example, callback_url=url, correlation_token=token))
    assert [finding.pointer for finding in caught.value.violations] == ["/callBackUrl"]
    assert "apikley_token" not in str(caught.value)
    assert service.requests == []


def test_create_raw_adds_a_token_to_the_callback_url(call: Any, example: dict[str, Any]) -> None:
    service = Service(created())
    body = {**example, "callBackUrl": "https://me.test/cb"}
    task, _ = call(service, lambda api: api.create_raw(body, correlation_token=TOKEN))
    assert json.loads(service.requests[0].content)["callBackUrl"] == f"https://me.test/cb?apikley_token={task.token}"
    assert body["callBackUrl"] == "https://me.test/cb", "the given body is not changed"


@pytest.mark.parametrize("file", ["missing.png", "\0"])
def test_violations_of_local_files_are_listed_in_the_order_of_the_request(call: Any, file: str) -> None:
    service = Service(created())
    body = {
        "callBackUrl": "ftp://me.test",
        "input": {"prompt": "x" * 2000, "image_url": apikley.LocalFile(file), "end_image_url": 7},
        "model": "hailuo/02-image-to-video-pro",
    }
    with pytest.raises(RequestInvalid) as caught:
        call(service, lambda api: api.create_raw(body))
    assert [finding.pointer for finding in caught.value.violations] == [
        "/callBackUrl",
        "/input/prompt",
        "/input/image_url",
        "/input/end_image_url",
    ]
    assert service.requests == []


def test_a_token_without_callback_url_is_one_of_the_violations(call: Any) -> None:
    body = {"model": "hailuo/02-image-to-video-pro", "input": {"prompt": "x"}}
    with pytest.raises(RequestInvalid) as caught:
        call(Service(created()), lambda api: api.create_raw(body, correlation_token=TOKEN))
    assert [finding.pointer for finding in caught.value.violations] == ["/input/image_url", "/callBackUrl"]


def test_a_lost_create_carries_its_token(call: Any) -> None:
    service = Service(httpx2.ReadTimeout("late"))
    image = Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")
    with pytest.raises(CreateOutcomeUnknown) as caught:
        call(service, lambda api: api.create(image, callback_url="https://me.test/cb", correlation_token=TOKEN))
    assert caught.value.token
    assert caught.value.request["callBackUrl"] == f"https://me.test/cb?apikley_token={caught.value.token}"


def test_a_token_needs_a_callback_url(call: Any) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid, match="missing, but correlation_token needs it"):
        call(
            service,
            lambda api: api.create(
                Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png"), correlation_token=TOKEN
            ),
        )
    assert service.requests == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interrupted_create_says_that_a_task_may_exist(call: Any, interruption: type[BaseException]) -> None:
    def interrupt(request: httpx2.Request) -> Any:
        raise interruption

    notes: list[str] = []

    def ask(api: Any) -> Any:
        if isinstance(api, apikley.Apikley):
            with pytest.raises(interruption) as caught:
                call_create(api)
            notes.extend(caught.value.__notes__)
            return None

        async def call_it_async() -> None:
            with pytest.raises(interruption) as caught:
                await call_create(api)
            notes.extend(caught.value.__notes__)

        return call_it_async()

    call(Service(interrupt), ask)
    assert notes[0].startswith("interrupted during a create: a task may have been created and paid")


def test_nothing_is_resent_after_the_retry_time(call: Any) -> None:
    refusal = httpx2.Response(429, json={"code": 429}, headers={"retry-after": "30"})
    service = Service(refusal)
    with pytest.raises(apikley.RateLimited) as caught:
        call(service, call_create, max_retries=100)
    assert len(service.requests) == 5
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interruption_before_a_resend_says_that_no_task_exists(call: Any, interruption: type[BaseException]) -> None:
    notes: list[str] = []

    def stop(_: float) -> Any:
        raise interruption

    def ask(api: Any) -> Any:
        api._state.clock.sleep = api._state.clock.async_sleep = stop
        if isinstance(api, apikley.Apikley):
            with pytest.raises(interruption) as caught:
                call_create(api)
            notes.extend(caught.value.__notes__)
            return None

        async def call_it_async() -> None:
            with pytest.raises(interruption) as caught:
                await call_create(api)
            notes.extend(caught.value.__notes__)

        return call_it_async()

    service = Service(httpx2.Response(429, json={"code": 429}, headers={"retry-after": "20"}))
    call(service, ask)
    assert notes == ["interrupted before the create was sent: no task was created"]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"callbackUrl": "https://me.test"}, "callbackUrl: unknown field; did you mean 'callBackUrl'?"),
        ({"zzz": 1}, "zzz: unknown field; allow_unknown_fields=True sends it"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(
    call: Any, change: dict[str, Any], message: str, example: dict[str, Any]
) -> None:
    service = Service(created())
    with pytest.raises(RequestInvalid) as caught:
        call(service, lambda api: api.create_raw({**example, **change}))
    assert str(caught.value) == message
    assert service.requests == []


def test_an_unknown_field_of_the_input_is_refused(call: Any) -> None:
    cat = Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")
    cat["image_ur"] = "x"
    with pytest.raises(RequestInvalid, match=r"^input\.image_ur: unknown field; did you mean 'image_url'\?$"):
        call(Service(created()), lambda api: api.create(cat))


def test_unknown_fields_are_sent_on_request(call: Any, example: dict[str, Any]) -> None:
    service = Service(created())
    call(service, lambda api: api.create_raw({**example, "zzz": 1}, allow_unknown_fields=True))
    assert json.loads(service.requests[0].content)["zzz"] == 1


def test_check_validates_and_sends_nothing(call: Any, example: dict[str, Any]) -> None:
    service = Service(created())
    call(service, lambda api: api.check(example))
    call(service, lambda api: api.check(Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")))
    with pytest.raises(RequestInvalid, match=r"input\.prompt: 1,501 characters, at most 1,500"):
        call(service, lambda api: api.check({**example, "input": {**example["input"], "prompt": "x" * 1501}}))
    assert service.requests == []


def test_create_takes_no_other_object(call: Any) -> None:
    with pytest.raises(RequestInvalid, match="int is not the input of a known model; for a whole body use create_raw"):
        call(Service(created()), lambda api: api.create(3))


@pytest.mark.parametrize("token", ["short", "a" * 129, "with a blank in it", 7, "ä" * 20])
def test_a_malformed_token_is_refused(call: Any, token: Any, example: dict[str, Any]) -> None:
    body = {**example, "callBackUrl": "https://me.test/cb"}
    with pytest.raises(RequestInvalid, match="correlation_token must be 16 to 128 letters"):
        call(Service(created()), lambda api: api.create_raw(body, correlation_token=token))
