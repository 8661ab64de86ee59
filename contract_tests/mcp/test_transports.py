"""The command `apikley mcp` as a process, over stdin and stdout and over HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client

from apikley.cli import main
from contract_tests.mcp.agents import CREATE, PNG, Agents, run
from contract_tests.simulator.simulators import MODEL

LIMIT = 600  # seconds; for processes that hang


def test_a_process_makes_a_video_and_another_one_knows_it(agents: Agents) -> None:
    (agents.root / "cat.png").write_bytes(PNG)

    async def work() -> None:
        async with agents.start() as call:
            url = (await call("upload_file", file="cat.png")).document["url"]
            request = {"model": MODEL, "input": {"prompt": "a cat", "image_url": url}}
            task_id = (await call("create_video", **request, idempotency_key="cat")).document["task_id"]
        async with agents.start() as call:
            again = (await call("create_video", **request, idempotency_key="cat")).document
            assert (again["task_id"], again["already_created"]) == (task_id, True)
            agents.mock.advance(60)
            assert (await call("wait_for_task", task_id=task_id)).document["state"] == "success"
            saved = (await call("download_result", task_id=task_id)).document
            assert (agents.root / saved["file"]).stat().st_size == saved["bytes"]

    run(work)
    assert agents.created() == 1


def test_two_processes_with_one_key_create_one_task(agents: Agents) -> None:
    async def work() -> None:
        async with agents.start() as first, agents.start() as second:
            answers = await asyncio.gather(first.create(idempotency_key="cat"), second.create(idempotency_key="cat"))
            assert len({each.document["task_id"] for each in answers}) == 1

    run(work)
    assert agents.created() == 1


def test_a_lost_response_is_told_by_the_next_process_too(agents: Agents) -> None:
    agents.mock.fail_next(fault="reset", stage="after", when=CREATE)

    async def work() -> None:
        for _ in range(2):
            async with agents.start() as call:
                assert (await call.create(idempotency_key="cat")).text.startswith("OUTCOME UNKNOWN")

    run(work)
    assert agents.created() == 1


def test_the_options_of_the_command_reach_the_server(agents: Agents) -> None:
    async def work() -> None:
        async with agents.start("--read-only", "--wait", "7") as call:
            tools = await call.tools()
            assert "create_video" not in tools
            assert "at most 7 seconds" in tools["wait_for_task"].description
        async with agents.start("--max-credits", "1", "--max-credits-per-day", "9") as call:
            assert "1 credits, and 9 in 24 hours" in (await call.tools())["create_video"].description
            assert "0 of 1 credits are spent" in (await call.create()).text

    run(work)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_process_whose_client_keeps_stdin_open(agents: Agents, number: signal.Signals) -> None:
    agents.told.append("nothing")
    parameters = agents.parameters()
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, *parameters.args]
    with subprocess.Popen(command, env=parameters.env, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            process.stdin.write(json.dumps(initialize) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "apikley"
            process.send_signal(number)
            assert process.wait(LIMIT) == 130
        finally:
            process.kill()


@contextmanager
def http_server(agents: Agents, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command with --http, and stop it at the end."""
    parameters = agents.parameters("--http", *arguments)
    command = [sys.executable, *parameters.args]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=parameters.env, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), process.stderr.read()
            yield line.split()[-1], process
        finally:
            process.kill()


def test_agents_use_the_server_over_http(agents: Agents) -> None:
    async def work(url: str) -> None:
        for era in ("legacy", "auto"):
            async with Client(url, mode=era) as client:
                created = await client.call_tool(
                    "create_video",
                    {"model": MODEL, "input": {"prompt": "a", "image_url": "https://e.example/a.png"}},
                )
                agents.told.append(created.model_dump_json())
                assert not created.is_error

    with http_server(agents) as (url, process):
        asyncio.run(work(url))
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) in (0, 130)
    assert agents.created() == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)],
)
def test_a_web_page_cannot_use_the_server(agents: Agents, headers: dict[str, str], status: int) -> None:
    agents.told.append("nothing")
    accepted = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    with http_server(agents) as (url, _), httpx2.Client(trust_env=False) as http:
        refused = http.post(url, headers={**accepted, **headers}, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert refused.status_code == status


def test_a_server_without_a_key_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY", raising=False)
    monkeypatch.setenv("APIKLEY_CONFIG", str(tmp_path / "none.toml"))
    assert main(["mcp", "--database", str(tmp_path / "mcp.db")]) == 2
    assert "no API key: set APIKLEY_API_KEY" in capfd.readouterr().err


@pytest.mark.parametrize("package", ["mcp", "sqlalchemy"])
def test_without_the_extra_the_command_names_it(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from apikley.cli import main; sys.exit(main(['mcp']))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=LIMIT)
    assert ended.returncode == 1
    assert ended.stderr == f"apikley: {package} is not installed; run: pip install 'apikley[mcp]'\n"


def test_the_ledger_is_in_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from apikley.mcp.options import default_database

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_database() == tmp_path / "apikley" / "mcp.db"
