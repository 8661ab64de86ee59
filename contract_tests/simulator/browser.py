"""Chromium for the tests of the page; `python -m contract_tests.simulator.browser` installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
ADVICE = "no Chromium found; on Debian: apt-get install chromium"


def find() -> str | None:
    """Return the machine's own browser, if it has one; otherwise Playwright uses its own build."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Install Chromium if it is missing; returns the exit code."""
    if find():
        return 0
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in _ways():
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        last = (run.stderr.strip() or run.stdout.strip() or "no output").splitlines()[-1]
        print(f"{ADVICE} (tried it: {last})", file=sys.stderr)
        return 1
    return 0


def _ways() -> list[list[str]]:
    """Return the commands: Debian's package if it can be installed, otherwise Playwright's build."""
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        return [["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", NAMES[0]]]
    return [[sys.executable, "-m", "playwright", "install", "chromium"]]


if __name__ == "__main__":
    sys.exit(main())
