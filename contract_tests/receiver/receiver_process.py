"""`python -m contract_tests.receiver.receiver_process INBOX LOG`: a receiver in its own process.

It prints its port when it is ready. Its handler writes a line to LOG when it begins and when it ends, each in one
system call, so that both survive a kill.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from apikley.receiver import Event, Receiver
from scripts.pipeline.io import ROOT

KEY = "whsec_measured"
LEASE = 1.0  # seconds; short, so that the events of a killed process are soon handled again
MAX_HANDLER = 0.004  # seconds; long enough that a kill sometimes interrupts a handler


def main(inbox: str, log: str) -> None:
    """Receive and handle callbacks until the process is ended."""
    receiver = Receiver(KEY, inbox=inbox, lease=LEASE)
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @receiver.on_any
    def handle(event: Event) -> None:
        os.write(lines, f"begin {event.event_id}\n".encode())
        time.sleep(random.uniform(0, MAX_HANDLER))  # noqa: S311 - not a secret
        os.write(lines, f"end {event.event_id}\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as bound:
        print(bound.getsockname()[1], flush=True)
        config = uvicorn.Config(receiver, log_level="warning", access_log=False, lifespan="on")
        uvicorn.Server(config).run([bound])


@contextlib.contextmanager
def running(inbox: str, log: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run such a process, and kill it on leaving; yields it and its port."""
    command = [sys.executable, "-m", "contract_tests.receiver.receiver_process", inbox, str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the receiver did not start")
            yield process, int(line)
        finally:
            process.kill()


def log_lines(log: Path) -> list[tuple[str, str]]:
    """Return what the handlers wrote: `begin` or `end`, and the event's id."""
    if not log.exists():
        return []
    return [(what, event_id) for what, _, event_id in (line.partition(" ") for line in log.read_text().splitlines())]


if __name__ == "__main__":
    main(*sys.argv[1:])
