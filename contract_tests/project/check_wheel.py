"""Runs the README's first example against the simulator, both from the installed wheel.

    python -I contract_tests/project/check_wheel.py

`-I` keeps the checkout off the import path.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import apikley
import apikley_mock

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-check"


def example() -> str:
    """The first Python example of the README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```python\n(.*?)^```", readme, flags=re.DOTALL | re.MULTILINE)
    assert block, "the README has no Python example"
    return block[1]


def main() -> int:
    """Run the example; returns the exit code."""
    for package in (apikley, apikley_mock):
        home = Path(str(package.__file__)).resolve()
        if home.is_relative_to(ROOT) and "site-packages" not in home.parts:
            print(f"{home} is the checkout, not an installed wheel; run this in its own environment", file=sys.stderr)
            return 1
    command = [str(Path(sys.executable).with_name("apikley-mock")), "serve", "--port", "0", "--api-key", KEY]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, "--speed", "100"], stdout=subprocess.PIPE, text=True) as server,
    ):
        Path(folder, "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
        try:
            assert server.stdout
            url = server.stdout.readline().strip().removeprefix("listening on ")
            environment = {**os.environ, "APIKLEY_API_KEY": KEY, "APIKLEY_BASE_URL": url}
            subprocess.run(
                [sys.executable, "-I", "-c", example()], cwd=folder, env=environment, check=True, timeout=600
            )
            size = Path(folder, "clip.mp4").stat().st_size
        finally:
            server.terminate()
    print(f"apikley {home.parent}: the README's example saved {size} bytes")
    return 0 if size else 1


if __name__ == "__main__":
    sys.exit(main())
