"""The public names as a program uses them. mypy --strict and pyright check this file against the wheel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import apikley
from apikley import (
    ApiError,
    Apikley,
    AsyncApikley,
    AsyncTask,
    Clock,
    CreateOutcomeUnknown,
    GenerationFailed,
    Hailuo02ImageToVideoPro,
    LocalFile,
    RequestInvalid,
    Task,
    TaskInfo,
    Violation,
    WaitTimeout,
    callbacks,
)
from apikley.callbacks import Callback
from apikley.receiver import Event, Receiver
from apikley.testing import ManualClock
from apikley_mock.journal.entry import Entry
from apikley_mock.options import MockSettings
from apikley_mock.plugin import MockService

assert_type(apikley.__version__, str)


def inputs() -> list[Hailuo02ImageToVideoPro]:
    """A file field takes an address, a path or a LocalFile."""
    return [
        Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url="https://example.com/cat.png"),
        Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=Path("cat.png"), prompt_optimizer=False),
        Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=LocalFile("cat.png")),
    ]


def show(task: TaskInfo) -> None:
    """Every task has these attributes."""
    assert_type(task.id, str)
    assert_type(task.state, str | None)
    assert_type(task.result_urls, list[str])
    assert_type(task.fail_code, str | None)
    assert_type(task.fail_message, str | None)
    assert_type(task.credits, float | int | None)
    assert_type(task.created_at, datetime | None)
    assert_type(task.completed_at, datetime | None)
    assert_type(task.duration, timedelta | None)
    assert_type((task.finished, task.succeeded, task.failed), tuple[bool, bool, bool])


def synchronous() -> None:
    with Apikley("key", base_url="http://127.0.0.1:8080", timeout=10, max_retries=3, clock=Clock()) as api:
        assert_type(api, Apikley)
        task = api.create(inputs()[0], callback_url="https://example.com/callback")
        assert_type(task, Task)
        assert_type(task.wait(timeout=900, on_progress=show), Task)
        assert_type(task.refresh(), Task)
        assert_type(task.download("clip.mp4"), Path)
        assert_type(api.create_raw({"model": "hailuo/02-image-to-video-pro", "input": {}}), Task)
        assert_type(api.get_task(task.id), Task)
        assert_type(api.wait_many([task, "task_1"]), Iterator[Task])
        assert_type(api.get_credits(), float | int)
        assert_type(api.get_download_url("https://example.com/clip.mp4"), str)
        assert_type(api.upload(Path("cat.png")), str)
        api.check(inputs()[0])
        show(task)


async def asynchronous() -> None:
    async with AsyncApikley("key", max_retries=0) as api:
        assert_type(api, AsyncApikley)
        task = await api.create(inputs()[0])
        assert_type(task, AsyncTask)
        assert_type(await task.wait(on_progress=print), AsyncTask)
        assert_type(await task.refresh(), AsyncTask)
        assert_type(await task.download("clip.mp4"), Path)
        async for each in api.wait_many([task]):
            assert_type(each, AsyncTask)
        assert_type(await api.get_credits(), float | int)
        await api.check(inputs()[0])
        show(task)


def errors(api: Apikley) -> None:
    try:
        api.create(inputs()[0]).wait()
    except RequestInvalid as error:
        assert_type(error.violations, tuple[Violation, ...])
    except ApiError as error:
        assert_type(error.code, int)
        assert_type(error.message, str)
        assert_type(error.status_code, int | None)
    except GenerationFailed as error:
        show(error.task)
    except CreateOutcomeUnknown as error:
        assert_type(error.sent_at, datetime)
    except WaitTimeout as error:
        assert_type(error.task_id, str)


def callback(body: bytes, headers: dict[str, str]) -> None:
    assert_type(callbacks.sign("task_1", "key"), dict[str, str])
    received = callbacks.verify(headers, body, "key")
    assert_type(received, Callback)
    assert_type(received.task_id, str)
    show(received.task)
    assert_type(callbacks.parse(body), Callback)


def receive(api: Apikley) -> None:
    receiver = Receiver("key", client=api)

    @receiver.on_success
    def save(event: Event) -> None:
        assert_type(event.task_id, str)
        show(event.task)
        event.download("clip.mp4")


def test_a_video(apikley_mock: MockService) -> None:
    clock = ManualClock()
    clock.advance(60)
    assert_type(apikley_mock.url, str)
    with apikley_mock.client() as api:
        assert_type(api, Apikley)


def test_options(apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail", fail_code="422", durations=[1, 1, 300], when={"prompt": "cat"})
    apikley_mock.plan_next(callback={"times": 2, "form": "2026"}, times=None, allow_unused=True)
    apikley_mock.fail_next(402, stage="after", times=3, when={"operation": "createTask"})
    apikley_mock.fail_next(fault="latency", latency=2.5)
    assert_type(apikley_mock.async_client(), AsyncApikley)
    assert_type(apikley_mock.journal.requests("POST", "/"), list[Entry])
    assert_type(apikley_mock.wait_for_callback(within=60, data={"state": "fail"}), Entry)


def apikley_mock_settings() -> MockSettings:
    return {"shapes": "documented", "limits": {"createTask": (20, 10)}, "accounts": [{"name": "b", "key": "OTHER"}]}


def raw(task: TaskInfo) -> Any:
    return task.raw
