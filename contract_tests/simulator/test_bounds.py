"""Every store of the simulator has a limit."""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley_mock.control.vocabulary import MIB, Settings
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.world.clock import LAST_MOMENT, VirtualClock
from apikley_mock.world.plan import CallbackChanges, PlanChanges
from apikley_mock.world.storage import Storage, StorageFullError, StoredFile
from apikley_mock.world.tasks import Task
from contract_tests.simulator.simulators import CREATE, MODEL, in_process, request_for
from contract_tests.simulator.test_settings import SERVE

NOWHERE = "http://127.0.0.1:9/callback"
AT_ONCE = (0.0, 0.0, 0.0)
STREAM, BASE64 = (apikley_contract.operation(name).path for name in ("uploadFileStream", "uploadFileBase64"))


def _create(service: Service, body: bytes = b"{}") -> Task:
    """Create a task whose callback URL refuses connections."""
    (account,) = service.accounts
    task = service.engine.create(MODEL, body, account, service.plan_for(MODEL), service.clock.now())
    task.callback_url = NOWHERE
    return task


def test_the_bodies_of_all_tasks_have_a_total_limit() -> None:
    service = Service(Settings(max_task_bytes=10_000), VirtualClock())
    tasks = [_create(service, b"x" * 1000) for _ in range(30)]
    assert list(service.engine.tasks.values()) == tasks[-10:]
    assert sum(len(task.body) for task in tasks) <= 10_000 + 20 * len(b"{}")
    large = _create(service, b"x" * 20_000)
    assert list(service.engine.tasks.values()) == [large]


def test_a_task_keeps_its_body_once() -> None:
    body = b'{"input": "\xf0\x9f\x9a\xa2"}' * 1000
    task = _create(Service(clock=VirtualClock()), body)
    assert task.body is body
    assert task.param == body.decode()


@pytest.mark.anyio
async def test_a_forgotten_task_is_neither_kept_nor_called_back() -> None:
    service = Service(Settings(max_tasks=10), VirtualClock())
    tasks = [_create(service) for _ in range(5000)]
    assert len(service.engine._completions) <= 150
    await service.advance(10_000)
    await service.close()
    assert {entry.task_id for entry in service.journal.callbacks()} == {task.id for task in tasks[-10:]}


@pytest.mark.anyio
async def test_delayed_callbacks_are_dropped_with_their_tasks() -> None:
    late = PlanChanges(durations=AT_ONCE, callback=CallbackChanges(delay=1000))
    service = Service(Settings(max_tasks=10, plan=late), VirtualClock())
    for _ in range(5000):
        _create(service)
        service.tick()
    assert service.deliveries.planned() <= 1100
    await service.advance(900)
    assert service.journal.callbacks() == []
    await service.advance(200)
    await service.close()
    assert len(service.journal.callbacks()) <= 4 * 10


def test_a_task_with_progress_by_polls_ends_once() -> None:
    service = Service(Settings(plan=PlanChanges(progress="per_poll")), VirtualClock())
    task = _create(service)
    for _ in range(100):
        service.engine.poll(task, service.clock.now())
    assert len(service.engine._completions) == 1


@pytest.mark.anyio
async def test_callbacks_wait_for_a_free_connection() -> None:
    service = Service(Settings(durations=AT_ONCE), VirtualClock())
    for _ in range(200):
        _create(service)
    service.tick()
    assert service.deliveries.planned() == 200
    assert service.deliveries.next_attempt() is None, "all connections are busy"
    await service.advance(0)
    await service.close()
    assert len({entry.task_id for entry in service.journal.callbacks()}) == 200


def test_a_form_with_too_many_parts_is_refused(http: httpx2.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    content = part * (40 * MIB // len(part)) + b"--b--\r\n"
    response = http.post(
        STREAM, content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}, timeout=600
    )
    assert (response.status_code, response.json()["success"]) == (400, False)
    assert response.json()["msg"] == "The request body is not a form: it has more than 20 parts"


@pytest.mark.anyio
async def test_a_file_that_is_one_byte_too_large_is_refused() -> None:
    http = in_process(max_upload=2000)
    for size, status, message in ((2000, 200, "File uploaded"), (2001, 400, "The file is larger than 2,000 bytes")):
        content, folder = b"x" * size, {"uploadPath": "a"}
        form = await http.post(STREAM, files={"file": ("n", content)}, data=folder)
        text = await http.post(BASE64, json={"base64Data": base64.b64encode(content).decode(), **folder})
        for response in (form, text):
            assert (response.status_code, message in response.json()["msg"]) == (status, True)


@pytest.mark.anyio
async def test_base64_text_may_contain_white_space() -> None:
    http = in_process()
    response = await http.post(BASE64, json={"base64Data": " Q U\tJD\r\n", "uploadPath": "a"})
    assert (await http.get(response.json()["data"]["downloadUrl"])).content == b"ABC"
    wrong = await http.post(BASE64, json={"base64Data": "QUJ\u0414", "uploadPath": "a"})
    assert "Invalid Base64 format" in wrong.json()["msg"]


@pytest.mark.anyio
async def test_time_is_advanced_until_the_year_9999() -> None:
    http = in_process(Service(clock=VirtualClock(LAST_MOMENT - 10)))
    response = await http.post(BASE64, json={"base64Data": "QUJD", "uploadPath": "a"})
    assert response.json()["data"]["uploadedAt"].startswith("9999-12-31T23:59:")
    assert (await http.post("/__mock__/advance", json={"seconds": 9})).status_code == 200
    refused = await http.post("/__mock__/advance", json={"seconds": 9})
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        "cannot advance past the year 9999; reset the simulator to start again",
    )


@pytest.mark.anyio
async def test_a_clock_past_the_year_9999_breaks_nothing() -> None:
    http = in_process(Service(clock=VirtualClock(LAST_MOMENT + 1e9)))
    response = await http.post(BASE64, json={"base64Data": "QUJD", "uploadPath": "a"})
    assert response.json()["data"]["uploadedAt"] == "9999-12-31T23:59:59.000Z"


@pytest.mark.anyio
async def test_an_overlong_host_header_is_cut() -> None:
    service = Service(clock=VirtualClock())
    await in_process(service).post(CREATE, json=request_for(), headers={"Host": "x" * 20_000})
    (task,) = service.engine.tasks.values()
    assert len(task.base_url) < 300


@pytest.mark.anyio
@pytest.mark.parametrize(("path", "rule"), [("faults", {"fault": "reset"}), ("plans", {"outcome": "fail"})])
async def test_the_number_of_armed_rules_is_limited(path: str, rule: dict[str, str]) -> None:
    http = in_process()
    responses = [await http.post(f"/__mock__/{path}", json=rule) for _ in range(1001)]
    assert {response.status_code for response in responses[:1000]} == {200}
    assert (responses[-1].status_code, responses[-1].json()["error"]) == (
        409,
        "1,000 rules are armed already; disarm them first",
    )
    await http.delete(f"/__mock__/{path}")
    assert (await http.post(f"/__mock__/{path}", json=rule)).status_code == 200


def test_the_number_of_files_is_limited() -> None:
    storage = Storage(1000)
    storage._files = {f"a/{number}": StoredFile("x", f"a/{number}", b"", "", 0.0) for number in range(10_000)}
    with pytest.raises(StorageFullError, match="at most 10,000 files"):
        storage.store("a", "new", b"", now=1.0)
    storage.store("a", "7", b"", now=1.0)


class Unread:
    """A request body whose parts nobody may ask for."""

    async def __call__(self) -> Any:
        raise AssertionError("the body was read")


async def _send(simulator: Simulator, path: str, receive: Any, key: str = "mock-key") -> tuple[int, str]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {key}".encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "scheme": "http"}
    await simulator(scope, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


@pytest.mark.anyio
@pytest.mark.parametrize("path", [STREAM, BASE64])
async def test_the_key_is_checked_before_an_uploads_body_is_read(path: str) -> None:
    assert (await _send(Simulator(), path, Unread(), key="wrong"))[0] == 401


def _parts(*parts: bytes, end: asyncio.Event | None = None) -> Any:
    """A request body that arrives in parts, the last one after an event."""
    remaining = [*parts]

    async def receive() -> Any:
        if len(remaining) == 1 and end is not None:
            await end.wait()
        return {"type": "http.request", "body": remaining.pop(0), "more_body": bool(remaining)}

    return receive


@pytest.mark.anyio
async def test_the_bodies_of_all_requests_have_a_total_limit() -> None:
    simulator, end = Simulator(Settings(max_upload=100_000)), asyncio.Event()
    waiting = [asyncio.create_task(_send(simulator, STREAM, _parts(bytes(90_000), b"", end=end))) for _ in range(6)]
    await asyncio.sleep(0)
    status, text = await _send(simulator, STREAM, _parts(bytes(70_000)))
    assert (status, "holds at most 600,000 bytes of requests at a time" in text) == (455, True)
    end.set()
    await asyncio.gather(*waiting)
    status, text = await _send(simulator, STREAM, _parts(bytes(70_000)))
    assert "is not a form" in text, "the memory is free again"


@pytest.mark.anyio
@pytest.mark.parametrize("path", [STREAM, CREATE, "/__mock__/reset"])
async def test_a_body_that_does_not_arrive_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikley_mock.web.http.BODY_TIMEOUT", 0.01)
    _, text = await _send(Simulator(), path, _parts(b"x", b"", end=asyncio.Event()))
    assert "The request body did not arrive within 0.01 s" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
def test_the_memory_of_uploads_is_given_back() -> None:
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip().removeprefix("listening on ")
            status = Path(f"/proc/{process.pid}/status")

            def megabytes() -> int:
                (kilobytes,) = re.findall(r"VmRSS:\s+(\d+)", status.read_text(encoding="utf-8"))
                return int(kilobytes) // 1024

            with httpx2.Client(base_url=url, headers={"Authorization": "Bearer mock-key"}, timeout=600) as http:

                def upload(size: int, folder: str) -> int:
                    file = {"file": ("file.bin", bytes(size))}
                    return http.post(STREAM, files=file, data={"uploadPath": folder}).status_code

                upload(1, "small")
                before = megabytes()
                assert {upload(20 * MIB, str(number)) for number in range(5)} == {200}
                assert megabytes() > before + 80, "the files are kept"
                http.post("/__mock__/reset")
                assert megabytes() < before + 40
        finally:
            process.terminate()
