"""`python -m scripts.bite [WORDS]`: plant each fault (whose name holds the words) in a copy, and run its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

from scripts.bite.faults import FAULTS, Fault
from scripts.spec.files import ROOT

_AT_ONCE = 2


class Outcome(NamedTuple):
    """What became of one fault.

    Attributes:
        fault: The fault.
        caught_by: The first test that failed; empty where all passed.
        seconds: How long that took.
    """

    fault: Fault
    caught_by: str
    seconds: float


def main(words: list[str]) -> int:
    """Plant them all; returns 1 if one survived."""
    chosen = [fault for fault in FAULTS if all(word in fault.name for word in words)]
    wrong = [fault for fault in FAULTS if (ROOT / fault.path).read_text(encoding="utf-8").count(fault.old) != 1]
    for fault in wrong:
        print(f"{fault.name}: its text does not stand in {fault.path} exactly once", file=sys.stderr)
    if wrong or not chosen:
        return 2
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copies: Queue[Path] = Queue()
        for number in range(_AT_ONCE):
            copies.put(_copied(Path(folder) / str(number)))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            outcomes = list(pool.map(lambda fault: _told(_in_a_copy(fault, copies)), chosen))
    survivors = [outcome for outcome in outcomes if not outcome.caught_by]
    took = time.monotonic() - start
    print(f"\n{len(outcomes) - len(survivors)} of {len(outcomes)} faults caught in {took:.0f} s")
    print("\n".join(["", "| fault | in | caught by |", "| --- | --- | --- |", *map(_row, outcomes)]))
    return 1 if survivors else 0


def _copied(target: Path) -> Path:
    """A copy of all that Git knows and would take in, with the installed Node tools."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listing.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    if (ROOT / "node_modules").exists():
        (target / "node_modules").symlink_to(ROOT / "node_modules")
    return target


def _in_a_copy(fault: Fault, copies: Queue[Path]) -> Outcome:
    root = copies.get()
    place, start = root / fault.path, time.monotonic()
    sound = place.read_text(encoding="utf-8")
    try:
        place.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
        meant = [f"contract_tests/{name}.py" for name in fault.tests]
        # What survives the tests that are meant to catch it meets all of them.
        caught_by = _first_failure(root, meant) or _first_failure(root, ["contract_tests"])
    finally:
        place.write_text(sound, encoding="utf-8")
        copies.put(root)
    return Outcome(fault, caught_by, time.monotonic() - start)


def _first_failure(root: Path, tests: list[str]) -> str:
    packages = os.pathsep.join(map(str, (root, root / "generated", root / "mock")))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "--color=no", *tests]
    # A fault of the same length, planted within the same second, would leave stale byte code behind.
    environment = {**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    for line in run.stdout.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split(" ", 1)[1].split(" - ")[0].removeprefix("contract_tests/")
    return "" if run.returncode == 0 else f"pytest, exit code {run.returncode}"


def _told(outcome: Outcome) -> Outcome:
    print(f"{outcome.seconds:6.1f} s  {outcome.fault.name}: {outcome.caught_by or 'SURVIVED'}", flush=True)
    return outcome


def _row(outcome: Outcome) -> str:
    test = outcome.caught_by.partition("[")[0].replace(".py::", ": ")
    return f"| {outcome.fault.name} | `{outcome.fault.path}` | {test or '**nothing**'} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
