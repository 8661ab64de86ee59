"""The pytest plugin, with and without a port."""

from __future__ import annotations

import ast
import asyncio
import gc
import threading
import time
from typing import Any

import httpx2
import pytest

from apikley_mock import plugin
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from apikley_mock.web.transport import SimulatorTransport
from apikley_mock.world.clock import VirtualClock
from contract_tests.project.documents import blocks
from contract_tests.simulator.simulators import (
    CREATE,
    CREDITS,
    DETAILS,
    RUNNING,
    Received,
    create,
    in_process,
    poll,
    request_for,
)
from scripts.pipeline.io import ROOT

GUIDE = ROOT / "docs" / "how-to" / "test-with-pytest.md"


def test_a_server_starts_and_stops() -> None:
    server = ThreadedServer(Simulator(Service(clock=VirtualClock())))
    server.start()
    assert httpx2.get(f"{server.url}/nope").json()["code"] == 404
    server.stop()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(server.url)


def test_a_server_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    class Slow(Simulator):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await asyncio.to_thread(go_on.wait, 600)
            await super().__call__(scope, receive, send)

    server = ThreadedServer(Slow())
    with monkeypatch.context() as patch:
        patch.setattr("apikley_mock.web.server._HANG_TIMEOUT", 0.01)
        with pytest.raises(RuntimeError, match=r"the simulator did not start within 0\.01 s"):
            server.start()
    go_on.set()
    assert server._ready.wait(600)
    server.stop()


def test_one_test_leaves_state_behind(apikley_mock: MockService, http: httpx2.Client) -> None:
    create(http)
    apikley_mock.fail_next(500, times=None, allow_unused=True)
    apikley_mock.plan_next(outcome="fail", times=None, allow_unused=True)
    apikley_mock.set_credits(0)


def test_the_next_test_starts_empty(apikley_mock: MockService, http: httpx2.Client) -> None:
    assert len(apikley_mock.journal) == 0
    assert poll(http, create(http))["state"] in RUNNING


def test_one_test_advances_by_years(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.advance(3 * 365 * 24 * 3600)
    assert poll(http, create(http))["createTime"] > (time.time() + 365 * 24 * 3600) * 1000


def test_the_next_test_starts_in_the_present(http: httpx2.Client) -> None:
    assert abs(poll(http, create(http))["createTime"] / 1000 - time.time()) < 60


SECOND = {"name": "second", "key": "OTHER", "credits": 3}


@pytest.mark.parametrize(
    "apikley_mock_settings", [{"error_style": "http", "lenient": True, "limits": {"createTask": [2, 10]}}]
)
def test_the_settings_fixture_configures_the_simulator(http: httpx2.Client) -> None:
    responses = [http.post(CREATE, json=request_for(callBackUrl="")) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]


@pytest.mark.parametrize("apikley_mock_settings", [{"accounts": [SECOND]}])
def test_credits_are_set_for_each_account(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.set_credits(7)
    apikley_mock.set_credits(0, key="OTHER")
    assert http.get(CREDITS).json()["data"] == 7
    assert http.get(CREDITS, headers={"Authorization": "Bearer OTHER"}).json()["data"] == 0
    with pytest.raises(ValueError, match="key: no account has this key") as refused:
        apikley_mock.set_credits(1, key="sk-nobody")
    assert "sk-nobody" not in str(refused.value)


@pytest.mark.anyio
@pytest.mark.parametrize("apikley_mock_settings", [{"credits": 12, "plan": {"outcome": "fail"}}])
async def test_the_settings_apply_in_process(apikley_mock_transport: SimulatorTransport) -> None:
    headers = {"Authorization": "Bearer mock-key"}
    async with httpx2.AsyncClient(
        transport=apikley_mock_transport, base_url="http://mock.test", headers=headers
    ) as http:
        assert (await http.get(CREDITS)).json()["data"] == 12
    assert apikley_mock_transport.service.settings.plan.outcome == "fail"


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"colour": 1}, "unknown field 'colour'"), ({"speed": 60}, "speed: the test advances this clock itself")],
)
def test_invalid_settings_fail_the_test_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        plugin._simulator(settings)
    assert str(failed.value).startswith("apikley_mock_settings: ")
    assert message in str(failed.value)


def test_each_configuration_starts_one_server(apikley_mock: MockService, request: pytest.FixtureRequest) -> None:
    server_for = request.getfixturevalue("_apikley_mock_servers")
    other = server_for({"credits": 1})
    assert server_for({}).url == apikley_mock.url != other.url
    assert server_for({"credits": 1}) is other


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), -5, "x", 10**400])
def test_invalid_credits_are_refused(http: httpx2.Client, apikley_mock: MockService, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^credits: "):
        apikley_mock.set_credits(wrong)
    assert http.get(CREDITS).json()["data"] == 5916.25


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), -1, "5", 1e12])
def test_an_invalid_time_is_refused(http: httpx2.Client, apikley_mock: MockService, wrong: Any) -> None:
    task_id = create(http)
    for passing in (lambda: apikley_mock.advance(wrong), lambda: apikley_mock.wait_for_callback(within=wrong)):
        with pytest.raises(ValueError, match=r"^seconds: "):
            passing()
    assert poll(http, task_id)["state"] in RUNNING


@pytest.mark.anyio
async def test_a_receiver_in_the_tests_own_event_loop_is_called_back(apikley_mock: MockService) -> None:
    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    headers = {"Authorization": f"Bearer {apikley_mock.api_key}"}
    async with await asyncio.start_server(response, "127.0.0.1", 0) as receiver:
        request = request_for(callBackUrl=f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/")
        async with httpx2.AsyncClient(base_url=apikley_mock.url, headers=headers) as http:
            first = (await http.post(CREATE, json=request)).json()["data"]["taskId"]
            await apikley_mock.advance_async(10)
            second = (await http.post(CREATE, json=request)).json()["data"]["taskId"]
            entry = await apikley_mock.wait_for_callback_async(second)
    assert [each.status for each in apikley_mock.journal.callbacks(first)] == [200]
    assert (entry.task_id, entry.status) == (second, 200)


@pytest.mark.anyio
async def test_a_task_runs_in_process(apikley_mock_transport: SimulatorTransport) -> None:
    service = apikley_mock_transport.service
    headers = {"Authorization": f"Bearer {service.settings.api_key}"}
    async with httpx2.AsyncClient(
        transport=apikley_mock_transport, base_url="http://mock.test", headers=headers
    ) as http:
        task_id = (await http.post(CREATE, json=request_for())).json()["data"]["taskId"]
        await service.advance(10)
        data = (await http.get(DETAILS, params={"taskId": task_id})).json()["data"]
    assert data["state"] == "success"
    assert service.journal.assert_created_once().task_id == task_id


@pytest.mark.parametrize("prompt", ["a ship", "[mock: callback early]"])
def test_an_in_process_callback_leaves_no_connection_open(receiver: Received, prompt: str) -> None:
    async def live() -> None:
        service = Service(clock=VirtualClock())
        async with in_process(service) as http:
            await http.post(CREATE, json=request_for(prompt, callBackUrl=receiver.url))
        await service.advance(10)

    asyncio.run(live())
    assert len(receiver.calls) == 1
    gc.collect()  # warns about open connections here, and not in a later test


def test_the_guides_settings_are_valid() -> None:
    (code,) = (block.code for block in blocks(GUIDE) if "def apikley_mock_settings" in block.code)
    settings = plugin._simulator(ast.literal_eval(code.partition("return ")[2])).service.settings
    assert (settings.error_style, [account.key for account in settings.all_accounts()]) == (
        "http",
        ["mock-key", "OTHER"],
    )
