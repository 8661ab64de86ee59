"""Tells PyInstaller which files and modules a program with apikley needs."""

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder with the hooks, one for each package."""
    return [str(Path(__file__).parent)]
