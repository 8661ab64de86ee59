"""Runs every block of the README in order, from the installed wheel.

    python -I contract_tests/project/check_wheel.py

`-I` keeps the checkout off the import path.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import apikley
import apikley_mock

ROOT = Path(__file__).resolve().parents[2]
START = "apikley-mock serve"


def script(readme: str, port: int) -> str:
    """Return a program for bash that runs the blocks of a README as a reader does.

    The simulator gets a free port and a fast clock. Python is saved in files; pytest runs those with tests.
    """
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p)' EXIT"]
    for number, (language, code) in enumerate(re.findall(r"^```(\w+)\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)):
        if language == "sh":
            fast = code.replace(START, f"{START} --port {port} --speed 100 --quiet").replace(":8080", f":{port}")
            lines.append(fast)
            if START in code:
                lines.append(f"until (echo > /dev/tcp/127.0.0.1/{port}) 2>/dev/null; do kill -0 $!; sleep 0.1; done")
            continue
        name = f"test_{number}.py" if "def test_" in code else f"block_{number}.py"
        run = "pytest -q -p no:cacheprovider" if "def test_" in code else ""
        lines += [f"cat > {name} <<'END'\n{code}END", f"python {f'-m {run}' if run else ''} {name}"]
    return "\n".join(lines)


def main() -> int:
    """Run the README; returns the exit code."""
    for package in (apikley, apikley_mock):
        home = Path(str(package.__file__)).resolve()
        if home.is_relative_to(ROOT) and "site-packages" not in home.parts:
            print(f"{home} is the checkout, not an installed wheel; run this in its own environment", file=sys.stderr)
            return 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": programs, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    text = script((ROOT / "README.md").read_text(encoding="utf-8"), port)
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(["bash", "-c", text], cwd=folder, env=environment, check=False, timeout=600)
        if run.returncode:
            print(f"the README's blocks fail; they ran as: bash -c {shlex.quote(text)}", file=sys.stderr)
            return 1
        size = Path(folder, "clip.mp4").stat().st_size
    print(f"apikley {home.parent}: the README's blocks ran and saved {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
