"""`python -m contract_tests.batch.admitting LEDGER ACCOUNT LEAVE`: a worker process that admits creates.

It begins when a line arrives on its input, and prints the key of each row when its create is admitted. It notes the
task of each create, except of the last LEAVE ones: with those in flight it waits to be killed.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator

from apikley.batch.ledger.admission import Intent
from apikley.batch.ledger.rows import Stop
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from scripts.pipeline.io import ROOT

# This module imports little, because each process starts with it.
BATCH = "batch"
LEASE = 30.0


def main(where: str, account: str, leave: int) -> None:
    """Admit creates until no row is left, or the ledger says that it is enough."""
    with Ledger(where, clock=ManualClock()) as ledger:  # its time stands still
        batch_id = ledger.open_batch(BATCH).id
        print("ready", flush=True)
        sys.stdin.readline()
        in_flight = 0
        while claims := ledger.claim_next(batch_id, "planned", account, LEASE, 1):
            (claim,) = claims
            token = secrets.token_hex(16)
            outcome = ledger.admit(claim, Intent(account, token, 0.0))
            if outcome is not None:
                ledger.release(claims)
                if isinstance(outcome, Stop) or outcome.reason in ("budget", "rate"):
                    break
                raise RuntimeError(f"unexpected: {outcome}")
            print(claim.key, flush=True)
            if leave:
                in_flight += 1
                if in_flight == leave:
                    print("waiting", flush=True)
                    sys.stdin.read()  # until the process is killed
            else:
                ledger.created(claim.row_id, token, f"task_{token}")


@contextlib.contextmanager
def running(where: str, accounts: list[str], leave: int = 0) -> Iterator[list[subprocess.Popen[str]]]:
    """Start one process for each account at the same time, and kill them on leaving."""
    with contextlib.ExitStack() as stack:
        processes: list[subprocess.Popen[str]] = []
        for account in accounts:
            command = [sys.executable, "-m", "contract_tests.batch.admitting", where, account, str(leave)]
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, restore_signals=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert read_line(process) == "ready"
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        yield processes


def read_line(process: subprocess.Popen[str]) -> str:
    """The next line of a process."""
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


def rest(process: subprocess.Popen[str]) -> list[str]:
    """The lines of a process until it ends."""
    assert process.stdout
    lines = process.stdout.read().splitlines()
    assert process.wait() == 0
    return lines


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
