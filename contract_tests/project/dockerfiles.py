"""Reads Dockerfiles, for the machine of these tests may have no Docker."""

from __future__ import annotations

import json
import re
from pathlib import Path

from scripts.pipeline.io import read


def entrypoint(dockerfile: Path, instruction: str) -> list[str]:
    """Return the command of ENTRYPOINT, CMD or HEALTHCHECK, which must be a JSON array."""
    found = re.findall(rf"^\s*{instruction} .*?(\[.*\])$", read(dockerfile), flags=re.MULTILINE)
    command: list[str] = json.loads(found[-1])
    return command


def copied(dockerfile: Path) -> list[str]:
    """Return the files and folders that COPY takes from the build context."""
    return re.findall(r"^COPY (?!--from)(\S+) \S+$", read(dockerfile), flags=re.MULTILINE)
