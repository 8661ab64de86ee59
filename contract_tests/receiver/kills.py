"""Kills a receiver under load, again and again, and looks for what was lost or done twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apikley.receiver import Inbox
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import log_lines, running

# In seconds: when after the first acknowledgement the process is killed, at the latest; how long the last
# one may take to handle what is left.
_LATEST, _PATIENCE = 0.4, 300.0


@dataclass
class Kills:
    """What was found.

    Attributes:
        kills: How often the process was killed.
        acknowledged: The tasks whose callback was acknowledged.
        lost: Those of them that were not in the inbox afterwards, or never handled.
        twice_after_success: Endings handled again after their success was on record.
        twice_without_crash: Endings begun twice within the life of one process.
        repeated: Endings begun again because a kill fell between their handler's begin and the record of
            its success: what "at least once" allows.
        interrupted: Handlers that a kill fell into.
    """

    kills: int = 0
    acknowledged: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    twice_after_success: set[str] = field(default_factory=set)
    twice_without_crash: set[str] = field(default_factory=set)
    repeated: int = 0
    interrupted: int = 0


def kill_repeatedly(folder: Path, kills: int, seed: int = 0) -> Kills:
    """Start, load and kill a receiver on one inbox so many times; then let it finish."""
    found, inbox, chance = Kills(), str(folder / "inbox.db"), random.Random(seed)  # noqa: S311 - no secret
    succeeded: set[str] = set()
    begun: Counter[str] = Counter()
    for number in range(kills + 1):
        log = folder / f"{number}.log"
        with running(inbox, log) as (process, port):
            if number < kills:
                first = threading.Event()

                def acknowledged(task_id: str, first: threading.Event = first) -> None:
                    found.acknowledged.add(task_id)
                    first.set()

                load = threading.Thread(target=_load, args=(port, number, acknowledged))
                load.start()
                first.wait(20)
                time.sleep(chance.uniform(0, _LATEST))
                process.kill()
                process.wait(20)
                load.join(20)
                found.kills += 1
            else:
                _wait_until_handled(inbox)
        lines = log_lines(log)
        begins = Counter(key for what, key in lines if what == "begin")
        found.interrupted += sum(begins.values()) - sum(what == "end" for what, _ in lines)
        found.twice_without_crash |= {key for key, count in begins.items() if count > 1}
        found.twice_after_success |= succeeded & set(begins)
        begun += begins
        with Inbox(inbox) as opened:
            entries = opened.rows(limit=10_000_000)
        succeeded = {entry.event_id for entry in entries if entry.status == "done"}
        found.lost |= found.acknowledged - {entry.task_id for entry in entries}
    handled = {entry.task_id for entry in entries if entry.event_id in succeeded and begun[entry.event_id]}
    found.lost |= found.acknowledged - handled
    found.repeated = sum(count - 1 for count in begun.values())
    return found


def _load(port: int, number: int, acknowledged: Callable[[str], object]) -> None:
    send(port, callbacks(_ids(number)), connections=8, acknowledged=acknowledged)


def _ids(number: int) -> Iterator[str]:
    return (f"task_{number}_{each}" for each in range(1_000_000))


def _wait_until_handled(inbox: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    with Inbox(inbox) as opened:
        while opened.counts().get("pending"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all is handled after {_PATIENCE:g} s: {opened.counts()}")
            time.sleep(0.1)
