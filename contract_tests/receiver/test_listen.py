"""Callbacks reach a machine without a public address: polled, signed, and delivered as the service would."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley import ConfigurationError, RateLimited, ServerError, TransportError, Unauthorized
from apikley.callbacks import verify
from apikley.cli.exit_codes import Exit
from apikley.receiver import Inbox
from apikley.receiver.listen import Listener, News
from apikley.receiver.notes import Notes, note
from contract_tests import conftest
from contract_tests.cli.command_line import CommandLine, Ended, cli_fixture  # noqa: F401 - the fixture
from contract_tests.client import fake_service as services
from contract_tests.receiver.receivers import START, WEBHOOK_KEY, DrivenClock, Service
from scripts.pipeline.io import ROOT

HOOK = "http://localhost:3000/hook"
KEY = "sk-test-listen"


class SteppedClock(DrivenClock):
    """Time that passes by sleeping."""

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Hook:
    """The receiver on the developer's machine."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer)


class Heard(list[News]):
    """What the listener told."""


def listener(service: Service, hook: Hook, heard: list[News] | None = None, **options: Any) -> Listener:
    http = httpx2.Client(transport=httpx2.MockTransport(hook))
    tell = (lambda _: None) if heard is None else heard.append
    return Listener(service, HOOK, WEBHOOK_KEY, http=http, clock=SteppedClock(), tell=tell, **options)


def test_a_finished_task_is_delivered_as_a_genuine_callback() -> None:
    service, hook = Service(task_1="success"), Hook(200)
    service.records["task_1"]["resultJson"] = '{"resultUrls":["https://a.test/1.mp4"]}'
    listening = listener(service, hook)
    listening.add("task_1")
    listening.run()
    (request,) = hook.requests
    assert str(request.url) == HOOK
    callback = verify(request.headers, request.content, WEBHOOK_KEY, now=START)
    assert (callback.key, callback.code) == ("task_1:success", 200)
    assert callback.task.result_urls == ["https://a.test/1.mp4"]
    assert listening.failed == []


def test_a_failed_task_is_delivered_with_the_code_of_failure() -> None:
    hook = Hook(200)
    listening = listener(Service(task_1="fail"), hook)
    listening.add("task_1")
    listening.run()
    assert json.loads(hook.requests[0].content)["code"] == apikley_contract.codes()["GENERATION_FAILED"]


def test_a_task_is_polled_by_the_documented_schedule_until_it_ends() -> None:
    service, hook, heard = Service(task_1="waiting"), Hook(200), Heard()
    listening = listener(service, hook, heard)
    listening.add("task_1")
    pauses = [listening.step() for _ in range(1)]
    assert pauses[0] is not None
    assert 2 <= pauses[0] <= 3
    service.records["task_1"]["state"] = "success"
    listening.run()
    assert listening.step() is None
    assert [news.what for news in heard] == ["waiting", "success", "delivered: HTTP 200"]


def test_a_task_that_is_named_twice_is_delivered_once() -> None:
    service, hook = Service(task_1="success"), Hook(200)
    listening = listener(service, hook)
    for _ in range(2):
        listening.add("task_1")
        listening.add("task_1")
        listening.run()
    assert (service.asked, len(hook.requests)) == (["task_1"], 1)


def test_a_state_is_told_once_however_often_it_is_seen() -> None:
    service, heard = Service(task_1="waiting"), Heard()
    listening = listener(service, Hook(200), heard)
    listening.add("task_1")
    while len(service.asked) < 3:
        listening._clock.sleep(listening.step() or 0)
    assert [news.what for news in heard] == ["waiting"]


@pytest.mark.parametrize("url", ["http://me.test:port/?x=1", "x" * 70_000])
def test_a_tasks_own_callback_url_that_is_none_is_passed_over(url: str) -> None:
    service, hook = Service(task_1="success"), Hook(200)
    service.records["task_1"]["param"] = json.dumps({"callBackUrl": url})
    listening = listener(service, hook)
    listening.add("task_1")
    listening.run()
    assert [str(request.url) for request in hook.requests] == [HOOK]


def test_the_query_of_the_tasks_own_callback_url_is_kept() -> None:
    service, hook = Service(task_1="success"), Hook(200)
    request = {"model": "m", "callBackUrl": "https://me.example.com/cb?apikley_token=abc&x=1"}
    service.records["task_1"]["param"] = json.dumps(request)
    listening = listener(service, hook)
    listening.add("task_1")
    listening.run()
    assert str(hook.requests[0].url) == f"{HOOK}?apikley_token=abc&x=1"


def test_what_is_not_taken_is_delivered_again_as_often_as_the_service_does() -> None:
    hook, heard = Hook(httpx2.ConnectError("refused"), 500, 302, 401), Heard()
    listening = listener(Service(task_1="success"), hook, heard)
    listening.add("task_1")
    listening.run()
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    assert len(hook.requests) == 1 + len(item["post"]["x-delivery"]["retry-after"])
    assert heard[1].what == "not delivered: ConnectError: refused; again in 60 s"
    assert heard[-1].what == "not delivered: HTTP 401; given up"
    assert listening.failed == ["task_1"]
    stamps = [request.headers["X-Webhook-Timestamp"] for request in hook.requests]
    assert len(set(stamps)) == 4, "each is signed anew"


@pytest.mark.parametrize("location", ["/hook/?x=1", "http://me:secret@localhost:3000/hook/#x"])
def test_a_redirect_is_not_followed_but_named(location: str) -> None:
    def redirecting(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(307, headers={"Location": location})

    heard = Heard()
    http = httpx2.Client(transport=httpx2.MockTransport(redirecting), follow_redirects=True)
    listening = Listener(
        Service(task_1="success"), HOOK, WEBHOOK_KEY, http=http, clock=SteppedClock(), tell=heard.append
    )
    listening.add("task_1")
    listening.run()
    hint = "redirected to http://localhost:3000/hook/; give that address"
    assert heard[-1].what == f"not delivered: HTTP 307, {hint}; given up"


@pytest.mark.parametrize("error", [UnicodeError("label too long"), httpx2.InvalidURL("URL too long")], ids=repr)
def test_an_address_that_only_sending_finds_wrong_is_said(error: Exception) -> None:
    heard = Heard()
    listening = listener(Service(task_1="success"), Hook(error), heard)
    listening.add("task_1")
    listening.run()
    assert heard[-1].what == f"not delivered: {type(error).__name__}: {error}; given up"
    assert listening.failed == ["task_1"]


def test_a_query_too_long_to_be_added_is_said() -> None:
    service, heard = Service(task_1="success"), Heard()
    service.records["task_1"]["param"] = json.dumps({"callBackUrl": f"http://x/?x={'é' * 20_000}"})
    listening = listener(service, Hook(200), heard)
    listening.add("task_1")
    listening.run()
    assert heard[-1].what == "not delivered: InvalidURL: URL component 'query' too long; given up"


def test_a_task_that_is_unknown_for_long_is_given_up() -> None:
    service, hook, heard = Service(), Hook(200), Heard()
    listening = listener(service, hook, heard)
    listening.add("task_1")
    listening.run()
    assert len(service.asked) > 1
    assert [news.what for news in heard] == ["given up: 404: Task not found (task task_1)"]
    assert listening.failed == ["task_1"]


def test_what_passes_is_waited_out_and_a_refusal_is_not() -> None:
    service, hook, heard = Service(task_1="success"), Hook(200), Heard()
    passing = [TransportError("no connection"), ServerError(500, "oops"), RateLimited(429, "slow down")]
    errors = [*passing * 9, Unauthorized(401, "no")]
    look = service.get_task

    def get_task(task_id: str) -> Any:
        if errors:
            raise errors.pop(0)
        return look(task_id)

    service.get_task = get_task  # type: ignore[method-assign]
    listening = listener(service, hook, heard)
    listening.add("task_1")
    listening.run()
    waited_out = [f"cannot be looked at: {error}" for error in passing] * 9
    assert [news.what for news in heard] == [*waited_out, "given up: 401: no"]


def test_noted_tasks_are_found_while_it_runs_and_not_twice(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    service, hook = Service(task_1="success", task_2="success"), Hook(200)
    listening = listener(service, hook, notes=Notes(path, KEY))
    listening.step()
    note("task_1", path=path, api_key=KEY)
    note("task_1", path=path, api_key=KEY)
    note("task_2", path=path, api_key="another key")
    listening.step()
    listening.step()
    assert [json.loads(request.content)["data"]["taskId"] for request in hook.requests] == ["task_1"]
    assert Notes(path, KEY).open_tasks() == []
    assert Notes(path, "another key").open_tasks() == ["task_2"]


def test_notes_hold_no_key_and_survive_odd_lines(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'\xff\n[1]\n{"task_id": 7}\n\n{"task')
    note("task_1", path=path, api_key=KEY)
    assert Notes(path, KEY).open_tasks() == ["task_1"]
    assert KEY not in path.read_text(encoding="utf-8", errors="replace")


def test_a_note_needs_a_task_and_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no API key"):
        note("task_1", path=tmp_path / "n")
    with pytest.raises(ConfigurationError, match="has no task id"):
        note(object(), path=tmp_path / "n", api_key=KEY)


def test_a_task_that_is_not_noted_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^task task_1 is not noted: no API key to note tasks by; set "):
        note("task_1", path=tmp_path / "n")
    with pytest.raises(FileNotFoundError) as caught:
        note("task_1", path=tmp_path / "nowhere" / "n", api_key=KEY)
    place = str(tmp_path / "nowhere" / "n")
    assert str(caught.value) == f"[Errno 2] task task_1 is not noted: No such file or directory: {place!r}"


@pytest.mark.parametrize("call", services.BOTH)
def test_a_task_is_noted_by_the_key_of_the_client_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", "another key")
    path = tmp_path / "notes.jsonl"
    task, _ = call(services.Service(services.created("task_1")), services.ask_create)
    note(task, path=path)
    assert (Notes(path, conftest.KEY).open_tasks(), Notes(path, "another key").open_tasks()) == (["task_1"], [])
    note(task, path=path, api_key="a third key")
    assert Notes(path, "a third key").open_tasks() == ["task_1"]


def test_a_task_that_was_given_up_is_taken_up_again_when_it_is_noted_again(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    service, hook = Service(task_1="success"), Hook(500, 500, 500, 500, 200)
    listening = listener(service, hook, notes=Notes(path, KEY))
    note("task_1", path=path, api_key=KEY)
    while not listening.failed:
        listening._clock.sleep(listening.step() or 0)
    assert Notes(path, KEY).open_tasks() == []
    note("task_1", path=path, api_key=KEY)
    assert Notes(path, KEY).open_tasks() == ["task_1"]
    listening.step()
    assert (len(hook.requests), listening.failed) == (5, [])
    note("task_1", path=path, api_key=KEY)
    assert Notes(path, KEY).open_tasks() == [], "it was delivered"


@pytest.mark.parametrize(
    "url",
    [
        *["localhost:3000", "ftp://x/y", "", "http://", "http:///x", "/hook", "http://x:y/", "http://x:0/"],
        *["http://foo..bar/x", f"http://{'x' * 70}/hook"],
    ],
)
def test_a_place_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no URL to forward to"):
        Listener(Service(), url, WEBHOOK_KEY)


def test_without_a_webhook_key_nothing_is_signed() -> None:
    with pytest.raises(ConfigurationError, match="no webhook key"):
        Listener(Service(), HOOK, "")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_command_brings_a_simulated_tasks_callback_to_a_local_server(apikley_mock: Any, form: str) -> None:
    received: list[tuple[Any, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with apikley_mock.client() as api:
            task = api.create_raw(
                {"model": "hailuo/02-image-to-video-pro", "input": {"prompt": "x", "image_url": "https://a.test/a.png"}}
            )
        apikley_mock.advance(60)
        run = command(
            "listen",
            "--forward-to",
            f"http://127.0.0.1:{server.server_port}/hook",
            task.id,
            *(["--output", "json"] if form == "json" else []),
            APIKLEY_BASE_URL=apikley_mock.url,
            APIKLEY_API_KEY=apikley_mock.api_key,
            APIKLEY_WEBHOOK_KEY="whsec",
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (run.returncode, run.stderr) == (0, "")
    news = [json.loads(line) if form == "json" else line for line in run.stdout.splitlines()]
    expected: dict[str, list[object]] = {
        "text": [f"{task.id}  success", f"{task.id}  delivered: HTTP 200"],
        "json": [{"task_id": task.id, "what": what} for what in ("success", "delivered: HTTP 200")],
    }
    assert news == expected[form]
    ((headers, body),) = received
    assert verify(headers, body, "whsec").key == f"{task.id}:success"


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "apikley", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_the_command_ends_quietly_on_ctrl_c(tmp_path: Path) -> None:
    arguments = ["listen", "--forward-to", HOOK, "--noted", str(tmp_path / "notes")]
    environment = {**os.environ, "APIKLEY_API_KEY": "k", "APIKLEY_WEBHOOK_KEY": "k", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "apikley", *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stderr.readline() == f"following {tmp_path / 'notes'} until Ctrl-C\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "stopped\n")


class Undelivered:
    """`apikley listen` for tasks that go on, where something ends it while it waits."""

    def __init__(self, cli: CommandLine, ended_by: BaseException) -> None:
        self._cli = cli
        self.task = cli.task(ended=False)
        self._error = ended_by

    def listen(self, *arguments: str) -> Ended:
        def end() -> None:
            raise self._error

        self._cli.during_sleep = end
        return self._cli("listen", "--forward-to", HOOK, "--webhook-key", "whsec_k", *arguments)


@pytest.mark.parametrize("following", [(), ("--noted", "my notes")], ids=["given", "given and noted"])
def test_a_given_task_that_is_not_delivered_is_kept(cli: CommandLine, following: tuple[str, ...]) -> None:
    waiting = Undelivered(cli, KeyboardInterrupt())
    ended = waiting.listen(waiting.task, *following, "--output", "json")
    rest = " --noted 'my notes'" if following else ""
    command = f"resume with: apikley listen --forward-to {HOOK}{rest} {waiting.task}"
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"apikley: interrupted; the task is kept\n  {command}\n")
    error = json.loads(ended.out.splitlines()[-1])["error"]
    assert (error["exit_code"], error["kind"], error["hints"]) == (5, "unfinished", [command])


def test_a_given_task_is_kept_where_the_notes_cannot_be_read(cli: CommandLine) -> None:
    waiting = Undelivered(cli, PermissionError(errno.EACCES, "Permission denied", "notes"))
    ended = waiting.listen(waiting.task)
    assert ended.code == Exit.FAILED
    assert ended.err.endswith(
        "apikley: notes: Permission denied\n"
        f"  the task is kept; resume with: apikley listen --forward-to {HOOK} {waiting.task}\n"
    )


def test_noted_tasks_are_kept_by_their_notes(cli: CommandLine) -> None:
    waiting = Undelivered(cli, KeyboardInterrupt())
    note(waiting.task, api_key=cli.mock.api_key)
    ended = waiting.listen()
    assert (ended.code, ended.err.splitlines()[-1]) == (Exit.DONE, "stopped")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["listen", "--forward-to", HOOK, "--webhook-key", "k", "task_1"], 2, "apikley: no API key: set "),
        (
            ["listen", "--forward-to", "http://foo..bar/x", "--webhook-key", "k", "--api-key", "k", "task_1"],
            2,
            "no URL to",
        ),
        (["listen", "--webhook-key", "k", "task_1"], 2, "Missing option '--forward-to'"),
        (["listen", "--forward-to", HOOK, "task_1"], 2, "Missing option '--webhook-key'"),
        (["inbox", "list"], 2, "apikley: there is no inbox apikley-inbox.db; name it with --inbox\n"),
        (["inbox", "replay"], 2, "name the events to replay, or use --all"),
        (["inbox", "list", "--status", "odd"], 2, "'odd' is not one of"),
        (["inbox", "list", "--limit", "9" * 20], 2, "Invalid value for '--limit'"),
        (["fly"], 2, "No such command 'fly'"),
    ],
)
def test_wrong_usage_is_said_without_a_traceback(arguments: list[str], code: int, words: str) -> None:
    run = command(*arguments)
    assert run.returncode == code
    assert words in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("module", "extra"), [("click", "cli"), ("sqlalchemy", "receiver")])
def test_what_is_not_installed_is_said(tmp_path: Path, module: str, extra: str) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})", encoding="utf-8")
    (tmp_path / "inbox.db").touch()
    run = command("inbox", "list", "--inbox", str(tmp_path / "inbox.db"), PYTHONPATH=str(tmp_path))
    assert run.returncode == 1
    assert run.stderr == f"apikley: {module} is not installed; run: pip install 'apikley[{extra}]'\n"


def test_the_inbox_is_listed_as_a_table_and_as_json(tmp_path: Path) -> None:
    place = str(tmp_path / "inbox.db")
    inbox = Inbox(place)
    inbox.expect("task_1", None, 1_765_185_400.0, 1_765_185_328.0)
    inbox.close()
    table = command("inbox", "expected", "--inbox", place)
    assert table.stdout.splitlines() == [
        "task    token  since                      next poll",
        "task_1         2025-12-08T09:15:28+00:00  2025-12-08T09:16:40+00:00",
    ]
    document = json.loads(command("inbox", "expected", "--inbox", place, "--output", "json").stdout)
    assert [(job["task"], job["token"]) for job in document["expected"]] == [("task_1", None)]
    assert json.loads(command("inbox", "list", "--inbox", place, "--output", "json").stdout) == {"events": []}
    replayed = command("inbox", "replay", "task_1:success", "--inbox", place, "--output", "json")
    assert replayed.returncode == 1
    document = json.loads(replayed.stdout)
    assert (document["replayed"], document["not_dead"]) == ([], ["task_1:success"])


def test_the_notes_tell_what_was_delivered_from_what_was_given_up(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    hook = Hook(200)
    listening = listener(Service(task_1="success"), hook, notes=Notes(path, KEY))
    for task_id in ("task_1", "task_2"):
        note(task_id, path=path, api_key=KEY)
    while listening.failed != ["task_2"]:
        listening._clock.sleep(listening.step() or 0)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [{name: value for name, value in line.items() if name != "account"} for line in lines[2:]]
    assert found == [{"task_id": "task_1", "delivered": True}, {"task_id": "task_2", "given_up": True}]
    assert Notes(path, KEY).open_tasks() == []
