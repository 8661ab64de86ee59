"""What happened: requests with their verdicts, callbacks with their answers. Bounded, and without keys."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import apikley_contract
from apikley_mock.journal import matching as nearest
from apikley_mock.journal.truncation import excerpt_of

_CREATE = apikley_contract.operation("createTask")
_KEPT = 10_000
_KEPT_BYTES = 32 * 1024 * 1024
_LARGEST_BODY = 32 * 1024
_LARGEST_TARGET = 2_000
_LARGEST_ID = 200
_SHORTEST_SECRET = 8
_BLOT = "[key]"

_Secret = tuple[str, bytes]


class Entry(NamedTuple):
    """One request received, or one callback sent.

    Attributes:
        number: Its place in the order of all entries, from 1.
        at: Unix seconds of the simulator's clock.
        kind: `request` or `callback`.
        method: The HTTP method.
        target: The path of a request, without its query; the URL of a callback.
        status: The HTTP status answered; None where none came.
        code: The code in the envelope, if there was one.
        note: The verdict in words, or what went wrong.
        task_id: The task that it was about, if any.
        account: The name of the account whose key was used, if any.
        body: What was sent. From 32 KiB on, createTask requests and callbacks are kept with their long strings
            shortened, which the assertions know of, and all others cut off.
    """

    number: int
    at: float
    kind: Literal["request", "callback"]
    method: str
    target: str
    status: int | None
    code: int | None
    note: str
    task_id: str | None
    account: str | None
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Journal:
    """The newest entries: at most 10,000, and at most 32 MiB of bodies.

    Args:
        secrets: Keys of any kind that are blotted out wherever they turn up.

    Attributes:
        era: How often it was cleared.
    """

    def __init__(self, secrets: list[str] | None = None) -> None:
        self._secrets = _longest_first([(secret, secret.encode()) for secret in secrets or [] if secret])
        self._known = {raw for _, raw in self._secrets}
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._last = 0
        self.era = 0

    def __iter__(self) -> Iterator[Entry]:
        """The entries, oldest first."""
        return iter(self._entries.copy())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 if there was none."""
        return self._last

    def note(
        self,
        at: float,
        kind: Literal["request", "callback"],
        method: str,
        target: str,
        status: int | None,
        *,
        code: int | None = None,
        note: str = "",
        task_id: str | None = None,
        account: str | None = None,
        body: bytes = b"",
        secret: bytes = b"",
    ) -> None:
        """Note one.

        Args:
            at: Unix seconds.
            kind: `request` or `callback`.
            method: The HTTP method.
            target: The path, or the URL.
            status: The HTTP status answered, if any.
            code: The envelope's code, if any.
            note: The verdict, or what went wrong.
            task_id: The task, if any.
            account: The account's name, if any.
            body: What was sent.
            secret: A key that came with the request, known or not.
        """
        secrets = self._secrets
        if len(secret) >= _SHORTEST_SECRET and secret not in self._known:
            secrets = _longest_first([*secrets, (secret.decode(errors="surrogateescape"), secret)])
        beyond = 0
        if len(body) > _LARGEST_BODY:
            compared = kind == "callback" or target == _CREATE.path
            body, beyond = _beginning((compared and _excerpt_of(body, secrets)) or body, secrets)
        line = f"{method}\n{target}\n{note}\n{task_id}"
        for text, raw in secrets:
            if text in line:
                method, target, note = (each.replace(text, _BLOT) for each in (method, target, note))
                task_id = task_id and task_id.replace(text, _BLOT)
            if raw in body:
                body = body.replace(raw, _BLOT.encode())
        # Cut only now: of a key across the edge, a part would be left.
        if len(target) > _LARGEST_TARGET:
            target = target[:_LARGEST_TARGET] + "…"
        if task_id and len(task_id) > _LARGEST_ID:
            task_id = task_id[:_LARGEST_ID]
        if beyond or len(body) > _LARGEST_BODY:
            body = body[: min(_LARGEST_BODY, len(body) - beyond)]
        self._last += 1
        entry = Entry(self._last, at, kind, method, target, status, code, note, task_id, account, body)
        self._entries.append(entry)
        self._bytes += len(body)
        while len(self._entries) > _KEPT or self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._entries.popleft().body)

    def without_keys(self, text: str) -> str:
        """A text with the keys blotted out."""
        return _blotted(text, self._secrets)

    def clear(self) -> None:
        """Forget all, and number from 1 again."""
        self._entries.clear()
        self._bytes = self._last = 0
        self.era += 1

    def callbacks(self, task_id: str | None = None) -> list[Entry]:
        """The callbacks that were sent, of one task or of all."""
        return [entry for entry in self if entry.kind == "callback" and task_id in (None, entry.task_id)]

    def requests(self, method: str | None = None, target: str | None = None) -> list[Entry]:
        """The requests, of one method and to one path."""
        return [
            entry
            for entry in self
            if entry.kind == "request" and method in (None, entry.method) and target in (None, entry.target)
        ]

    def created(self) -> list[Entry]:
        """The createTask requests that made a task, also those whose answer was lost."""
        return [entry for entry in self.requests(_CREATE.method, _CREATE.path) if entry.task_id]

    def assert_created_once(self, **expected: Any) -> Entry:
        """Demand that exactly one task was made by a request that holds what is expected.

        Args:
            **expected: Members of the request, for instance `input={"prompt": "a ship"}`; objects
                only need to hold what is named.

        Returns:
            The entry of that request.

        Raises:
            AssertionError: There was none, or several; the message shows the nearest miss.
        """
        __tracebackhide__ = True
        found = [entry for entry in self.created() if not nearest.differences(expected, entry.json())]
        if len(found) == 1:
            return found[0]
        attempts = self.requests(_CREATE.method, _CREATE.path)
        raise AssertionError(nearest.report("createTask that made a task", expected, found, attempts, Entry.json))

    def assert_called_back(self, task_id: str | None = None, **expected: Any) -> Entry:
        """Demand a callback that its receiver took with HTTP 200.

        Args:
            task_id: Of which task; of any, if not given.
            **expected: Members of the payload, for instance `data={"state": "fail"}`.

        Returns:
            The first such entry.

        Raises:
            AssertionError: There was none; the message shows the nearest miss.
        """
        __tracebackhide__ = True
        found = self.find_callback(lambda entry: not nearest.differences(expected, entry.json()), task_id)
        if found:
            return found
        what = "callback taken with HTTP 200" + (f" for {task_id}" if task_id else "")
        raise AssertionError(nearest.report(what, expected, [], self.callbacks(), Entry.json))

    def find_callback(self, wanted: Callable[[Entry], bool], task_id: str | None = None) -> Entry | None:
        """The first callback, taken with HTTP 200, that is wanted."""
        return next((entry for entry in self.callbacks(task_id) if entry.status == 200 and wanted(entry)), None)


def _longest_first(secrets: list[_Secret]) -> list[_Secret]:
    # One key may begin with another: blotted after that, its end would be left.
    return sorted(secrets, key=lambda secret: len(secret[1]), reverse=True)


def _blotted(text: str, secrets: list[_Secret]) -> str:
    for secret, _ in secrets:
        text = text.replace(secret, _BLOT)
    return text


def _excerpt_of(body: bytes, secrets: list[_Secret]) -> bytes | None:
    return excerpt_of(body, lambda text: _blotted(text, secrets))


def _beginning(body: bytes, secrets: list[_Secret]) -> tuple[bytes, int]:
    """As much of a body as may be kept, and a key more; and how much at its end may be the first part of a key."""
    longest = max((len(raw) for _, raw in secrets), default=0)
    piece = body[: _LARGEST_BODY + longest]
    return piece, longest if len(piece) < len(body) else 0
