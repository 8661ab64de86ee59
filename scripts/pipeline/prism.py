"""`python -m scripts.pipeline.prism`: run Prism on the contract until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.pipeline import node
from scripts.pipeline.io import GENERATED, ROOT, read_document
from scripts.pipeline.issues import SpecError

CONTRACT = GENERATED / "apikley_contract" / "openapi.json"


@contextlib.contextmanager
def running(*options: str, contract: Path = CONTRACT, stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run `prism mock` with these options, and stop it on exit; `stdout` as in `subprocess.Popen`."""
    node.install()
    with tempfile.TemporaryDirectory() as folder:
        served = Path(folder) / "contract.json"
        served.write_text(json.dumps(_for_prism(read_document(contract))), encoding="utf-8")
        command = node.tool("prism", "mock", str(served), *options)
        process = subprocess.Popen(command, cwd=ROOT, env=node.environment(), stdout=stdout, start_new_session=True)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _for_prism(schema: Any) -> Any:
    """Return the contract without null in the enums of nullable schemas.

    Prism adds that null itself. With two of them it can't compile the schema, and accepts every request.
    """
    if isinstance(schema, list):
        return [_for_prism(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _for_prism(item) for name, item in schema.items()}
    if schema.get("nullable") is True and isinstance(schema.get("enum"), list):
        changed["enum"] = [value for value in schema["enum"] if value is not None]
    return changed


def main(options: list[str]) -> int:
    """Run Prism until Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "-p", type=int, default=4010)
    parser.add_argument("--host", "-h", default="127.0.0.1")
    given, others = parser.parse_known_args(options)
    # Prism reports a taken port in the middle of its help text, but an invalid one well.
    try:
        socket.create_server((given.host, given.port)).close()
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            print(f"prism: port {given.port} is taken; choose another with --port", file=sys.stderr)
            return 1
    try:
        with running("--port", str(given.port), "--host", given.host, *others) as process:
            return process.wait()
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
