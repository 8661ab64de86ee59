"""A callback is verified, stored, acknowledged, and then handled, once."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from apikley.errors import ConfigurationError
from apikley.receiver import Event, Inbox, Receiver, Retries
from apikley.receiver import _gate as gate
from apikley.receiver import _workers as workers
from apikley.receiver._records import Outcome
from contract_tests.receivers import (
    START,
    WEBHOOK_KEY,
    AsyncService,
    DrivenClock,
    Make,
    Service,
    body_of,
    deliver,
    post,
    signed,
)

OK = {"code": 200, "msg": "success"}
TOKEN = "tok-" + "x" * 28


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def make(clock: DrivenClock) -> Iterator[Make]:
    """Makes receivers that handle only when they are told to."""
    made: list[Receiver] = []

    def new(**options: Any) -> Receiver:
        settings = {"inbox": ":memory:", "workers": 0, "clock": clock, **options}
        made.append(Receiver(settings.pop("key", WEBHOOK_KEY), **settings))
        return made[-1]

    yield new
    for receiver in made:
        receiver.stop()
        receiver.inbox.close()


def collect(receiver: Receiver) -> list[Event]:
    events: list[Event] = []
    receiver.on_any(events.append)
    return events


def test_a_genuine_callback_is_acknowledged_and_then_handled(make: Make) -> None:
    receiver = make()
    events = collect(receiver)
    answer = deliver(receiver, "task_1", resultJson='{"resultUrls":["https://a.test/1.mp4"]}')
    assert (answer.status_code, answer.json()) == (200, OK)
    assert events == []
    assert receiver.work() == 1
    (event,) = events
    assert (event.key, event.task_id, event.state, event.attempt) == ("task_1:success", "task_1", "success", 1)
    assert event.task.result_urls == ["https://a.test/1.mp4"]
    assert (event.confirmed, event.source, event.token) == (False, "callback", None)
    assert event.received_at.timestamp() == START


def test_each_handler_gets_what_it_asked_for(make: Make) -> None:
    receiver = make()
    heard: list[str] = []

    @receiver.on_success
    def won(event: Event) -> None:
        heard.append(f"won {event.task_id}")

    @receiver.on_failure
    def lost(event: Event) -> None:
        heard.append(f"lost {event.task_id}")

    @receiver.on_any
    async def ended(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(f"ended {event.task_id}")

    deliver(receiver, "a")
    deliver(receiver, "b", "fail")
    receiver.work()
    assert heard == ["won a", "ended a", "lost b", "ended b"]


def test_repeats_are_acknowledged_and_handled_once(make: Make) -> None:
    receiver = make()
    events = collect(receiver)
    for _ in range(3):
        assert deliver(receiver, "task_1").status_code == 200
        receiver.work()
    assert [event.key for event in events] == ["task_1:success"]


def test_news_of_a_task_that_goes_on_is_acknowledged_and_not_handled(make: Make) -> None:
    receiver = make()
    events = collect(receiver)
    assert deliver(receiver, "task_1", "generating").json() == OK
    assert receiver.work() == 0
    assert events == []


GOOD = signed("task_1")
BODY = body_of("task_1")
REFUSED = {
    "no signature": ("POST", BODY, {"Content-Type": "application/json"}, 401),
    "no time": ("POST", BODY, {k: v for k, v in GOOD.items() if k != TIMESTAMP_HEADER}, 401),
    "another key": ("POST", BODY, {**GOOD, **sign("task_1", "other", int(START))}, 401),
    "another task": ("POST", body_of("task_2"), GOOD, 401),
    "too old": ("POST", BODY, signed("task_1", START - 301), 401),
    "from the future": ("POST", BODY, signed("task_1", START + 301), 401),
    "odd signature": ("POST", BODY, {**GOOD, SIGNATURE_HEADER: "v1,a,b"}, 401),
    "no JSON": ("POST", b"<html>", GOOD, 400),
    "no task": ("POST", b"{}", GOOD, 400),
    "no body": ("POST", b"", GOOD, 400),
    "an id that cannot be stored": ("POST", body_of("task\0"), signed("task\0"), 400),
    "an id without end": ("POST", body_of("t" * 256), signed("t" * 256), 400),
    "too large": ("POST", b" " * (gate.LARGEST + 1), GOOD, 413),
    "said to be too large": ("POST", BODY, {**GOOD, "Content-Length": "9" * 30}, 413),
    "not JSON by its type": ("POST", BODY, {**GOOD, "Content-Type": "text/plain"}, 415),
    "compressed": ("POST", BODY, {**GOOD, "Content-Encoding": "gzip"}, 415),
    "a look": ("GET", b"", {}, 405),
    "a put": ("PUT", BODY, GOOD, 405),
}


@pytest.mark.parametrize(("method", "body", "headers", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_said_shortly_and_not_stored(
    make: Make, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    receiver = make()
    answer = post(receiver, body, headers, method=method)
    assert answer.status_code == status
    assert answer.json()["code"] == status
    assert answer.headers["content-type"] == "application/json"
    assert receiver.inbox.counts() == {}


def test_all_signature_failures_are_answered_alike(make: Make) -> None:
    receiver = make()
    failures = [(body, headers) for _, body, headers, status in REFUSED.values() if status == 401]
    assert len({post(receiver, body, headers).content for body, headers in failures}) == 1


def test_the_method_that_is_allowed_is_named(make: Make) -> None:
    assert post(make(), b"", {}, method="GET").headers["allow"] == "POST"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json", ""])
def test_json_is_taken_by_any_of_its_names(make: Make, kind: str) -> None:
    assert post(make(), BODY, {**GOOD, "Content-Type": kind}).status_code == 200


def test_a_body_that_does_not_end_is_refused_in_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_TIMEOUT", 0.01)
    sent: list[Any] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in GOOD.items()]

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(make()({"type": "http", "method": "POST", "headers": headers, "query_string": b""}, never, send))
    assert sent[0]["status"] == 408


def test_a_body_that_breaks_off_is_not_answered(make: Make) -> None:
    sent: list[Any] = []
    pieces = [
        {"type": "http.request", "body": b'{"data"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(make()({"type": "http", "method": "POST", "headers": [], "query_string": b""}, receive, send))
    assert sent == []


def test_what_cannot_be_stored_is_not_acknowledged(make: Make, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    receiver = make()
    monkeypatch.setattr(receiver.inbox, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert deliver(receiver, "task_1").status_code == 503
    assert "task_1:success could not be stored: disk full" in caplog.text


def test_any_of_several_keys_is_good(make: Make) -> None:
    receiver = make(key=["new-key", WEBHOOK_KEY])
    assert deliver(receiver, "task_1").status_code == 200


@pytest.mark.parametrize("key", ["", [], ["", "x"], b""])
def test_without_a_key_there_is_no_receiver(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="no webhook key"):
        Receiver(key, inbox=":memory:")


def test_a_handler_that_fails_is_called_again_later_and_the_others_are_not(make: Make, clock: DrivenClock) -> None:
    receiver = make(retries=Retries(attempts=5, first=10))
    heard: list[str] = []

    @receiver.on_any
    def first(event: Event) -> None:
        heard.append(f"first {event.attempt}")

    @receiver.on_any
    def second(event: Event) -> None:
        heard.append(f"second {event.attempt}")
        if event.attempt < 3:
            raise OSError("no disk")

    deliver(receiver, "task_1")
    receiver.work()
    receiver.work()
    assert heard == ["first 1", "second 1"]
    for seconds in (10, 20, 1000):
        clock.time += seconds
        receiver.work()
    assert heard == ["first 1", "second 1", "second 2", "second 3"]
    assert receiver.inbox.counts() == {"done": 1}


@pytest.mark.parametrize("error", [ValueError("bad\n\0line \ud800"), SystemExit(3), asyncio.CancelledError()], ids=repr)
def test_a_handler_that_never_succeeds_is_given_up_listed_and_replayed(
    make: Make, clock: DrivenClock, error: BaseException
) -> None:
    receiver = make(retries=Retries(attempts=3, first=1))
    broken = True

    @receiver.on_any
    def handle(event: Event) -> None:
        if broken:
            raise error

    deliver(receiver, "task_1")
    for _ in range(5):
        receiver.work()
        clock.time += 100
    (entry,) = receiver.inbox.entries("dead")
    assert (entry.key, entry.attempts) == ("task_1:success", 3)
    assert entry.error
    assert entry.error.startswith(type(error).__name__)
    broken = False
    receiver.inbox.replay(clock.time)
    receiver.work()
    assert receiver.inbox.counts() == {"done": 1}


def test_what_ends_the_process_each_time_is_given_up_too(make: Make, clock: DrivenClock) -> None:
    receiver = make(retries=Retries(attempts=3), lease=10)
    events = collect(receiver)
    deliver(receiver, "task_1")
    for _ in range(3):
        receiver.inbox.claim(clock.time, 10, 1)
        clock.time += 10
    receiver.work()
    assert events == []
    (entry,) = receiver.inbox.entries("dead")
    assert entry.error == "the process ended during each attempt"


def test_pauses_grow_and_end() -> None:
    retries = Retries(attempts=5, first=10, longest=30)
    pauses = [retries.pause(attempts) for attempts in (1, 2, 3, 4, 5)]
    assert pauses[4] is None
    for pause, full in zip(pauses, (10, 20, 30, 30), strict=False):
        assert pause is not None
        assert 0.8 * full <= pause <= full


def test_two_handlers_of_one_name_are_refused(make: Make) -> None:
    receiver = make()
    events: list[Event] = []
    receiver.on_success(events.append)
    with pytest.raises(ConfigurationError, match=r"there is a handler named .*append already"):
        receiver.on_any(events.append)
    with pytest.raises(ConfigurationError, match="is no handler"):
        receiver.on_any("save")  # type: ignore[type-var]


@pytest.mark.parametrize("kind", [Service, AsyncService])
def test_the_handler_sees_what_the_service_says(make: Make, kind: type[Service]) -> None:
    service = kind(task_1="success")
    url = '{"resultUrls":["https://real.test/1.mp4"]}'
    service.records["task_1"]["resultJson"] = url
    receiver = make(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson=url, model="made up")
    receiver.work()
    (event,) = events
    assert (event.confirmed, event.task.model) == (True, None)
    assert event.task.result_urls == ["https://real.test/1.mp4"]


def test_an_altered_result_is_logged_and_never_handed_on(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(task_1="success")
    service.records["task_1"]["resultJson"] = '{"resultUrls":["https://real.test/1.mp4?sig=1"]}'
    receiver = make(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson='{"resultUrls":["https://evil.test/1.mp4"]}')
    receiver.work()
    assert events[0].task.result_urls == ["https://real.test/1.mp4?sig=1"]
    assert "callback contradicted: result_urls of task task_1" in caplog.text


def test_a_link_that_was_signed_anew_is_no_contradiction(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(task_1="success")
    service.records["task_1"]["resultJson"] = '{"resultUrls":["https://real.test/1.mp4?sig=2"]}'
    receiver = make(client=service)
    collect(receiver)
    deliver(receiver, "task_1", resultJson='{"resultUrls":["https://real.test/1.mp4?sig=1"]}')
    receiver.work()
    assert "contradicted" not in caplog.text


def test_an_altered_state_is_refused_and_the_true_one_is_handled(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    receiver = make(client=Service(task_1="success"))
    events = collect(receiver)
    deliver(receiver, "task_1", "fail")
    receiver.work()
    assert [(event.key, event.confirmed) for event in events] == [("task_1:success", True)]
    (entry,) = receiver.inbox.entries("refused")
    assert entry.error == (
        "CallbackContradicted: state of task task_1: the callback says 'fail', the service 'success'"
    )
    assert "callback contradicted" in caplog.text


def test_a_callback_that_comes_before_the_service_knows_is_confirmed_later(make: Make, clock: DrivenClock) -> None:
    service = Service(task_1="generating")
    receiver = make(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    assert events == []
    service.records["task_1"]["state"] = "success"
    clock.time += 60
    receiver.work()
    assert [event.state for event in events] == ["success"]


def test_a_task_that_the_service_does_not_know_is_never_handled(make: Make, clock: DrivenClock) -> None:
    receiver = make(client=Service(), retries=Retries(attempts=2, first=1))
    events = collect(receiver)
    deliver(receiver, "task_1")
    for _ in range(4):
        receiver.work()
        clock.time += 100
    assert events == []
    assert [entry.status for entry in receiver.inbox.entries()] == ["dead"]


def test_confirmation_can_be_switched_off(make: Make) -> None:
    service = Service()
    receiver = make(client=service, confirm=False)
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    assert [event.confirmed for event in events] == [False]
    assert service.asked == []


def test_a_lost_callback_only_costs_time(make: Make, clock: DrivenClock) -> None:
    service = Service(task_1="generating")
    receiver = make(client=service)
    events = collect(receiver)
    receiver.expect(SimpleNamespace(id="task_1"), due=100)
    clock.time += 99
    receiver.work()
    assert service.asked == []
    clock.time += 1
    receiver.work()
    assert service.asked == ["task_1"]
    service.records["task_1"]["state"] = "fail"
    clock.time += 60
    receiver.work()
    assert [(event.key, event.source, event.confirmed) for event in events] == [("task_1:fail", "poll", True)]
    assert receiver.inbox.expectations() == []


def test_a_callback_after_the_poll_is_not_handled_again(make: Make, clock: DrivenClock) -> None:
    receiver = make(client=Service(task_1="success"))
    events = collect(receiver)
    receiver.expect(SimpleNamespace(task_id="task_1"), due=0)
    receiver.work()
    assert deliver(receiver, "task_1").status_code == 200
    receiver.work()
    assert len(events) == 1


def test_a_task_that_was_called_back_is_not_polled(make: Make, clock: DrivenClock) -> None:
    service = Service(task_1="success")
    receiver = make(client=service)
    collect(receiver)
    receiver.expect(SimpleNamespace(id="task_1"), due=100)
    deliver(receiver, "task_1")
    receiver.work()
    clock.time += 1000
    receiver.work()
    assert service.asked == ["task_1"], "the confirmation"


def test_a_task_that_never_ends_is_given_up(make: Make, clock: DrivenClock, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(task_1="generating")
    receiver = make(client=service)
    receiver.expect(SimpleNamespace(id="task_1"), due=0)
    for _ in range(150):
        receiver.work()
        clock.time += 900
    assert len(service.asked) == 100
    assert "task task_1 is no longer asked for" in caplog.text
    (job,) = receiver.inbox.expectations()
    assert job.due_at is None


def test_a_lost_create_learns_its_task_from_the_callback(make: Make) -> None:
    receiver = make()
    events = collect(receiver)
    unknown = SimpleNamespace(token=TOKEN)
    receiver.expect(unknown)
    assert receiver.resolve(unknown) is None
    deliver(receiver, "task_1", query=f"?apikley_token={TOKEN}")
    assert receiver.resolve(unknown) == receiver.resolve(TOKEN) == "task_1"
    receiver.work()
    assert [(event.task_id, event.token) for event in events] == [("task_1", TOKEN)]
    assert receiver.inbox.expectations() == []


@pytest.mark.parametrize(
    "query", ["?apikley_token=short", f"?apikley_token={TOKEN}&apikley_token={'y' * 32}", "?" + "a=b&" * 99, "?%ff=%00"]
)
def test_an_odd_query_names_nothing_and_does_no_harm(make: Make, query: str) -> None:
    receiver = make()
    events = collect(receiver)
    assert deliver(receiver, "task_1", query=query).status_code == 200
    receiver.work()
    assert events[0].token is None


def test_what_cannot_be_expected_is_said(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="neither a task id nor a token"):
        make(client=Service()).expect(object())
    with pytest.raises(ConfigurationError, match="pass client="):
        make().expect(SimpleNamespace(id="task_1"))


def test_the_webhook_key_is_in_nothing_that_is_printed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = make(key="whsec_never_shown")
    assert deliver(receiver, "task_1").status_code == 401
    assert "whsec_never_shown" not in repr(receiver) + repr(vars(receiver)) + caplog.text


def test_it_starts_again_after_it_was_stopped(tmp_path: Path) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=2)
    heard: list[str] = []
    handled = threading.Event()

    @receiver.on_any
    def handle(event: Event) -> None:
        heard.append(event.task_id)
        handled.set()

    for task_id in ("task_1", "task_2"):
        with receiver:
            deliver(receiver, task_id)
            assert handled.wait(10)
        handled.clear()
    assert heard == ["task_1", "task_2"]
    receiver.inbox.close()


def test_an_unopened_inbox_stops_the_start(tmp_path: Path) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "none" / "inbox.db")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        receiver.start()


def test_in_the_foreground_async_handlers_need_a_thread(make: Make) -> None:
    receiver = make()

    @receiver.on_any
    async def handle(event: Event) -> None:
        raise AssertionError("never reached")

    async def main() -> None:
        receiver.start()
        receiver.work()

    deliver(receiver, "task_1")
    asyncio.run(main())
    (entry,) = receiver.inbox.entries("pending")
    assert entry.error
    assert "asyncio.to_thread" in entry.error


def test_its_threads_handle_what_comes_and_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handled, entered, go_on = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=2)

    @receiver.on_success
    def slow(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    @receiver.on_failure
    async def quick(event: Event) -> None:
        seen.append(event.task_id)
        handled.set()

    with receiver:
        assert deliver(receiver, "slow").status_code == 200
        assert entered.wait(10)
        assert deliver(receiver, "quick", "fail").status_code == 200, "acknowledged while a handler is busy"
        assert handled.wait(10)
        go_on.set()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("apikley-receiver")]
    assert left == []
    assert receiver.inbox.counts() == {"done": 2}
    receiver.inbox.close()


def test_a_lease_is_renewed_while_a_handler_is_busy(tmp_path: Path) -> None:
    class Clock(DrivenClock):
        def monotonic(self) -> float:
            return self.time

    entered, go_on = threading.Event(), threading.Event()
    clock, renewed = Clock(), threading.Event()
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, clock=clock, lease=60)
    renew = receiver.inbox.renew

    def watched(items: Any, until: float) -> None:
        renew(items, until)
        renewed.set()

    receiver.inbox.renew = watched  # type: ignore[method-assign]

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    with receiver:
        deliver(receiver, "task_1")
        assert entered.wait(10)
        clock.time += 50
        receiver._workers.wake()
        assert renewed.wait(10)
        clock.time += 50
        assert receiver.inbox.claim(clock.time, 60, 1) == [], "it is still held"
        go_on.set()
    assert receiver.inbox.counts() == {"done": 1}
    receiver.inbox.close()


def test_a_database_that_fails_for_a_while_delays_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "_POLL", 0.01)
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)
    claim, write = receiver.inbox.claim, receiver.inbox.write
    failures = {"claim": 3, "write": 3}
    heard: list[str] = []
    settled = threading.Event()

    def claims(*arguments: Any) -> Any:
        failures["claim"] -= 1
        if failures["claim"] >= 0:
            raise OSError("disk unplugged")
        return claim(*arguments)

    def writes(operations: Any) -> None:
        if any(isinstance(each, Outcome) for each in operations):
            failures["write"] -= 1
            if failures["write"] >= 0:
                raise OSError("disk unplugged")
            write(operations)
            settled.set()
        else:
            write(operations)

    monkeypatch.setattr(receiver.inbox, "claim", claims)
    monkeypatch.setattr(receiver.inbox, "write", writes)

    @receiver.on_any
    def handle(event: Event) -> None:
        heard.append(event.key)

    with receiver:
        deliver(receiver, "task_1")
        assert settled.wait(10)
    assert heard == ["task_1:success"]
    assert "the inbox cannot be read" in caplog.text
    assert "the outcome of task_1:success cannot be written" in caplog.text
    assert receiver.inbox.counts() == {"done": 1}
    receiver.inbox.close()


def test_what_was_not_begun_when_it_stops_is_left_for_later(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    with receiver:
        for number in range(6):
            deliver(receiver, f"task_{number}")
        assert entered.wait(10)
        threading.Timer(0.1, go_on.set).start()
    counts = receiver.inbox.counts()
    assert counts["pending"] + counts["done"] == 6
    assert all(entry.attempts == 0 for entry in receiver.inbox.entries("pending"))
    receiver.inbox.close()


def test_a_crash_between_two_handlers_repeats_only_the_one_it_fell_into(tmp_path: Path, clock: DrivenClock) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    receiver = Receiver(WEBHOOK_KEY, inbox=inbox, workers=0, clock=clock, lease=60)
    deliver(receiver, "task_1")
    inbox.claim(clock.time, 60, 1)  # and then the process ends
    receiver.stop()
    inbox.close()
    after = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=0, clock=clock)
    events = collect(after)
    assert after.work() == 0
    clock.time += 60
    assert after.work() == 1
    assert [event.attempt for event in events] == [2]
    after.inbox.close()


def test_importing_it_loads_no_database_until_it_is_needed() -> None:
    code = "import sys, apikley.receiver.listen; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_every_public_name_can_be_had() -> None:
    import apikley.receiver

    for name in apikley.receiver.__all__:
        assert getattr(apikley.receiver, name).__name__ == name
    with pytest.raises(AttributeError, match=r"module 'apikley\.receiver' has no attribute 'Nothing'"):
        _ = apikley.receiver.Nothing
