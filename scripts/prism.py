"""`python -m scripts.prism`: run Prism on the contract, from the lockfile, through npx, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.spec import node
from scripts.spec.files import GENERATED, ROOT
from scripts.spec.problems import SpecError

CONTRACT = GENERATED / "apikley_contract" / "openapi.json"


@contextlib.contextmanager
def running(*options: str, contract: Path = CONTRACT) -> Iterator[subprocess.Popen[bytes]]:
    """Prism with these options of `prism mock`; ended, with all that npx started, on leaving.

    Raises:
        SpecError: There is no Node, or the tools cannot be installed.
    """
    node.install()
    command = node.npx("prism", "mock", str(contract), *options)
    process = subprocess.Popen(command, cwd=ROOT, env=node.environment(), start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def main(options: list[str]) -> int:
    """Run until Ctrl-C; returns the exit code."""
    try:
        with running(*(options or ["--port", "4010"])) as process:
            return process.wait()
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
