"""Chromium, for the tests of the simulator's page; `python -m scripts.browser` installs it where it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
ADVICE = "no Chromium found; on Debian: apt-get install chromium"


def find() -> str | None:
    """The browser's command, if the machine has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Install Chromium if it is missing and this is root on a Debian; returns the exit code."""
    if find():
        return 0
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        print(ADVICE, file=sys.stderr)
        return 1
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", NAMES[0]]):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not find():
        last = (run.stderr.strip() or "no output").splitlines()[-1]
        print(f"{ADVICE} (tried it: {last})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
