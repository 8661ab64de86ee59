"""Builds the wheel and installs it in an environment without the checkout."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

from scripts.pipeline.io import ROOT

# The files that a release is built from.
SOURCES = (
    "apikley",
    "generated",
    "mock",
    "openapi",
    "scripts",
    "contract_tests",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "pyproject.toml",
    ".gitignore",
)


def copy_checkout(folder: Path) -> Path:
    """Copy the sources, with the caches that a used checkout holds; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def build(checkout: Path, target: Path, *options: str) -> None:
    """Build sdist and wheel, or what the options select, in `target`."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target), *options]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)


def install(wheel: Path, home: Path) -> Path:
    """Install a wheel in a new virtual environment with this environment's dependencies.

    Returns:
        The environment's Python.
    """
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    # Python does not read the .pth files of a folder that a .pth file names, so the editable checkout stays invisible.
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    return python
