"""Brings callbacks to a machine without a public address: polls tasks, and sends the callbacks to a local receiver.

A callback is what the service would send: the same body, signed with the account's webhook key, with the query of the
task's own callback URL, and with the service's retries.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.retry import is_transient
from apikley._flows.state import VISIBILITY_GRACE
from apikley._flows.wait import poll_pause
from apikley._http.deadlines import Deadline
from apikley._http.streams import install_deadlines
from apikley._model.checks import is_http_url
from apikley._model.fields import text
from apikley._model.task import TaskInfo
from apikley.callbacks import Key, sign, signing_key
from apikley.errors import ApikleyError, ConfigurationError, NotFound, ValidationFailed
from apikley.receiver.events import Client
from apikley.receiver.notes import Notes

_REREAD_INTERVAL = 2.0  # seconds


@dataclass
class _Job:
    started_at: float
    due_at: float
    state: str = ""
    finished: TaskInfo | None = None
    deliveries: int = 0


class Listener:
    """Polls tasks and delivers a callback for each that has ended.

    Args:
        client: An `Apikley` client.
        forward_to: The receiver's URL, for instance `http://localhost:3000/hook`.
        webhook_key: Signs the callbacks.
        notes: Also follow the tasks noted in this file.
        http: The HTTP client for the deliveries, for tests.
        clock: The clock, for tests.
        on_progress: Called with the id of a task and what happened to it.

    Raises:
        ConfigurationError: The URL or the webhook key is missing or invalid.
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
        on_progress: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        self._webhook_key = signing_key(webhook_key)
        if not is_http_url(forward_to):
            example = "expected for instance http://localhost:3000/hook"
            raise ConfigurationError(f"{forward_to!r} is not a URL to forward to; {example}")
        self._forward_to = httpx2.URL(forward_to)
        delivery = _callback_operation()["x-delivery"]
        self._pauses: list[float] = delivery["retry-after"]
        self._timeout: float = delivery["timeout"]
        self._http = http or _local_client(self._timeout)
        self._client = client
        self._notes = notes
        self._clock = clock or Clock()
        self._on_progress = on_progress
        self._jobs: dict[str, _Job] = {}
        self._delivered: set[str] = set()
        self.failed: list[str] = []  # given up
        self.errors: dict[str, ApikleyError] = {}  # why a given-up task could not be polled

    @property
    def open(self) -> list[str]:
        """The ids of the tasks that are neither delivered nor given up."""
        return [*self._jobs]

    def add(self, task_id: str) -> None:
        """Follow a task, unless it was delivered. A given-up task starts again."""
        if task_id not in self._jobs and task_id not in self._delivered:
            now = self._clock.monotonic()
            self._jobs[task_id] = _Job(now, now)
            if task_id in self.failed:
                self.failed.remove(task_id)

    def run(self) -> None:
        """Run until every task is delivered or given up; with notes, until it is interrupted."""
        while (pause := self.step()) is not None:
            self._clock.sleep(pause)

    def step(self) -> float | None:
        """Do what is due now; returns the seconds until something is due again, or None if nothing will be."""
        for task_id in self._notes.open_tasks() if self._notes else ():
            self.add(task_id)
        for task_id, job in list(self._jobs.items()):
            if job.due_at <= self._clock.monotonic():
                self._advance(task_id, job)
        pauses = [job.due_at - self._clock.monotonic() for job in self._jobs.values()]
        pauses += [_REREAD_INTERVAL] if self._notes else []
        return max(0.0, min(pauses)) if pauses else None

    def _advance(self, task_id: str, job: _Job) -> None:
        elapsed = self._clock.monotonic() - job.started_at
        if job.finished is None:
            try:
                self._poll(task_id, job)
            except ApikleyError as error:
                invisible = isinstance(error, NotFound | ValidationFailed)
                if elapsed > VISIBILITY_GRACE if invisible else not is_transient(error):
                    self.errors[task_id] = error
                    self._end(task_id, f"given up: {error}", failed=True)
                    return
                if not invisible:  # a new task may not be visible yet
                    self._on_progress(task_id, f"poll failed: {error}")
        if job.finished is None:
            job.due_at = self._clock.monotonic() + poll_pause(elapsed)
        else:
            self._deliver(task_id, job, job.finished)

    def _poll(self, task_id: str, job: _Job) -> None:
        task: TaskInfo = self._client.get_task(task_id)
        state = task.state or ""
        if state != job.state:
            self._on_progress(task_id, state)
            job.state = state
        job.finished = task if task.finished else None

    def _deliver(self, task_id: str, job: _Job, task: TaskInfo) -> None:
        now = int(self._clock.now().timestamp())
        headers = {"Content-Type": "application/json", **sign(task_id, self._webhook_key, now)}
        accepted = False
        try:
            callback_url = text((task.request or {}).get("callBackUrl"))
            query = httpx2.URL(callback_url).params if callback_url and is_http_url(callback_url) else {}
            target = self._forward_to.copy_merge_params(query) if query else self._forward_to
            sending = self._http.stream(
                "POST", target, content=callback_body(task), headers=headers, follow_redirects=False
            )
            with Deadline(self._timeout, None).active(), sending as response:  # its body is not read
                outcome, accepted = _describe(response), response.status_code == apikley_contract.codes()["SUCCESS"]
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # ValueError: an invalid host name
            outcome = f"{type(error).__name__}: {error}"
        if accepted:
            self._end(task_id, f"delivered: {outcome}", failed=False)
        elif job.deliveries == len(self._pauses):
            self._end(task_id, f"not delivered: {outcome}; given up", failed=True)
        else:
            pause = self._pauses[job.deliveries]
            job.deliveries += 1
            job.due_at = self._clock.monotonic() + pause
            self._on_progress(task_id, f"not delivered: {outcome}; next attempt in {pause:g} s")

    def _end(self, task_id: str, what: str, *, failed: bool) -> None:
        del self._jobs[task_id]
        if failed:
            self.failed.append(task_id)
        else:
            self._delivered.add(task_id)
        if self._notes:
            self._notes.add(task_id, "given_up" if failed else "delivered")
        self._on_progress(task_id, what)


def _local_client(timeout: float) -> httpx2.Client:
    client = httpx2.Client(timeout=timeout, trust_env=False)
    install_deadlines(client)
    return client


def callback_body(task: TaskInfo) -> bytes:
    """Return the body of the callback that the service sends about a finished task."""
    examples = _callback_operation()["requestBody"]["content"]["application/json"]["examples"].values()
    envelope = next(each["value"] for each in examples if each["value"]["data"]["state"] == task.state)
    return json.dumps({**envelope, "data": {**task.raw, "taskId": task.id, "state": task.state}}).encode()


def _callback_operation() -> dict[str, Any]:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    operation: dict[str, Any] = item["post"]
    return operation


def _describe(response: httpx2.Response) -> str:
    if response.status_code == apikley_contract.codes()["UNAUTHORIZED"]:
        return f"HTTP {response.status_code}: do listener and receiver have the same webhook key?"
    if response.next_request is None:
        return f"HTTP {response.status_code}"
    # Without the query, which contains the task's own, and without credentials.
    address = response.next_request.url.copy_with(query=None, fragment=None, userinfo=b"")
    return f"HTTP {response.status_code}, redirected to {address}; use that address"
