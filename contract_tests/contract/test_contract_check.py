"""`pytest --apikley-contract URL` tells a server that keeps the contract from one that does not."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley_mock.contract_check import PROBES, Check, ContractCheckError, ProbeItem, collect
from apikley_mock.control import admin_document
from apikley_mock.control.plan import Plan
from apikley_mock.control.settings import Settings
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from apikley_mock.world.clock import VirtualClock
from contract_tests.conftest import KEY

REFUSED = {"code": 401, "msg": "no", "data": None}


@pytest.fixture(params=["envelope", "http"])
def served(request: pytest.FixtureRequest) -> Iterator[ThreadedServer]:
    server = ThreadedServer(Simulator(Service(Settings(api_key=KEY, error_style=request.param), VirtualClock())))
    server.start()
    yield server
    server.stop()


def _pytest(folder: Path, *options: str, key: str | None = KEY) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"APIKLEY_API_KEY": key} if key else {})}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _probed(monkeypatch: pytest.MonkeyPatch, name: str, answer: Callable[[], httpx2.Response]) -> Check:
    monkeypatch.setattr(httpx2, "request", lambda *_, **__: answer())
    check = Check("http://service.test/", KEY)
    (probe,) = [probe for probe in PROBES if probe.name == name]
    check.run(probe)
    return check


def test_the_simulator_passes_in_both_styles_and_no_task_is_made(served: ThreadedServer, tmp_path: Path) -> None:
    run = _pytest(tmp_path, "--apikley-contract", served.url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(PROBES)} passed" in run.stdout
    style = served.simulator.service.settings.error_style
    assert {"envelope": "HTTP 200, the code in the body", "http": "the code as HTTP status"}[style] in run.stdout
    assert "| unknown task | HTTP" in run.stdout
    assert "| record of a task: its fields | not tried: name a task by --apikley-contract-task |" in run.stdout
    assert KEY not in run.stdout + run.stderr
    assert not served.simulator.service.engine.tasks


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("service.test", KEY, "'service.test' is not an http or https URL"),
        ("http://127.0.0.1:9", None, "set APIKLEY_API_KEY to a key that 127.0.0.1:9 accepts"),
    ],
)
def test_what_is_missing_is_said_in_one_line(tmp_path: Path, url: str, key: str | None, words: str) -> None:
    run = _pytest(tmp_path, "--apikley-contract", url, key=key)
    assert run.returncode == 4
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_server_that_does_not_answer_fails_in_one_line(tmp_path: Path) -> None:
    run = _pytest(tmp_path, "--apikley-contract", "http://127.0.0.1:9")
    assert run.returncode == 1
    assert "http://127.0.0.1:9 does not answer: " in run.stdout
    assert "Traceback" not in run.stdout


@pytest.mark.parametrize(
    ("name", "status", "body", "words"),
    [
        ("wrong key", 200, {"code": 200, "msg": "success", "data": 100}, r"code 200, expected 401"),
        ("unknown task", 200, {"code": 999, "msg": "?"}, r"code 999, expected 404 or 422"),
        ("wrong key", 403, REFUSED, r"HTTP 403 with code 401, expected HTTP 200 or 401"),
        ("wrong key", 200, {**REFUSED, "data": {}}, r"\(wrong key\): data: .*ErrorResponse"),
        ("wrong key", 200, {**REFUSED, "msg": None}, r"\(wrong key\): msg: .*ErrorResponse"),
        ("credits", 200, {"code": 200, "msg": "success", "data": "100"}, r"\(credits\): data: .*CreditsResponse"),
        ("credits", 200, [], r"HTTP 200 with a body that is no JSON object"),
    ],
)
def test_an_answer_off_the_contract_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, status: int, body: Any, words: str
) -> None:
    with pytest.raises(ContractCheckError, match=words):
        _probed(monkeypatch, name, lambda: httpx2.Response(status, json=body))


def test_a_page_instead_of_an_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ContractCheckError, match="no JSON object"):
        _probed(monkeypatch, "credits", lambda: httpx2.Response(502, text="<html>"))


def test_what_is_shown_of_an_answer_stays_in_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**REFUSED, "msg": "a | b\nc" + "x" * 500}
    check = _probed(monkeypatch, "wrong key", lambda: httpx2.Response(401, text=json.dumps(body)))
    (line,) = [line for line in check.report() if line.startswith("| wrong key")]
    assert line.startswith("| wrong key | HTTP 401, code 401, msg: a / b c")
    assert len(line) < 200


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ({"msg": "No access"}, "msg: No access"),
        ({"message": "No access"}, "message: No access"),
        ({"msg": None, "message": "No access"}, "message: No access"),
        ({}, "no text"),
    ],
)
def test_the_report_shows_in_which_member_the_text_of_an_error_stands(
    monkeypatch: pytest.MonkeyPatch, text: dict[str, Any], shown: str
) -> None:
    monkeypatch.setattr(httpx2, "request", lambda *_, **__: httpx2.Response(401, json={"code": 401, **text}))
    check = Check("http://service.test/", KEY)
    with contextlib.suppress(ContractCheckError):
        check.run(PROBES[0])
    assert f"| {PROBES[0].name} | HTTP 401, code 401, {shown} |" in check.report()


def test_a_key_that_a_server_repeats_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    answer = {"code": KEY, "msg": f"{KEY} is unknown"}
    monkeypatch.setattr(httpx2, "request", lambda *_, **__: httpx2.Response(401, json=answer))
    check = Check("http://service.test/", KEY)
    item = ProbeItem.from_parent(request.session, name="probe", check=check, probe=PROBES[0])
    with pytest.raises(ContractCheckError) as caught:
        item.runtest()
    assert "[the key]" in (said := str(item.repr_failure(caught)) + "\n".join(check.report()))
    assert KEY not in said


def test_what_is_answered_well_says_nothing_of_the_style_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx2.Response(200, json={"code": 200, "msg": "success", "data": 100})
    monkeypatch.setattr(httpx2, "request", lambda *_, **__: answer)
    check = Check("http://service.test/", KEY)
    with pytest.raises(ContractCheckError):
        check.run(PROBES[0])
    assert not [line for line in check.report() if line.startswith("| style of errors")]


def test_a_refused_key_stops_the_check_in_one_line(served: ThreadedServer, tmp_path: Path) -> None:
    run = _pytest(tmp_path, "--apikley-contract", served.url, key="sk-of-nobody")
    assert run.returncode == 4
    assert f"the key in APIKLEY_API_KEY is refused by {served.url} (401)" in run.stderr
    assert "expected" not in run.stdout
    assert "| what | answer |" not in run.stdout
    assert len(served.simulator.service.journal.requests()) == 1


def test_the_record_of_a_task_that_is_there_is_held_to_the_contract_too(served: ThreadedServer, tmp_path: Path) -> None:
    service = served.simulator.service
    (account,) = service.accounts
    task = service.engine.create("model", b"{}", account, Plan(), service.clock.now())
    options = "--apikley-contract", served.url, "--apikley-contract-task"
    run = _pytest(tmp_path, *options, task.id)
    assert f"{len(PROBES) + 1} passed" in run.stdout, run.stdout + run.stderr
    assert "| record of a task: its fields | taskId, model, state, " in run.stdout
    assert task.id not in run.stdout, "what is pasted names nobody's task"
    gone = _pytest(tmp_path, *options, "task_gone")
    assert "(record of a task): code 404, expected 200\n" in gone.stdout
    assert f"{served.url} --apikley-contract-task task_gone -k record-of-a-task\n" in gone.stdout


def test_some_of_the_probes_can_be_chosen(served: ThreadedServer, tmp_path: Path) -> None:
    run = _pytest(tmp_path, "--apikley-contract", served.url, "-k", "unknown-task or credits")
    assert "2 passed, 5 deselected" in run.stdout, run.stdout + run.stderr


def test_a_failure_names_rule_witness_and_the_command_that_repeats_it(served: ThreadedServer, tmp_path: Path) -> None:
    service = served.simulator.service
    fault = {"fault": "error", "code": 402, "times": None, "when": {"operation": "getTaskDetails"}}
    service.faults.arm(admin_document.fault_rule(fault, service.accounts.names()))
    run = _pytest(tmp_path, "--apikley-contract", served.url)
    repeat = f"pytest --apikley-contract {served.url} -k unknown-task"
    assert "(unknown task): code 402, expected 404 or 422\n" in run.stdout
    assert f"rule: unknown task\nwitness: {served.url}\nrepeat: APIKLEY_API_KEY=… {repeat}\n" in run.stdout
    again = _pytest(tmp_path, *repeat.split()[1:])
    assert "1 failed, 6 deselected" in again.stdout


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (httpx2.Response(502, text="<html>"), "HTTP 502, no JSON object"),
        (httpx2.Response(200, json=["a", "b"]), "HTTP 200, no JSON object"),
    ],
)
def test_the_report_shows_an_answer_that_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: httpx2.Response, shown: str
) -> None:
    monkeypatch.setattr(httpx2, "request", lambda *_, **__: answer)
    check = Check("http://service.test/", KEY)
    with pytest.raises(ContractCheckError):
        check.run(PROBES[0])
    assert f"| {PROBES[0].name} | {shown} |" in check.report()


def test_a_mistake_of_the_check_itself_is_shown_whole(request: pytest.FixtureRequest) -> None:
    check = Check("http://service.test/", KEY)
    probe = ProbeItem.from_parent(request.session, name="probe", check=check, probe=PROBES[0])
    with pytest.raises(ZeroDivisionError) as caught:
        raise ZeroDivisionError
    assert "raise ZeroDivisionError" in str(probe.repr_failure(caught))


def test_every_probe_is_a_look_or_certainly_refused() -> None:
    """A create only ever names a model that nobody has, and has no input."""
    creates = [probe for probe in PROBES if probe.operation == "createTask"]
    assert creates
    assert all(set(probe.json) == {"model"} for probe in creates)
    assert not {probe.json["model"] for probe in creates} & set(apikley_contract.models())
    uploads = [probe for probe in PROBES if probe.operation.startswith("upload")]
    assert [(probe.json, probe.with_key) for probe in uploads] == [({}, False)]


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("http://[::1", KEY, "'http://[::1' is not an http or https URL"),
        ("http://user:secretpw@x.test", KEY, "leave out user, password and query of the URL"),
        ("http://x.test/?token=secretpw", KEY, "leave out user, password and query of the URL"),
        ("http://x.test", "sk-\u00fc", "the key in APIKLEY_API_KEY holds characters that no header can carry"),
        ("http://x.test", "sk-1\n", "the key in APIKLEY_API_KEY holds characters that no header can carry"),
    ],
)
def test_what_cannot_be_asked_is_said_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, url: str, key: str, words: str
) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", key)
    with pytest.raises(pytest.UsageError) as refused:
        collect(request.session, url)
    assert words in str(refused.value)
    assert "secretpw" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_tests_at_hand_are_not_even_imported_and_need_no_other_process(
    served: ThreadedServer, tmp_path: Path
) -> None:
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    run = _pytest(tmp_path, "-n", "2", "--apikley-contract", served.url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(PROBES)} passed" in run.stdout
    assert f"How {served.url.removeprefix('http://')} answers" in run.stdout
    assert "| unknown task | HTTP" in run.stdout


def test_an_upload_is_refused_in_the_uploads_own_form(monkeypatch: pytest.MonkeyPatch) -> None:
    check = _probed(
        monkeypatch,
        "upload with a wrong key",
        lambda: httpx2.Response(401, json={"success": False, "code": 401, "msg": "no"}),
    )
    assert "| upload with a wrong key | HTTP 401, code 401, msg: no |" in check.report()
    assert not [line for line in check.report() if line.startswith("| style of errors")]
    with pytest.raises(ContractCheckError, match=r"\(upload with a wrong key\): success: .*UploadErrorResponse"):
        _probed(
            monkeypatch,
            "upload with a wrong key",
            lambda: httpx2.Response(401, json={"success": "no", "code": 401, "msg": "no"}),
        )
