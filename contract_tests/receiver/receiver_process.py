"""`python -m contract_tests.receiver.receiver_process INBOX LOG`: a receiver as a process of its own.

Prints its port when it is ready. Its handler writes a line to LOG when it begins and one when it ends,
each in one system call, so that they are there after the process was killed.
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
# Short, so that what a killed process leaves behind comes up again soon.
LEASE = 1.0
# In seconds; so that a kill falls into a handler now and then.
LONGEST_HANDLER = 0.004


def main(inbox: str, log: str) -> None:
    """Receive and handle until the process is ended."""
    receiver = Receiver(KEY, inbox=inbox, lease=LEASE)
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @receiver.on_any
    def handle(event: Event) -> None:
        os.write(lines, f"begin {event.event_id}\n".encode())
        time.sleep(random.uniform(0, LONGEST_HANDLER))  # noqa: S311 - no secret
        os.write(lines, f"end {event.event_id}\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as bound:
        print(bound.getsockname()[1], flush=True)
        config = uvicorn.Config(receiver, log_level="warning", access_log=False, lifespan="on")
        uvicorn.Server(config).run([bound])


@contextlib.contextmanager
def running(inbox: str, log: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Such a process and its port; ended on leaving, unless it has ended already."""
    command = [sys.executable, "-m", "contract_tests.receiver.receiver_process", inbox, str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the receiver did not start")
            yield process, int(line)
        finally:
            process.terminate()
            process.wait(30)


def log_lines(log: Path) -> list[tuple[str, str]]:
    """What the handlers wrote: `begin` or `end`, and the key of an ending."""
    if not log.exists():
        return []
    return [(what, key) for what, _, key in (line.partition(" ") for line in log.read_text().splitlines())]


if __name__ == "__main__":
    main(*sys.argv[1:])
