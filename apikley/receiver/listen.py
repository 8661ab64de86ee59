"""Brings callbacks to a machine that the internet cannot reach: polls tasks, and delivers what is due.

What is delivered is what the service would send: the same body, signed with the account's webhook key,
with the query of the task's own callback URL, and tried as often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import httpx2

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.retry import is_transient
from apikley._flows.state import VISIBILITY_GRACE
from apikley._flows.wait import poll_pause
from apikley._model.checks import is_http_url
from apikley._model.fields import text
from apikley._model.task import TaskInfo
from apikley.callbacks import Key, sign, signing_key
from apikley.errors import ApikleyError, ConfigurationError, NotFound, ValidationFailed
from apikley.receiver.notes import Notes
from apikley.receiver.work.confirmation import Client, payload, published

# How often the file of notes is read again, in seconds.
_REREAD = 2.0


class News(NamedTuple):
    """Something worth a line: about which task, and what."""

    task_id: str
    what: str


@dataclass
class _Job:
    since: float
    look_at: float
    state: str = ""
    seen: TaskInfo | None = None
    attempts: int = 0


class Listener:
    """Polls tasks and delivers a callback for each that has ended.

    Args:
        client: An `Apikley` client.
        forward_to: Where callbacks go, for instance `http://localhost:3000/hook`.
        webhook_key: What they are signed with.
        notes: Further tasks, noted in a file while this runs.
        http: Your own httpx2 client for the deliveries; you close it.
        clock: What tells the time.
        tell: Is told what happens.

    Attributes:
        failed: The tasks that were given up, in that order.
        errors: Why, of those that could not be looked at.

    Raises:
        ConfigurationError: The URL is none, or the key is missing or no text.
    """

    def __init__(
        self,
        client: Client,
        forward_to: str,
        webhook_key: Key,
        *,
        notes: Notes | None = None,
        http: httpx2.Client | None = None,
        clock: Clock | None = None,
        tell: Callable[[News], object] = lambda _: None,
    ) -> None:
        self._key = signing_key(webhook_key)
        self._forward_to = _target(forward_to)
        delivery = published()["x-delivery"]
        self._pauses: list[float] = delivery["retry-after"]
        self._http = http or httpx2.Client(timeout=delivery["timeout"], trust_env=False)
        self._client = client
        self._notes = notes
        self._clock = clock or Clock()
        self._tell = tell
        self._jobs: dict[str, _Job] = {}
        self._delivered: set[str] = set()
        self.failed: list[str] = []
        self.errors: dict[str, ApikleyError] = {}

    @property
    def open(self) -> list[str]:
        """The tasks that are not dealt with yet."""
        return [*self._jobs]

    def add(self, task_id: str) -> None:
        """Take up a task, unless it was delivered; one that was given up begins anew."""
        if task_id not in self._jobs and task_id not in self._delivered:
            now = self._clock.monotonic()
            self._jobs[task_id] = _Job(now, now)
            if task_id in self.failed:
                self.failed.remove(task_id)

    def run(self) -> None:
        """Go on until every task is dealt with; with notes, until it is interrupted."""
        while (pause := self.step()) is not None:
            self._clock.sleep(pause)

    def step(self) -> float | None:
        """Do what is due now; returns the seconds until the next time, None when there is none."""
        for task_id in self._notes.open_tasks() if self._notes else ():
            self.add(task_id)
        for task_id, job in list(self._jobs.items()):
            if job.look_at <= self._clock.monotonic():
                self._advance(task_id, job)
        waits = [job.look_at - self._clock.monotonic() for job in self._jobs.values()]
        waits += [_REREAD] if self._notes else []
        return max(0.0, min(waits)) if waits else None

    def _advance(self, task_id: str, job: _Job) -> None:
        elapsed = self._clock.monotonic() - job.since
        if job.seen is None:
            try:
                seen: TaskInfo = self._client.get_task(task_id)
            except (NotFound, ValidationFailed) as error:
                if elapsed > VISIBILITY_GRACE:  # a task that was just created may not be visible yet
                    self.errors[task_id] = error
                    return self._end(task_id, f"given up: {error}", failed=True)
            except ApikleyError as error:
                if not is_transient(error):
                    self.errors[task_id] = error
                    return self._end(task_id, f"given up: {error}", failed=True)
                self._tell(News(task_id, f"cannot be looked at: {error}"))
            else:
                state = text(seen.raw.get("state")) or ""
                if state != job.state:
                    self._tell(News(task_id, state))
                    job.state = state
                job.seen = seen if seen.finished else None
        if job.seen is None:
            job.look_at = self._clock.monotonic() + poll_pause(elapsed)
        else:
            self._deliver(task_id, job, job.seen)
        return None

    def _deliver(self, task_id: str, job: _Job, seen: TaskInfo) -> None:
        headers = {
            "Content-Type": "application/json",
            **sign(task_id, self._key, int(self._clock.now().timestamp())),
        }
        target = self._forward_to
        asked_for = _url(text((seen.request or {}).get("callBackUrl")) or "")
        try:
            if asked_for and asked_for.params:
                target = target.copy_merge_params(asked_for.params)
            answer = self._http.post(target, content=payload(seen), headers=headers, follow_redirects=False)
            result, taken = _said(answer), answer.status_code == apikley_contract.codes()["SUCCESS"]
        except (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            ValueError,
        ) as error:  # ValueError: a name that cannot be looked up
            result, taken = f"{type(error).__name__}: {error}", False
        if taken:
            return self._end(task_id, f"delivered: {result}", failed=False)
        if job.attempts == len(self._pauses):
            return self._end(task_id, f"not delivered: {result}; given up", failed=True)
        pause = self._pauses[job.attempts]
        job.attempts += 1
        job.look_at = self._clock.monotonic() + pause
        self._tell(News(task_id, f"not delivered: {result}; again in {pause:g} s"))
        return None

    def _end(self, task_id: str, what: str, *, failed: bool) -> None:
        del self._jobs[task_id]
        if failed:
            self.failed.append(task_id)
        else:
            self._delivered.add(task_id)
        if self._notes:
            self._notes.close(task_id, "given_up" if failed else "delivered")
        self._tell(News(task_id, what))


def _target(given: str) -> httpx2.URL:
    if not is_http_url(given):
        raise ConfigurationError(f"{given!r} is no URL to forward to; expected for instance http://localhost:3000/hook")
    return httpx2.URL(given)


def _said(answer: httpx2.Response) -> str:
    """What the receiver said. It is told of a redirect, which the service would not follow either."""
    if answer.next_request is None:
        return f"HTTP {answer.status_code}"
    # Without the query, which holds the task's own, and what else is no part of the address.
    place = answer.next_request.url.copy_with(query=None, fragment=None, userinfo=b"")
    return f"HTTP {answer.status_code}, redirected to {place}; give that address"


def _url(given: str) -> httpx2.URL | None:
    try:
        return httpx2.URL(given)
    except (httpx2.InvalidURL, ValueError):
        return None
