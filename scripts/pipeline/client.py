"""Generates `apikley_client` from the contract with openapi-python-client."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import openapi_python_client

from scripts.pipeline.client_inputs import for_generator, input_classes, inputs_module
from scripts.pipeline.io import OPENAPI, ROOT, display_path, dump, read, read_document
from scripts.pipeline.issues import Issue, error, refuse
from scripts.pipeline.merge import REQUEST

CONFIG = OPENAPI / "client" / "config.yaml"
_IMPORT_ALL = "import apikley; [getattr(apikley, name) for name in dir(apikley)]"
PATCHES = OPENAPI / "client" / "template-patches.yaml"


def generate(contract: Path, generated: Path) -> None:
    """Write the package `apikley_client`.

    Args:
        contract: The built contract.
        generated: The folder for the package, which must not exist yet.
    """
    document = read_document(contract)
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder) / "templates"
        templates.mkdir()
        patch_templates(templates)
        documented = Path(folder) / "openapi.json"
        documented.write_text(dump(for_generator(document)), encoding="utf-8")
        output = Path(folder) / "apikley_client"
        _run(documented, templates, output)
        if input_classes(document):
            (output / "inputs.py").write_text(inputs_module(document), encoding="utf-8")
        (output / "py.typed").write_text("", encoding="utf-8")
        _check_names(output, document)
        shutil.copytree(
            output, generated / "apikley_client", ignore=shutil.ignore_patterns(".ruff_cache", "__pycache__")
        )


def check_types(generated: Path) -> None:
    """Check the generated client in this folder, and the library that uses it, with `mypy --strict`."""
    options = ["--strict", "--config-file", os.devnull, "--cache-dir", str(ROOT / ".mypy_cache" / "generated")]
    options += ["--no-error-summary", "--show-absolute-path"]
    run = _python(generated, "-m", "mypy", *options, "-p", "apikley_client", "-m", "apikley")
    if run.returncode:
        output = (run.stdout or run.stderr).replace(f"{generated.resolve()}{os.sep}", "generated/")
        refuse(Issue("mypy --strict", line) for line in output.replace(f"{ROOT}{os.sep}", "").splitlines())


def check_library(generated: Path) -> None:
    """Import the library with the generated client in this folder.

    Mypy does not notice a missing module if another version of the client, which has it, is installed.
    """
    run = _python(generated, "-B", "-c", _IMPORT_ALL)
    if run.returncode:
        message = (run.stderr.strip() or "no output").splitlines()[-1].replace(f"{generated}{os.sep}", "generated/")
        raise error("apikley", f"cannot be imported with the new client: {message}")


def _python(generated: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder of the new packages, which it finds there instead of the committed ones."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": paths}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=generated, env=environment, capture_output=True, text=True, check=False)


def patch_templates(into: Path) -> None:
    """Write patched copies of the generator's templates; each replaced text must occur exactly once."""
    originals = Path(openapi_python_client.__file__).parent / "templates"
    issues = []
    for number, patch in enumerate(read_document(PATCHES), start=1):
        name = patch["template"]
        source = into / name if (into / name).exists() else originals / name
        text = read(source)
        if text.count(patch["replace"]) != 1:
            what = f"{name} contains the text to replace {text.count(patch['replace'])} times, expected once"
            remedy = "compare it with the installed openapi-python-client"
            issues.append(Issue(f"{display_path(PATCHES)}, patch {number}", what, remedy))
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_text(text.replace(patch["replace"], patch["with"]), encoding="utf-8")
    refuse(issues)


def _run(contract: Path, templates: Path, output: Path) -> None:
    command = [sys.executable, "-m", "scripts.pipeline.generator", "generate", "--path", str(contract)]
    command += ["--config", str(CONFIG), "--custom-template-path", str(templates), "--output-path", str(output)]
    command += ["--meta", "none", "--fail-on-warning"]
    # The generator's post hooks search the path for ruff; the locked one is in this interpreter's folder.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    environment["PYTHONPATH"] = str(ROOT)
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise error("openapi-python-client", _error_text(run.stdout + run.stderr))


def _error_text(output: str) -> str:
    """Return the generator's messages, without progress lines and copies of whole schemas."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # The message of an exception is below a box with the traceback.
    lines = lines[max((number for number, line in enumerate(lines) if line.startswith("╰")), default=-1) + 1 :]
    messages = itertools.takewhile(lambda line: not line.startswith(("Failure to process", "{")), lines)
    text = " ".join(line for line in messages if not line.startswith(("Generating ", "Warning(s) ")))
    return re.sub(r"<[\w.]+ object at \w+>", "…", text) or "failed"


def _check_names(output: Path, document: dict[str, Any]) -> None:
    """Refuse a class override that matches no class, and a model whose classes have other names in the client."""
    exports = read(output / "models" / "__init__.py")
    for name, override in read_document(CONFIG).get("class_overrides", {}).items():
        if not (output / "models" / f"{override['module_name']}.py").exists():
            raise error(display_path(CONFIG), f"the override of {name} matches no generated class")
    request = document["components"]["schemas"].get(REQUEST, {})
    for model, reference in request.get("discriminator", {}).get("mapping", {}).items():
        component = reference.rpartition("/")[2]
        for name in (component, component.removesuffix("Request")):
            if f'"{name}",' not in exports:
                raise error("openapi-python-client", f"the model {model!r} has no class {name} in the client")
