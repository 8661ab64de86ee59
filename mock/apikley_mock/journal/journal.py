"""The journal: the requests received and the callbacks sent. Its size is limited, and keys are redacted."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

import apikley_contract
from apikley_mock.journal.entry import Entry
from apikley_mock.journal.matching import differences, line, report

_CREATE = apikley_contract.operation("createTask")
_MAX_ENTRIES = 10_000
_MAX_BYTES = 32 * 1024 * 1024
_MAX_BODY = 64 * 1024
_MAX_TARGET = _MAX_NOTE = 2_000
_MAX_TASK_ID = _MAX_WARNING = 200
_MIN_SECRET = 8
REDACTED = "***"

_Secret = tuple[str, bytes]


class Journal:
    """The newest entries: at most 10,000, and at most 32 MiB of bodies.

    Args:
        secrets: Keys, which are redacted everywhere.

    Attributes:
        era: How often the journal was cleared.
        listeners: Called with each entry when it is added.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = [*secrets]
        self._secrets = _longest_first(form for secret in known for form in _forms(secret))
        self._known = {secret.encode() for secret in known}
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._last = 0
        self.era = 0
        self.listeners: list[Callable[[Entry], object]] = []

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries, oldest first."""
        return iter(self._entries.copy())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 without entries."""
        return self._last

    def add(self, entry: Entry, secret: bytes = b"") -> None:
        """Number and add an entry. `secret` is the key of the request, known or not."""
        secrets = self._secrets
        if len(secret) >= _MIN_SECRET and secret not in self._known:
            sent = _forms(secret.decode(errors="surrogateescape"))
            secrets = _longest_first([*(text for text, _ in secrets), *sent])
        at, kind, method, target, status, code, note, task_id, account, body, warnings, _, took, *rest = entry
        query, headers, answered, response = rest
        others = b"\n".join((query, headers, answered, response))
        line = f"{method}\n{target}\n{note}\n{task_id}\n{warnings}"
        for text, raw in secrets:
            if text in line:
                method, target, note = (_without(text, each) for each in (method, target, note))
                task_id = task_id and _without(text, task_id)
                warnings = tuple(_without(text, each) for each in warnings)
            if raw in body:
                body = _without_bytes(text, body)
            if raw in others:
                query, response = _without_bytes(text, query), _without_bytes(text, response)
                headers, answered = _without_bytes(text, headers), _without_bytes(text, answered)
        # Cut after redaction, so that no part of a key is left at the end.
        target, note, body = _cut(target, _MAX_TARGET), _cut(note, _MAX_NOTE), body[:_MAX_BODY]
        task_id = task_id and task_id[:_MAX_TASK_ID]
        warnings = tuple([_cut(each, _MAX_WARNING) for each in warnings])
        self._last += 1
        entry = Entry(
            at,
            kind,
            method,
            target,
            status,
            code,
            note,
            task_id,
            account,
            body,
            warnings,
            self._last,
            took,
            query[:_MAX_TARGET],
            headers,
            answered,
            response[:_MAX_BODY],
        )
        self._entries.append(entry)
        for listener in self.listeners:
            listener(entry)
        self._bytes += _size(entry)
        while len(self._entries) > _MAX_ENTRIES or self._bytes > _MAX_BYTES:
            self._bytes -= _size(self._entries.popleft())

    def redact(self, text: str) -> str:
        """Return a text without keys."""
        for secret, _ in self._secrets:
            text = _without(secret, text)
        return text

    def clear(self) -> None:
        """Delete all entries, and number from 1 again."""
        self._entries.clear()
        self._bytes = self._last = 0
        self.era += 1

    def callbacks(self, task_id: str | None = None) -> list[Entry]:
        """Return the sent callbacks, of one task or of all."""
        return [entry for entry in self if entry.kind == "callback" and task_id in (None, entry.task_id)]

    def requests(self, method: str | None = None, target: str | None = None) -> list[Entry]:
        """Return the requests, of one method and to one path if given."""
        return [
            entry
            for entry in self
            if entry.kind == "request" and method in (None, entry.method) and target in (None, entry.target)
        ]

    def created(self) -> list[Entry]:
        """Return the createTask requests that created a task, also if their response was lost."""
        return [entry for entry in self.requests(_CREATE.method, _CREATE.path) if entry.task_id]

    def assert_created_once(self, **expected: Any) -> Entry:
        """Assert that exactly one task was created by a request with the expected members.

        Args:
            **expected: Members of the request, for instance `input={"prompt": "a ship"}`. Objects may hold more.

        Returns:
            The entry of that request.

        Raises:
            AssertionError: There was none, or several; the message shows the nearest request.
        """
        __tracebackhide__ = True
        found = [entry for entry in self.created() if not differences(expected, entry.json())]
        if len(found) == 1:
            return found[0]
        requests = self.requests(_CREATE.method, _CREATE.path)
        raise AssertionError(report("createTask that created a task", expected, found, requests))

    def assert_called_back(self, task_id: str | None = None, **expected: Any) -> Entry:
        """Assert that a receiver acknowledged a callback with HTTP 200.

        Args:
            task_id: The task; any by default.
            **expected: Members of the body, for instance `data={"state": "fail"}`.

        Returns:
            The first such entry.

        Raises:
            AssertionError: There was none; the message shows the nearest callback.
        """
        __tracebackhide__ = True
        found = self.find_callback(lambda entry: not differences(expected, entry.json()), task_id)
        if found:
            return found
        what = "callback acknowledged with HTTP 200" + (f" for {task_id}" if task_id else "")
        raise AssertionError(report(what, expected, [], self.callbacks()))

    def lines(self) -> list[str]:
        """Return one line for each entry, for a report."""
        return [line(entry) for entry in self]

    def find_callback(self, matches: Callable[[Entry], bool], task_id: str | None = None) -> Entry | None:
        """Return the first callback, acknowledged with HTTP 200, that matches."""
        return next((entry for entry in self.callbacks(task_id) if entry.status == 200 and matches(entry)), None)


def _without(secret: str, text: str) -> str:
    """Redact a secret. A short one is redacted only where it is a whole value: it may be a part of any other text."""
    if len(secret) >= _MIN_SECRET:
        return text.replace(secret, REDACTED)
    return re.sub(rf'(?:^|(?<=["=])|(?<=Bearer )){re.escape(secret)}(?=["&\\]|$)', REDACTED, text)


def _without_bytes(secret: str, content: bytes) -> bytes:
    return _without(secret, content.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _size(entry: Entry) -> int:
    return len(entry.body) + len(entry.response)


def _forms(key: str) -> set[str]:
    """Return how a key is written: plain, percent-encoded, and escaped in JSON, which callbacks nest three times."""
    escaped = [key]
    for _ in range(3):
        escaped.append(json.dumps(escaped[-1])[1:-1])
    return {quote(key.encode(errors="surrogateescape"), safe=""), *escaped}


def _longest_first(texts: Iterable[str]) -> list[_Secret]:
    # One key may begin with another: replacing the shorter one first would leave the rest of the longer one.
    return [(text, text.encode(errors="surrogateescape")) for text in sorted({*texts}, key=len, reverse=True)]


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[:size] + "…"
