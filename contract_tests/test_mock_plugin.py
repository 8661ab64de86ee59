"""The pytest plugin: quick to start, free until it is used, and also without a port."""

from __future__ import annotations

import asyncio
import gc
import re
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from apikley_mock.clock import VirtualClock
from apikley_mock.plugin import MockService
from apikley_mock.server import ThreadedServer
from apikley_mock.service import Service
from apikley_mock.simulator import Simulator
from apikley_mock.transport import SimulatorTransport
from contract_tests.simulators import CREATE, LOOK, Received, create, look, request_for
from scripts.spec.files import ROOT

README = (ROOT / "mock" / "README.md").read_text(encoding="utf-8")


def test_a_server_is_ready_soon_and_ends_soon() -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        server = ThreadedServer(Simulator(Service(clock=VirtualClock())))
        server.start()
        assert httpx.get(f"{server.url}/nope").json()["code"] == 404
        times.append(time.perf_counter() - start)
        server.stop()
    assert statistics.median(times) < 0.4


def test_a_server_that_does_not_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    class Slow(Simulator):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await asyncio.to_thread(go_on.wait, 10)
            await super().__call__(scope, receive, send)

    server = ThreadedServer(Slow())
    with monkeypatch.context() as patch:
        patch.setattr("apikley_mock.server._PATIENCE", 0.01)
        with pytest.raises(RuntimeError, match=r"the simulator did not start within 0\.01 s"):
            server.start()
    go_on.set()
    assert server._ready.wait(10)
    server.stop()


def test_each_test_begins_with_nothing(apikley_mock: MockService, http: httpx.Client) -> None:
    create(http)
    apikley_mock.fail_next(500, times=None)
    apikley_mock.plan_next(outcome="fail", times=None)
    apikley_mock.set_credits(0)


def test_and_so_does_the_next(apikley_mock: MockService, http: httpx.Client) -> None:
    assert len(apikley_mock.journal) == 0
    assert look(http, create(http))["state"] == "waiting"


def test_a_test_may_let_years_pass(http: httpx.Client, apikley_mock: MockService) -> None:
    apikley_mock.advance(3 * 365 * 24 * 3600)
    assert look(http, create(http))["createTime"] > (time.time() + 365 * 24 * 3600) * 1000


def test_and_the_next_begins_in_the_present(http: httpx.Client) -> None:
    assert abs(look(http, create(http))["createTime"] / 1000 - time.time()) < 60


@pytest.mark.anyio
async def test_in_process_a_whole_task_lives(apikley_mock_transport: SimulatorTransport) -> None:
    service = apikley_mock_transport.service
    headers = {"Authorization": f"Bearer {service.settings.api_key}"}
    async with httpx.AsyncClient(
        transport=apikley_mock_transport, base_url="http://mock.test", headers=headers
    ) as http:
        task_id = (await http.post(CREATE, json=request_for())).json()["data"]["taskId"]
        await service.advance(10)
        data = (await http.get(LOOK, params={"taskId": task_id})).json()["data"]
    assert data["state"] == "success"
    assert service.journal.assert_created_once().task_id == task_id


@pytest.mark.parametrize("prompt", ["a ship", "[mock: callback early]"])
def test_in_process_a_callback_leaves_no_connection_open(receiver: Received, prompt: str) -> None:
    async def live() -> None:
        service = Service(clock=VirtualClock())
        headers = {"Authorization": f"Bearer {service.settings.api_key}"}
        transport = SimulatorTransport(Simulator(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://mock.test", headers=headers) as http:
            await http.post(CREATE, json=request_for(prompt, callBackUrl=receiver.url))
        await service.advance(10)

    asyncio.run(live())
    assert len(receiver.calls) == 1
    gc.collect()  # complains of what was left open: here, and not in a later test


def test_the_readmes_test_runs(apikley_mock: MockService) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "mock/README.md", "exec"), names)  # noqa: S102 - our own text
    test = names["test_a_lost_answer"]
    assert callable(test)
    test(apikley_mock)


def test_the_readme_shows_pictures_that_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert [name for name in pictures if not (Path(ROOT) / "mock" / name).exists()] == []
