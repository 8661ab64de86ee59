"""Runs mypy --strict and pyright on files, against an installed wheel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from scripts.pipeline import node
from scripts.pipeline.io import ROOT

# These frameworks publish no types.
UNTYPED = ("django",)


def mypy(python: Path, folder: Path) -> list[str]:
    """Return the errors of `mypy --strict` in the files of a folder."""
    settings = folder / "mypy.ini"
    untyped = "".join(f"[mypy-{name}.*]\nignore_missing_imports = True\n" for name in UNTYPED)
    settings.write_text(f"[mypy]\nstrict = True\n{untyped}", encoding="utf-8")
    options = ["--config-file", str(settings), "--python-executable", str(python), "--no-error-summary"]
    files = sorted(str(path) for path in folder.glob("*.py"))
    command = [sys.executable, "-m", "mypy", *options, "--cache-dir", str(python.parent / "mypy"), *files]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return [line for line in run.stdout.splitlines() if re.search(r": error: ", line)]


def pyright(python: Path, folder: Path) -> list[str]:
    """Return the errors of pyright in the files of a folder."""
    node.install()
    command = node.tool("pyright", "--outputjson", "--pythonpath", str(python), "--project", str(folder))
    environment = {**node.environment(), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    environment.pop("PYTHONPATH", None)
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    diagnostics = json.loads(run.stdout)["generalDiagnostics"]
    return [
        f"{Path(each['file']).name}:{each['range']['start']['line'] + 1}: {each['message']} ({each.get('rule')})"
        for each in diagnostics
        if each["severity"] == "error"
    ]
