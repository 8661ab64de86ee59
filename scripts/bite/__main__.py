"""`python -m scripts.bite [WORDS]`: plant each fault (whose name holds the words) in a copy, and run its tests."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

from scripts.bite.faults import FAULTS, Fault
from scripts.bite.running import Run, copied, run
from scripts.spec.files import ROOT

_AT_ONCE = 2
_ALL = "contract_tests"


class Outcome(NamedTuple):
    """What became of one fault.

    Attributes:
        fault: The fault.
        run: How its tests ended; a fault that no test failed for survived.
        seconds: How long that took.
    """

    fault: Fault
    run: Run
    seconds: float


def main(words: list[str], faults: Sequence[Fault] = FAULTS, root: Path = ROOT) -> int:
    """Plant them all; returns 1 if one survived, 2 if that could not be found out."""
    chosen = [fault for fault in faults if all(word in fault.name for word in words)]
    wrong = [f"{fault.name}: {reason}" for fault in faults if (reason := _wrong(fault, root))]
    if wrong or not chosen:
        print("\n".join(wrong) or "no fault's name holds these words", file=sys.stderr)
        return 2
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copies: Queue[Path] = Queue()
        for number in range(_AT_ONCE):
            copies.put(copied(root, Path(folder) / str(number)))
        if not _pass_unplanted(copies, sorted({test for fault in chosen for test in _meant(fault)})):
            return 2
        outcomes = {outcome.fault: outcome for outcome in _planted(chosen, copies, None)}
        # What survives the tests that are meant to catch it meets all of them.
        missed = [outcome.fault for outcome in outcomes.values() if outcome.run == Run()]
        if missed and _pass_unplanted(copies, [_ALL]):
            outcomes |= {outcome.fault: outcome for outcome in _planted(missed, copies, [_ALL])}
    return _summed_up(list(outcomes.values()), time.monotonic() - start)


def _wrong(fault: Fault, root: Path) -> str:
    """Why a fault cannot be planted; empty if it can."""
    if fault.old == fault.new:
        return "it changes nothing"
    place = root / fault.path
    if not place.is_file() or place.read_text(encoding="utf-8").count(fault.old) != 1:
        return f"its text does not stand in {fault.path} exactly once"
    if not fault.tests:
        return "no tests are named that are meant to catch it"
    missing = [test for test in _meant(fault) if not (root / test).is_file()]
    return f"there is no {', '.join(missing)}" if missing else ""


def _meant(fault: Fault) -> list[str]:
    return [f"{_ALL}/{name}.py" for name in fault.tests]


def _pass_unplanted(copies: Queue[Path], tests: list[str]) -> bool:
    """Whether the tests pass as they are; one that fails anyway would seem to catch every fault."""
    root, start = copies.get(), time.monotonic()
    ended = run(root, tests, f"--numprocesses={_AT_ONCE}", "--dist=loadfile")
    copies.put(root)
    if ended != Run():
        print(f"nothing was planted, yet: {ended.failed or ended.broken}; mend that first", file=sys.stderr)
        return False
    print(f"{time.monotonic() - start:6.1f} s  nothing planted: all tests that are needed pass", flush=True)
    return True


def _planted(faults: list[Fault], copies: Queue[Path], tests: list[str] | None) -> list[Outcome]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda fault: _told(_in_a_copy(fault, copies, tests or _meant(fault))), faults))


def _in_a_copy(fault: Fault, copies: Queue[Path], tests: list[str]) -> Outcome:
    root = copies.get()
    place, start = root / fault.path, time.monotonic()
    sound = place.read_text(encoding="utf-8")
    try:
        place.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
        ended = run(root, tests)
    finally:
        place.write_text(sound, encoding="utf-8")
        copies.put(root)
    return Outcome(fault, ended, time.monotonic() - start)


def _told(outcome: Outcome) -> Outcome:
    words = outcome.run.failed or outcome.run.broken or "SURVIVED"
    print(f"{outcome.seconds:6.1f} s  {outcome.fault.name}: {words}", flush=True)
    return outcome


def _summed_up(outcomes: list[Outcome], took: float) -> int:
    caught = sum(bool(outcome.run.failed) for outcome in outcomes)
    broken = [outcome for outcome in outcomes if outcome.run.broken]
    print(f"\n{caught} of {len(outcomes)} faults caught in {took:.0f} s")
    for outcome in broken:
        print(f"{outcome.fault.name}: its tests could not be run: {outcome.run.broken}", file=sys.stderr)
    print("\n".join(["", "| fault | in | caught by |", "| --- | --- | --- |", *map(_row, outcomes)]))
    return 2 if broken else int(caught < len(outcomes))


def _row(outcome: Outcome) -> str:
    test = outcome.run.failed.partition("[")[0].replace(".py::", ": ").removesuffix(".py")
    return f"| {outcome.fault.name} | `{outcome.fault.path}` | {test or '**nothing**'} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
