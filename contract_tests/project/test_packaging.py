"""The files beside the code: images, the GitHub action, issue forms, hooks and metadata."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from contract_tests.conftest import free_port
from contract_tests.project.dockerfiles import copied, entrypoint
from scripts.pipeline.io import ROOT, read, read_document

GITHUB = ROOT / ".github"
ACTION = GITHUB / "actions" / "simulator"
EXAMPLE = ROOT / "docs" / "examples" / "docker-compose"
DOCKERFILES = (ROOT / "Dockerfile", EXAMPLE / "Dockerfile")
HANG = 600  # seconds; only for processes that hang
PROJECT = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
SCHEMAS = {
    "compose-spec": [EXAMPLE / "compose.yaml"],
    "dependabot": [GITHUB / "dependabot.yml"],
    "github-actions": [ACTION / "action.yml"],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "github-issue-forms": FORMS,
    "github-workflows": sorted((GITHUB / "workflows").glob("*.yml")),
}


def _run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=HANG)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_configuration_satisfies_the_schema_of_its_tool(schema: str) -> None:
    assert SCHEMAS[schema]
    run = _run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *SCHEMAS[schema])
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is installed on Linux only")
@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["simulator", "receiver"])
def test_hadolint_reports_nothing(dockerfile: Path) -> None:
    run = _run(Path(sys.executable).with_name("hadolint"), dockerfile)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["simulator", "receiver"])
def test_an_image_copies_what_exists_and_runs_without_root(dockerfile: Path) -> None:
    sources = copied(dockerfile)
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if source != "." and not _sent(source)] == []
    *_, user = re.findall(r"^USER (\S+)$", read(dockerfile), flags=re.MULTILINE)
    assert int(user) > 0


def _sent(path: str) -> bool:
    """Whether .dockerignore leaves this file in the build context. The last pattern that matches decides."""
    sent = True
    for line in read(ROOT / ".dockerignore").splitlines():
        pattern = line.removeprefix("!").strip()
        if pattern and not pattern.startswith("#") and fnmatch.fnmatch(f"{path}/", f"{pattern}/*"):
            sent = line.startswith("!")
    return sent


def test_the_build_context_holds_what_the_wheel_is_built_from_and_nothing_private() -> None:
    metadata = [PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"]
    wheel = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [path for path in [*metadata, *wheel] if not _sent(path)] == []
    assert [path for path in (".git/config", ".env", "contract_tests", "build") if _sent(path)] == []


def test_the_health_check_of_the_image_sees_whether_the_simulator_runs() -> None:
    port = str(free_port())
    check = [part.replace("8080", port) for part in entrypoint(ROOT / "Dockerfile", "CMD")]
    serve = entrypoint(ROOT / "Dockerfile", "ENTRYPOINT")
    check[0], serve[0] = sys.executable, str(Path(sys.executable).with_name(serve[0]))
    assert _run(*check).returncode == 1
    # The options of `docker run` come after those of the image, and override them.
    with subprocess.Popen([*serve, "--host=127.0.0.1", f"--port={port}"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == f"listening on http://127.0.0.1:{port}\n"
            assert _run(*check).returncode == 0
        finally:
            server.terminate()


def _start(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the action's start script with the simulator of this environment, and end what it started."""
    commands = folder / "apikley-mock" / "bin"
    commands.mkdir(parents=True)
    (commands / "apikley-mock").write_text(
        f'#!/bin/sh\necho $$ >{folder}/pid\nexec {sys.executable} -m apikley_mock "$@"\n', encoding="utf-8"
    )
    (commands / "apikley-mock").chmod(0o755)
    files = {name: str(folder / name) for name in ("GITHUB_ENV", "GITHUB_OUTPUT")}
    return _run(ACTION / "start.sh", RUNNER_TEMP=str(folder), API_KEY="k", PORT="0", ARGUMENTS=arguments, **files)


def test_the_action_starts_the_simulator_and_tells_later_steps_its_address(tmp_path: Path) -> None:
    run = _start(tmp_path, "--speed 100")
    try:
        assert run.returncode == 0, run.stderr
        variables = dict(line.split("=", 1) for line in read(tmp_path / "GITHUB_ENV").splitlines())
        outputs = dict(line.split("=", 1) for line in read(tmp_path / "GITHUB_OUTPUT").splitlines())
        assert set(outputs) == set(read_document(ACTION / "action.yml")["outputs"])
        assert (outputs["url"], variables["APIKLEY_API_KEY"]) == (variables["APIKLEY_BASE_URL"], "k")
        assert _run(sys.executable, "-m", "apikley_mock", "check", outputs["url"], **variables).returncode == 0
    finally:
        os.kill(int(read(tmp_path / "pid")), 15)


def test_the_action_fails_with_the_simulators_message(tmp_path: Path) -> None:
    run = _start(tmp_path, "--speed fast")
    assert run.returncode == 1
    assert "argument --speed: invalid float value: 'fast'" in run.stderr


def test_the_hooks_run_the_locked_ruff() -> None:
    (locked,) = re.findall(r"^(ruff==\S+)", read(ROOT / "requirements" / "dev.txt"), flags=re.MULTILINE)
    hooks = read_document(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    assert [hook["additional_dependencies"] for hook in hooks] == [[locked]] * 2


def test_the_metadata_names_the_pythons_that_ci_tests() -> None:
    named = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), flags=re.MULTILINE)
    tested = read_document(GITHUB / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert named == tested
    assert PROJECT["requires-python"] == f">={named[0]}"
