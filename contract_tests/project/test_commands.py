"""The project's commands report a user's mistake in one line, without a traceback, and stop cleanly."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_contract
from contract_tests.conftest import free_port
from scripts.pipeline.io import ROOT

HANG = 600  # seconds; only for processes that hang
MOCK = (sys.executable, "-m", "apikley_mock")
UPDATE = (sys.executable, "-m", "scripts.pipeline", "update")


def _run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=HANG)


@contextlib.contextmanager
def _started(*command: str, stdout: Any = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and end it if the test has not."""
    with subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Send a signal; returns the exit code and what the process wrote to stderr."""
    process.send_signal(number)
    _, err = process.communicate(timeout=HANG)
    return process.returncode, err


def test_the_simulator_reports_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = _run(*MOCK, "serve", "--port", str(port))
    assert run.returncode == 1
    assert run.stderr == (
        f"apikley-mock: cannot listen on 127.0.0.1 port {port}: Address already in use; try another --port, or 0\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--port", "99999"], "'99999' is not a port from 0 to 65535"),
        (["serve", "--port", "x"], "'x' is not a port"),
        (["serve", "--durations", "1,2"], "'1,2' is not three numbers of seconds"),
        (["serve", "--error-style", "xml"], "invalid choice: 'xml'"),
        (["fly"], "invalid choice: 'fly'"),
    ],
)
def test_wrong_usage_of_the_simulator_exits_with_2(arguments: list[str], message: str) -> None:
    run = _run(*MOCK, *arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_the_simulator_alone_prints_help() -> None:
    run = _run(*MOCK)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("usage: apikley-mock")
    run = _run(*MOCK, "--version")
    assert re.fullmatch(r"apikley-mock \d+\.\d+\.\d+\S*\n", run.stdout)


def test_the_simulator_stops_while_a_request_waits() -> None:
    with _started(*MOCK, "serve", "--port", "0") as process:
        assert process.stdout
        url = process.stdout.readline().strip().removeprefix("listening on ")
        httpx2.post(f"{url}/__mock__/faults", json={"fault": "latency", "latency": 3600})
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as waiting:
            path = apikley_contract.operation("getCredits").path
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer mock-key\r\n\r\n"
            waiting.sendall(head.encode())
            while httpx2.get(f"{url}/__mock__/faults").json() != []:
                time.sleep(0.05)
            code, _ = _end(process, signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)


def test_the_simulator_names_the_extra_to_install(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(name='uvicorn')", encoding="utf-8")
    run = _run(*MOCK, "serve", PYTHONPATH=str(tmp_path))
    assert run.returncode == 1
    assert run.stderr == "apikley-mock: uvicorn is not installed; run: pip install 'apikley[mock]'\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_prints_its_url_and_stops_cleanly(number: signal.Signals) -> None:
    with _started(*MOCK, "serve", "--quiet", "--port", "0", "--api-key", "k") as process:
        assert process.stdout
        url = process.stdout.readline().strip().removeprefix("listening on ")
        assert httpx2.get(f"{url}/nope").json()["code"] == 404
        code, err = _end(process, number)
    assert code in (0, -number)
    assert err == ""


def _get(process: subprocess.Popen[str], url: str) -> httpx2.Response:
    """Send a GET request as soon as the server accepts connections."""
    deadline = time.monotonic() + HANG
    while True:
        try:
            return httpx2.get(url, timeout=HANG)
        except httpx2.ConnectError:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline, f"no response within {HANG} s"
            time.sleep(0.05)


@pytest.mark.parametrize("output", ["a closed pipe", "a full disk", "closed"])
def test_the_simulator_runs_when_its_output_cannot_be_written(output: str) -> None:
    port = free_port()
    command: tuple[str, ...] = (*MOCK, "serve", "--quiet", "--port", str(port))
    if output == "closed":
        command = ("sh", "-c", 'exec "$@" >&-', "sh", *command)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe, Path("/dev/full").open("wb") as full:
        stdout = {"a closed pipe": pipe, "a full disk": full}.get(output, subprocess.DEVNULL)
        with _started(*command, stdout=stdout) as process:
            assert _get(process, f"http://127.0.0.1:{port}/nope").json()["code"] == 404
            code, err = _end(process, signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)
    assert err == ""


def test_the_demo_stops_cleanly_on_ctrl_c() -> None:
    with _started(sys.executable, "-m", "scripts.demo") as process:
        assert process.stdout
        assert any("task created" in line for line in process.stdout)
        assert _end(process, signal.SIGINT) == (130, "stopped\n")


@pytest.mark.parametrize(("module", "arguments"), [("scripts.demo", ()), ("scripts.pipeline", ("check",))])
def test_ctrl_c_during_imports_ends_a_command_in_one_line(tmp_path: Path, module: str, arguments: tuple[str]) -> None:
    (tmp_path / "httpx2.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    run = _run(sys.executable, "-m", module, *arguments, PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "stopped\n")


@pytest.mark.parametrize(("argument", "code"), [("nonsense", 2), ("--help", 0)])
def test_the_demo_rejects_arguments_and_shows_its_usage(argument: str, code: int) -> None:
    run = _run(sys.executable, "-m", "scripts.demo", argument)
    assert run.returncode == code
    assert (run.stdout + run.stderr).startswith("usage: scripts/demo [-h] [--keep]\n")


def test_prism_reports_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = _run(sys.executable, "-m", "scripts.pipeline.prism", "--port", str(port))
    assert (run.returncode, run.stderr) == (1, f"prism: port {port} is taken; choose another with --port\n")


def test_the_demo_makes_a_video() -> None:
    run = _run(sys.executable, "-m", "scripts.demo")
    assert run.returncode == 0, run.stderr
    for step in ("simulator listening", "task created", "signature verified", "task finished", "video saved"):
        assert step in run.stdout


def test_the_demo_ends_with_what_to_do_next() -> None:
    run = _run(sys.executable, "-m", "scripts.demo")
    finished, _, advice = run.stdout.partition("simulator stopped\n\nWhat to do next:\n")
    assert finished
    named = re.findall(r"[a-z]*/?[a-zA-Z/]+(?:\.md|\.mp4)|scripts/[a-z]+", advice)
    assert len(named) == len(advice.splitlines())
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_demo_keeps_the_simulator_until_ctrl_c() -> None:
    with _started(sys.executable, "-m", "scripts.demo", "--keep") as process:
        assert process.stdout
        (line,) = itertools.islice((line for line in process.stdout if "runs until Ctrl-C" in line), 1)
        page = line.split()[-1]
        assert "<title>" in httpx2.get(page).text
        assert _end(process, signal.SIGINT) == (0, "")
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(page)


def test_the_demo_says_what_it_is_going_to_install(checkout: Path, tmp_path: Path) -> None:
    fake = 'case "$2" in *print*) echo 3.11;; *exit*) ;; *) exit 1;; esac'
    run = _run(str(checkout / "scripts" / "demo"), PATH=_bin(tmp_path / "bin", python3=fake), PYTHON="")
    packages = len(re.findall(r"^[a-z0-9-]+==", (ROOT / "requirements/demo.txt").read_text(), flags=re.MULTILINE))
    size = f"up to {packages} packages, a download of 15 MB, 80 MB on the disk"
    assert run.stderr.splitlines()[0] == f"creating the environment .venv/demo (once): {size}"


def _bin(folder: Path, **scripts: str) -> str:
    """Make a folder with the commands that the shell scripts need and the given scripts."""
    folder.mkdir()
    for name in ("sh", "dirname", "basename", "cmp", "tail", "grep", "mkdir", "rm", "cp"):
        (folder / name).symlink_to(shutil.which(name) or "")
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with scripts and lockfiles but without environments."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.mark.parametrize("script", ["demo", "test"])
def test_a_script_without_python_names_what_to_install(checkout: Path, tmp_path: Path, script: str) -> None:
    run = _run(str(checkout / "scripts" / script), PATH=_bin(tmp_path / "bin"), PYTHON="")
    assert run.returncode == 1
    assert run.stderr == f"{script}: no Python found; install Python 3.11 or newer, or name it in PYTHON\n"


def test_a_script_reports_a_python_that_is_too_old(checkout: Path, tmp_path: Path) -> None:
    old = 'case "$2" in *print*) echo 3.9;; *) exit 1;; esac'
    run = _run(str(checkout / "scripts" / "demo"), PATH=_bin(tmp_path / "bin", python3=old), PYTHON="")
    assert run.returncode == 1
    assert run.stderr == (
        "demo: Python 3.11 or newer is needed, but python3 is 3.9; install one, or name it in PYTHON\n"
    )


def test_the_first_install_reports_an_unreachable_package_index(checkout: Path, tmp_path: Path) -> None:
    pip = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    pip |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    run = _run(str(checkout / "scripts" / "demo"), cwd=ROOT, PYTHON=sys.executable, **pip)
    assert run.returncode == 1
    message = run.stderr.splitlines()[-1]
    assert message.startswith("demo: cannot install requirements/demo.txt: ")
    assert "is the package index reachable?" in message
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("made_in", "works"), [("/elsewhere", 0), (None, 0), ("", 127)])
def test_a_moved_or_broken_environment_is_recreated(
    checkout: Path, tmp_path: Path, made_in: str | None, works: int
) -> None:
    env, other = checkout / ".venv" / "nox", checkout / ".nox" / "tests"
    other.mkdir(parents=True)
    env.mkdir(parents=True)
    _bin(env / "bin", python=f"exit {works}")
    shutil.copy(checkout / "requirements" / "nox.txt", env / ".locked")
    if made_in is not None:
        (env / ".made-in").write_text(f"{made_in or checkout.resolve()}\n", encoding="utf-8")
    # Prints the arguments of `-m venv` instead of creating an environment.
    fake = 'case "$2" in *print*) echo 3.11;; *exit*) ;; *) echo "called with $*"; exit 1;; esac'
    run = _run(str(checkout / "scripts" / "test"), PATH=_bin(tmp_path / "bin", python3=fake), PYTHON="")
    assert "creating the environment .venv/nox (once)\n" in run.stderr
    assert "called with -m venv .venv/nox" in run.stderr
    assert not other.exists()


def test_an_update_reports_a_missing_page(tmp_path: Path) -> None:
    run = _run(*UPDATE, str(tmp_path / "none.txt"))
    assert run.returncode == 1
    assert run.stdout.startswith(f"{tmp_path / 'none.txt'}: refused: cannot be read: No such file or directory\n")
    assert run.stderr == "1 of 1 pages refused\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give SOURCE or --recorded"),
        (["a", "--recorded"], "give SOURCE or --recorded, not both"),
        (["a", "--check", "--write"], "--check changes nothing"),
        (["a", "--path"], "argument --path: expected one argument"),
    ],
)
def test_wrong_usage_of_an_update_names_the_script(arguments: list[str], message: str) -> None:
    run = _run(*UPDATE, *arguments)
    assert run.returncode == 2
    assert run.stderr.startswith("usage: scripts/update-spec [-h] ")
    assert f"\nscripts/update-spec: error: {message}" in run.stderr


@pytest.mark.parametrize(
    ("script", "module"), [("update-spec", "scripts.pipeline update"), ("bench", "scripts.benchmarks")]
)
def test_a_script_passes_on_arguments_and_exit_code(checkout: Path, tmp_path: Path, script: str, module: str) -> None:
    for name, text in (("venv/nox", 'echo "$@" >&2'), ("nox/dev", 'echo "$PWD $@"; exit 2')):
        folder = checkout / f".{name}"
        folder.mkdir(parents=True)
        _bin(folder / "bin", python=text)
    shutil.copy(checkout / "requirements" / "nox.txt", checkout / ".venv" / "nox" / ".locked")
    (checkout / ".venv" / "nox" / ".made-in").write_text(f"{checkout.resolve()}\n", encoding="utf-8")
    run = _run(str(checkout / "scripts" / script), "a b", cwd=tmp_path)
    folder = tmp_path if script == "update-spec" else checkout
    assert (run.returncode, run.stdout) == (2, f"{folder} -m {module} a b\n")
    assert run.stderr == "-m nox -s dev\n"
