"""`python -m scripts.pipeline.prism`: run Prism on the contract until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.pipeline import node
from scripts.pipeline.io import GENERATED, ROOT
from scripts.pipeline.issues import SpecError

CONTRACT = GENERATED / "apikley_contract" / "openapi.json"


@contextlib.contextmanager
def running(*options: str, contract: Path = CONTRACT, stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run `prism mock` with these options, and end it on leaving; `stdout` as in `subprocess.Popen`.

    Raises:
        SpecError: Node or its tools cannot be installed.
    """
    node.install()
    command = node.tool("prism", "mock", str(contract), *options)
    process = subprocess.Popen(command, cwd=ROOT, env=node.environment(), stdout=stdout, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def main(options: list[str]) -> int:
    """Run Prism until Ctrl-C; returns the exit code."""
    options = options or ["--port", "4010"]
    port = _taken_port(options)
    if port is not None:
        print(f"prism: port {port} is taken; choose another with --port", file=sys.stderr)
        return 1
    try:
        with running(*options) as process:
            return process.wait()
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _taken_port(options: list[str]) -> int | None:
    """Return the port if it is taken. Prism reports that too, but between all of its help text."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--port", "-p", type=int, default=4010)
    parser.add_argument("--host", "-h", default="127.0.0.1")
    with contextlib.suppress(argparse.ArgumentError):
        given, _ = parser.parse_known_args(options)
        try:
            with socket.create_server((given.host, given.port)):
                return None
        except OSError as error:
            return given.port if error.errno == errno.EADDRINUSE else None
        except OverflowError:
            pass
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
