"""Generates `apikley_client` from the contract, by openapi-python-client."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.pipeline.io import GENERATED, OPENAPI, ROOT, read, read_document, shown
from scripts.pipeline.issues import Problem, SpecError

CONFIG = OPENAPI / "client" / "config.yaml"
PATCHES = OPENAPI / "client" / "template-patches.yaml"


def generate(contract: Path, generated: Path = GENERATED) -> None:
    """Write the package `apikley_client`.

    Args:
        contract: The built contract.
        generated: The folder that will hold the package; it is not there yet.

    Raises:
        SpecError: The generator failed, warned, or ignored a part of its configuration.
    """
    package = generated / "apikley_client"
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder) / "templates"
        templates.mkdir()
        patch_templates(templates)
        output = Path(folder) / "apikley_client"
        _run(contract, templates, output)
        (output / "py.typed").write_text("", encoding="utf-8")
        _check_names(output)
        shutil.copytree(output, package, ignore=shutil.ignore_patterns(".ruff_cache", "__pycache__"))


def check_types(generated: Path) -> None:
    """Hold a generated client, and the library on top of it, to `mypy --strict`.

    Args:
        generated: The folder that holds the generated packages.

    Raises:
        SpecError: With every error.
    """
    cache = ROOT / ".mypy_cache" / "generated"
    options = ["--strict", "--config-file", os.devnull, "--cache-dir", str(cache), "--no-error-summary"]
    # Each by its name: of what is only imported from an installed place, mypy reports nothing.
    modules = [argument for name in _library() for argument in ("-m", name)]
    command = [sys.executable, "-m", "mypy", *options, "-p", "apikley_client", *modules]
    # The working directory comes first: these packages, not those that are committed.
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    run = subprocess.run(command, cwd=generated, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        found = (_placed(line, generated) for line in (run.stdout or run.stderr).splitlines())
        raise SpecError(*(Problem("mypy --strict", line) for line in found))


def check_library(generated: Path) -> None:
    """Load the library on top of a generated client. Mypy may take what is missing from an installed one.

    Args:
        generated: The folder that holds the generated packages.

    Raises:
        SpecError: With what Python says.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-B", "-c", f"import {', '.join(_library())}"]
    environment = {**os.environ, "PYTHONPATH": path}
    run = subprocess.run(command, cwd=generated, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        said = (run.stderr.strip() or "no output").splitlines()[-1].replace(f"{generated}{os.sep}", "generated/")
        raise SpecError(Problem("apikley", f"does not load with the new client: {said}"))


def _library() -> list[str]:
    """The modules that use the client, for instance `apikley._flows.create`."""
    found = (path for path in (ROOT / "apikley").rglob("[!_]*.py") if "apikley_client" in read(path))
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found)


def _placed(line: str, generated: Path) -> str:
    """A finding of mypy under the path that its file has in the project."""
    name, colon, rest = line.partition(":")
    path = Path(os.path.normpath(generated / name))
    if not path.is_file():
        return line
    place = f"generated/{path.relative_to(generated).as_posix()}" if path.is_relative_to(generated) else shown(path)
    return f"{place}{colon}{rest}"


def patch_templates(into: Path) -> None:
    """Write the generator's templates that we change, changed.

    Raises:
        SpecError: A text to be replaced is not there exactly once.
    """
    spec = importlib.util.find_spec("openapi_python_client")
    if spec is None or spec.origin is None:
        raise SpecError(Problem("openapi-python-client", "is not installed", "run: nox -s generate"))
    originals = Path(spec.origin).parent / "templates"
    problems = []
    for number, patch in enumerate(read_document(PATCHES), start=1):
        name = patch["template"]
        source = into / name if (into / name).exists() else originals / name
        text = read(source)
        if text.count(patch["replace"]) != 1:
            problems.append(
                Problem(
                    f"{shown(PATCHES)}, patch {number}",
                    f"{name} holds the text to replace {text.count(patch['replace'])} times, expected once",
                    "compare it with the installed openapi-python-client",
                )
            )
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_text(text.replace(patch["replace"], patch["with"]), encoding="utf-8")
    if problems:
        raise SpecError(*problems)


def _run(contract: Path, templates: Path, output: Path) -> None:
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(contract)]
    command += ["--config", str(CONFIG), "--custom-template-path", str(templates), "--output-path", str(output)]
    command += ["--meta", "none", "--fail-on-warning"]
    # Its post hooks look for ruff on the path; the locked one stands beside this interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SpecError(Problem("openapi-python-client", _in_short(run.stdout + run.stderr)))


def _in_short(output: str) -> str:
    """What the generator complains of, without its progress and its copies of whole schemas."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # Where it fails itself, it draws its traceback in a box; what was wrong stands below that.
    lines = lines[max((number for number, line in enumerate(lines) if line.startswith("╰")), default=-1) + 1 :]
    said = itertools.takewhile(lambda line: not line.startswith(("Failure to process", "{")), lines)
    words = " ".join(line for line in said if not line.startswith(("Generating ", "Warning(s) ")))
    return re.sub(r"<[\w.]+ object at \w+>", "…", words) or "failed"


def _check_names(output: Path) -> None:
    """The generator says nothing about an override that matches no class."""
    problems = []
    for derived, override in read_document(CONFIG).get("class_overrides", {}).items():
        if not (output / "models" / f"{override['module_name']}.py").exists():
            problems.append(Problem(shown(CONFIG), f"the override of {derived} matches no generated class"))
    if problems:
        raise SpecError(*problems)
