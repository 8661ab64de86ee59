"""`pytest --apikley-contract URL`: does a server answer as the contract says? Nothing is created, nothing is paid.

Only look-ups are sent, and requests that are certainly refused; `--apikley-contract-task ID` adds a look at the
record of a task that is there already. What the contract leaves open (how errors
arrive, what an unknown task is answered) is printed as a short report, ready to be pasted into an issue.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jsonschema_rs
import pytest

import apikley_contract

KEY = "APIKLEY_API_KEY"
TASK = "--apikley-contract-task"
CODES = apikley_contract.codes()
UPLOAD = "uploadFileBase64"
_RECORD = "record of a task"
_NO_KEY = "apikley-contract-check-no-key"
_NO_MODEL = "apikley-contract-check/no-such-model"
_NO_TASK = "apikley-contract-check-no-such-task"
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Probe:
    """One request that costs nothing.

    Attributes:
        name: What is tried, in words.
        operation: The operation's id.
        codes: The codes that may be answered, by their names in the contract.
        schema: What the answer is held to.
        params: The query.
        json: The body.
        with_key: Whether the real key is sent; otherwise one that nobody has.
    """

    name: str
    operation: str
    codes: tuple[str, ...]
    schema: str = "ErrorResponse"
    params: dict[str, str] = field(default_factory=dict)
    json: Any = None
    with_key: bool = True


_CREDITS = Probe("credits", "getCredits", ("SUCCESS",), schema="CreditsResponse")
PROBES = (
    Probe("wrong key", "getCredits", ("UNAUTHORIZED",), with_key=False),
    Probe("create with a wrong key", "createTask", ("UNAUTHORIZED",), json={"model": _NO_MODEL}, with_key=False),
    Probe("upload with a wrong key", UPLOAD, ("UNAUTHORIZED",), schema="UploadErrorResponse", json={}, with_key=False),
    _CREDITS,
    # In real traffic a wrong request is sometimes answered with 500.
    Probe("create for no model", "createTask", ("VALIDATION_FAILED", "SERVER_ERROR"), json={"model": _NO_MODEL}),
    Probe("unknown task", "getTaskDetails", ("NOT_FOUND", "VALIDATION_FAILED"), params={"taskId": _NO_TASK}),
    Probe(
        "download link of a foreign URL",
        "getDownloadUrl",
        ("VALIDATION_FAILED",),
        json={"url": "https://files.example.com/none.mp4"},
    ),
)


class ContractCheckError(Exception):
    """The server answers otherwise than the contract says."""


class KeyRefusedError(Exception):
    """The server does not know the key, so that nothing can be found out about it."""


class Check:
    """The checks of one server.

    Args:
        url: Its base URL.
        api_key: A key that it accepts.

    Attributes:
        seen: What was answered, by the probe's name.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url.rstrip("/")
        self.seen: dict[str, httpx2.Response] = {}
        self._key = api_key

    def run(self, probe: Probe) -> None:
        """Send one request, and hold the answer to the contract.

        Raises:
            ContractCheckError: It says something else; the message says what, and what was expected.
        """
        operation = apikley_contract.operation(probe.operation)
        answer = self.seen[probe.name] = self._ask(probe)
        where = f"{operation.method} {operation.path} ({probe.name})"
        body = self._envelope(answer, where)
        code, allowed = body.get("code"), [CODES[name] for name in probe.codes]
        if code not in allowed:
            raise ContractCheckError(f"{where}: code {code!r}, expected {' or '.join(map(str, allowed))}")
        if answer.status_code not in (200, code):
            raise ContractCheckError(
                f"{where}: HTTP {answer.status_code} with code {code}, expected HTTP 200 or {code}"
            )
        validator = jsonschema_rs.Draft4Validator(
            {"$ref": f"#/components/schemas/{probe.schema}", **apikley_contract.schemas()}
        )
        for broken in validator.iter_errors(body):
            place = "/".join(map(str, broken.instance_path)) or "the body"
            raise ContractCheckError(f"{where}: {place}: {broken.message}, by the contract's {probe.schema}")

    def demand_key(self) -> None:
        """See that the key is known; with one that is not, every probe would seem to find something wrong.

        Raises:
            KeyRefusedError: It is refused.
        """
        try:
            answer = self._ask(_CREDITS)
        except ContractCheckError:
            return  # as each probe will say
        if CODES["UNAUTHORIZED"] in (answer.status_code, (_object(answer) or {}).get("code")):
            raise KeyRefusedError(f"the key in {KEY} is refused by {self.url} ({CODES['UNAUTHORIZED']})")

    def hidden(self, text: str) -> str:
        """A text without the key, which a server may repeat."""
        return text.replace(self._key, "[the key]")

    def report(self) -> list[str]:
        """What the server does where the contract leaves it open, as lines of Markdown."""
        operations = {probe.name: probe.operation for probe in PROBES}
        errors = {name: answer for name, answer in self.seen.items() if name not in (_CREDITS.name, _RECORD)}
        # The uploads have a form of errors of their own.
        statuses = {
            answer.status_code == 200
            for name, answer in errors.items()
            if operations[name] != UPLOAD and (_object(answer) or {}).get("code") != CODES["SUCCESS"]
        }
        style = {frozenset([True]): "HTTP 200, the code in the body", frozenset([False]): "the code as HTTP status"}
        lines = [f"How {httpx2.URL(self.url).netloc.decode()} answers", "", "| what | answer |", "| --- | --- |"]
        if statuses:
            lines.append(f"| style of errors | {style.get(frozenset(statuses), 'both, see below')} |")
        lines += [f"| {name} | {_shown(answer, self.hidden)} |" for name, answer in errors.items()]
        record = (_object(self.seen[_RECORD]) or {}).get("data") if _RECORD in self.seen else None
        fields = (
            _cell(self.hidden(", ".join(record))) if isinstance(record, dict) else f"not tried: name a task by {TASK}"
        )
        lines.append(f"| {_RECORD}: its fields | {fields} |")
        return [*lines, "| signature of callbacks | not tried: it takes a task, which is paid |"]

    def _fields(self) -> str:
        if _RECORD not in self.seen:
            return f"not tried: name a task by {TASK}"
        record = (_object(self.seen[_RECORD]) or {}).get("data")
        return _cell(self.hidden(", ".join(record))) if isinstance(record, dict) else "none"

    def _ask(self, probe: Probe) -> httpx2.Response:
        operation = apikley_contract.operation(probe.operation)
        headers = {"Authorization": f"Bearer {self._key if probe.with_key else _NO_KEY}"}
        try:
            return httpx2.request(
                operation.method,
                self.url + operation.path,
                params=probe.params,
                json=probe.json,
                headers=headers,
                timeout=_TIMEOUT,
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ContractCheckError(f"{self.url} does not answer: {error or type(error).__name__}") from None

    @staticmethod
    def _envelope(answer: httpx2.Response, where: str) -> dict[str, Any]:
        body = _object(answer)
        if body is None:
            raise ContractCheckError(f"{where}: HTTP {answer.status_code} with a body that is no JSON object")
        return body


class ProbeItem(pytest.Item):
    """One probe, as a test."""

    def __init__(self, *, check: Check, probe: Probe, **options: Any) -> None:
        super().__init__(**options)
        self._check = check
        self._probe = probe

    def runtest(self) -> None:
        """Send it."""
        self._check.run(self._probe)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """One line for a server that answers otherwise, and how to ask it again."""
        if isinstance(excinfo.value, ContractCheckError):
            task = f" {TASK} {shlex.quote(self._probe.params['taskId'])}" if self._probe.name == _RECORD else ""
            again = f"{KEY}=… pytest --apikley-contract {shlex.quote(self._check.url)}{task} -k {self.name}"
            words = (self._check.hidden(str(excinfo.value)), f"rule: {self._probe.name}", f"witness: {self._check.url}")
            return "\n".join([*words, f"repeat: {again}"])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        """Where it comes from."""
        return f"{self._check.url}", None, f"contract: {self._probe.name}"


def collect(session: pytest.Session, url: str, task_id: str | None = None) -> tuple[Check, list[pytest.Item]]:
    """The probes of a server, as tests.

    Args:
        session: What they belong to.
        url: The server's base URL.
        task_id: A task that is there already, whose record is looked at, too.

    Raises:
        pytest.UsageError: There is no such URL, or no key.
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise pytest.UsageError(f"--apikley-contract: {url!r} is not an http or https URL")
    if parsed.userinfo or parsed.query or parsed.fragment:
        # It would stand in the report, and be sent in place of the key.
        raise pytest.UsageError(
            "--apikley-contract: leave out user, password and query of the URL; scheme, host, port and path will do"
        )
    api_key = os.environ.get(KEY)
    if not api_key:
        raise pytest.UsageError(f"--apikley-contract: set {KEY} to a key that {parsed.netloc.decode()} accepts")
    if not (api_key.isascii() and api_key.isprintable()):
        raise pytest.UsageError(f"--apikley-contract: the key in {KEY} holds characters that no header can carry")
    check = Check(url, api_key)
    # `-k`, which chooses among them by their names, takes no spaces.
    record = Probe(_RECORD, "getTaskDetails", ("SUCCESS",), "TaskDetailsResponse", {"taskId": task_id or ""})
    probes = [*PROBES, record] if task_id else PROBES
    named = [(probe.name.replace(" ", "-"), probe) for probe in probes]
    return check, [ProbeItem.from_parent(session, name=name, check=check, probe=probe) for name, probe in named]


def _object(answer: httpx2.Response) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _shown(answer: httpx2.Response, hidden: Callable[[str], str]) -> str:
    """An answer in the cell of a table; in which member its text stands is not the same everywhere."""
    body = _object(answer)
    if body is None:
        return f"HTTP {answer.status_code}, no JSON object"
    name = next((name for name in ("msg", "message") if isinstance(body.get(name), str)), None)
    said = "no text" if name is None else f"{name}: {body[name]}"
    text = hidden(f"HTTP {answer.status_code}, code {body.get('code')}, {said}")
    return _cell(text)[:140]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
