"""Kills a receiver under load again and again, and counts lost and repeated events."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from apikley.receiver import Inbox
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import log_lines, running

_MAX_CALLBACKS = 250  # acknowledged before a kill
_HANG = 600.0  # seconds


@dataclass
class Kills:
    """The counts of kills, tasks and events."""

    kills: int = 0
    acknowledged: set[str] = field(default_factory=set)  # tasks whose callback was acknowledged
    lost: set[str] = field(default_factory=set)  # acknowledged tasks that were not stored, or never handled
    twice_after_success: set[str] = field(default_factory=set)  # handled again after their success was stored
    twice_without_crash: set[str] = field(default_factory=set)  # begun twice by one process
    repeated: int = 0  # begun again because of a kill before their success was stored
    interrupted: int = 0  # handlers that a kill interrupted


def kill_repeatedly(folder: Path, kills: int, seed: int = 0) -> Kills:
    """Start, load and kill a receiver of one inbox several times; then let it handle the rest."""
    counts, inbox, chance = Kills(), str(folder / "inbox.db"), random.Random(seed)  # noqa: S311 - not a secret
    succeeded: set[str] = set()
    begun: Counter[str] = Counter()
    for number in range(kills + 1):
        log = folder / f"{number}.log"
        with running(inbox, log) as (process, port):
            if number < kills:
                task_ids = [f"task_{number}_{each}" for each in range(2 * _MAX_CALLBACKS)]
                kill_at = len(counts.acknowledged) + chance.randint(1, _MAX_CALLBACKS)
                acknowledge = partial(_acknowledge, counts, kill_at, process)
                send(port, callbacks(task_ids), connections=8, acknowledged=acknowledge)
                counts.kills += 1
            else:
                wait_until_handled(inbox)
        lines = log_lines(log)
        begins = Counter(event_id for what, event_id in lines if what == "begin")
        counts.interrupted += sum(begins.values()) - sum(what == "end" for what, _ in lines)
        counts.twice_without_crash |= {event_id for event_id, count in begins.items() if count > 1}
        counts.twice_after_success |= succeeded & set(begins)
        begun += begins
        with Inbox(inbox) as opened:
            rows = opened.rows(limit=10_000_000)
        succeeded = {row.event_id for row in rows if row.status == "done"}
        counts.lost |= counts.acknowledged - {row.task_id for row in rows}
    handled = {row.task_id for row in rows if row.event_id in succeeded and begun[row.event_id]}
    counts.lost |= counts.acknowledged - handled
    counts.repeated = sum(count - 1 for count in begun.values())
    return counts


def _acknowledge(counts: Kills, kill_at: int, process: subprocess.Popen[str], task_id: str) -> None:
    counts.acknowledged.add(task_id)
    if len(counts.acknowledged) == kill_at:
        process.kill()


def wait_until_handled(inbox: str) -> None:
    """Wait until every event is done or dead."""
    deadline = time.monotonic() + _HANG
    with Inbox(inbox) as opened:
        while not opened.counts().keys() <= {"done", "dead"}:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all events are handled after {_HANG:g} s: {opened.counts()}")
            time.sleep(0.1)
