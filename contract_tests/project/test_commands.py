"""What a user gets wrong is answered in one clear line, without a traceback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from scripts.pipeline.io import ROOT

MOCK = [sys.executable, "-m", "apikley_mock"]


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=600
    )


def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = _run(*MOCK, "serve", "--port", str(port))
    assert run.returncode == 1
    assert run.stderr == (
        f"apikley-mock: cannot listen on 127.0.0.1 port {port}: Address already in use; try another --port, or 0\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: command"),
        (["serve", "--port", "99999"], "'99999' is not a port from 0 to 65535"),
        (["serve", "--port", "x"], "'x' is not a port"),
        (["serve", "--speed", "0"], "argument --speed: Expected `float` >= 0.001"),
        (["serve", "--speed", "nan"], "'nan' is not a finite number"),
        (["serve", "--durations", "1,2"], "'1,2' is not three numbers of seconds"),
        (["serve", "--error-style", "xml"], "invalid choice: 'xml'"),
        (["fly"], "invalid choice: 'fly'"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], words: str) -> None:
    run = _run(*MOCK, *arguments)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_without_its_extra_the_simulator_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(name='uvicorn')", encoding="utf-8")
    run = _run(*MOCK, "serve", PYTHONPATH=str(tmp_path))
    assert run.returncode == 1
    assert run.stderr == "apikley-mock: uvicorn is not installed; run: pip install 'apikley[mock]'\n"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_says_when_it_is_ready_and_stops_cleanly(stop: signal.Signals) -> None:
    command = [*MOCK, "serve", "--port", "0", "--api-key", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip().removeprefix("listening on ")
        assert httpx2.get(f"{url}/nope").json()["code"] == 404
        process.send_signal(stop)
        assert process.wait(600) in (0, -stop)
        assert process.stderr.read() == ""


def _answered(process: subprocess.Popen[str], url: str) -> httpx2.Response:
    """What a server answers, once it does."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return httpx2.get(url)
        except httpx2.ConnectError:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline, "no answer within 20 s"
            time.sleep(0.05)


@pytest.mark.parametrize("into", ["a pipe that nobody reads", "a full disk", "nothing"])
def test_the_simulator_goes_on_where_nobody_reads_what_it_says(into: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as broken, Path("/dev/full").open("wb") as full:
        command = [*MOCK, "serve", "--port", str(port)]
        if into == "nothing":
            command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
        stdout = {"a pipe that nobody reads": broken, "a full disk": full}.get(into, subprocess.DEVNULL)
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stderr
        try:
            assert _answered(process, f"http://127.0.0.1:{port}/nope").json()["code"] == 404
        finally:
            process.terminate()
        assert process.wait(600) in (0, -signal.SIGTERM)
        assert process.stderr.read() == ""


def test_the_demo_stops_cleanly_on_ctrl_c() -> None:
    command = [sys.executable, "-m", "scripts.demo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        while "task created" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(600) == 130
        assert process.stderr.read() == "stopped\n"


@pytest.mark.parametrize(("module", "arguments"), [("scripts.demo", ()), ("scripts.pipeline", ("check",))])
def test_ctrl_c_while_a_command_loads_ends_it_in_one_line(tmp_path: Path, module: str, arguments: tuple[str]) -> None:
    (tmp_path / "httpx2.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    run = _run(sys.executable, "-m", module, *arguments, PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "stopped\n")


@pytest.mark.parametrize(("argument", "code"), [("nonsense", 2), ("--help", 0)])
def test_the_demo_takes_no_arguments_and_says_so(argument: str, code: int) -> None:
    run = _run(sys.executable, "-m", "scripts.demo", argument)
    assert run.returncode == code
    assert (run.stdout + run.stderr).startswith("usage: scripts/demo [-h]\n")


def test_prisms_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = _run(sys.executable, "-m", "scripts.pipeline.prism", "--port", str(port))
    assert (run.returncode, run.stderr) == (1, f"prism: port {port} is taken; choose another with --port\n")


def test_the_demo_makes_a_video_from_end_to_end() -> None:
    run = _run(sys.executable, "-m", "scripts.demo")
    assert run.returncode == 0, run.stderr
    for words in ("simulator listening", "task created", "signature verified", "task finished", "video saved"):
        assert words in run.stdout


def _bin(folder: Path, **scripts: str) -> str:
    """A folder of commands: what a shell script needs, and the given ones."""
    folder.mkdir()
    for name in ("sh", "dirname", "basename", "cmp", "tail", "grep", "mkdir", "rm", "cp"):
        (folder / name).symlink_to(shutil.which(name) or "")
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts and lockfiles alone, without any environment."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.mark.parametrize("script", ["demo", "test"])
def test_without_python_it_says_what_to_install(checkout: Path, tmp_path: Path, script: str) -> None:
    run = _run(str(checkout / "scripts" / script), PATH=_bin(tmp_path / "bin"), PYTHON="")
    assert run.returncode == 1
    assert run.stderr == f"{script}: no Python found; install Python 3.11 or newer, or name it in PYTHON\n"


def test_a_python_that_is_too_old_is_named(checkout: Path, tmp_path: Path) -> None:
    old = 'case "$2" in *print*) echo 3.9;; *) exit 1;; esac'
    run = _run(str(checkout / "scripts" / "demo"), PATH=_bin(tmp_path / "bin", python3=old), PYTHON="")
    assert run.returncode == 1
    assert run.stderr == (
        "demo: Python 3.11 or newer is needed, but python3 is 3.9; install one, or name it in PYTHON\n"
    )


def test_without_a_package_index_the_first_install_says_so(checkout: Path, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/"
    environment = {
        "PIP_INDEX_URL": nowhere,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
    }
    run = _run(str(checkout / "scripts" / "demo"), PYTHON=sys.executable, PIP_NO_CACHE_DIR="1", **environment)
    assert run.returncode == 1
    message = run.stderr.splitlines()[-1]
    assert message.startswith("demo: cannot install requirements/demo.txt: ")
    assert "is the package index reachable?" in message
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("made_in", "works"), [("/elsewhere", 0), (None, 0), ("", 127)])
def test_an_environment_that_was_moved_or_broken_is_recreated(
    checkout: Path, tmp_path: Path, made_in: str | None, works: int
) -> None:
    """The Python that would make it only says that it was asked."""
    env, other = checkout / ".venv" / "nox", checkout / ".nox" / "tests"
    other.mkdir(parents=True)
    env.mkdir(parents=True)
    _bin(env / "bin", python=f"exit {works}")
    shutil.copy(checkout / "requirements" / "nox.txt", env / ".locked")
    if made_in is not None:
        (env / ".made-in").write_text(f"{made_in or checkout.resolve()}\n", encoding="utf-8")
    asked = 'case "$2" in *print*) echo 3.11;; *exit*) ;; *) echo "asked for $*"; exit 1;; esac'
    run = _run(str(checkout / "scripts" / "test"), PATH=_bin(tmp_path / "bin", python3=asked), PYTHON="")
    assert "creating the environment .venv/nox (once)\n" in run.stderr
    assert "asked for -m venv .venv/nox" in run.stderr
    assert not other.exists()


def test_a_broken_page_is_refused_in_one_line(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("Nothing here\n", encoding="utf-8")
    run = _run(sys.executable, "-m", "scripts.pipeline", "update", str(page))
    assert run.returncode == 1
    assert run.stderr == f"{page}: no OpenAPI block found; expected a line that begins with 'openapi: 3.'\n"


def test_a_page_that_is_not_there_is_said(tmp_path: Path) -> None:
    run = _run(sys.executable, "-m", "scripts.pipeline", "update", str(tmp_path / "none.txt"))
    assert run.returncode == 1
    assert run.stderr == f"{tmp_path / 'none.txt'}: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give SOURCE or --recorded"),
        (["a", "--recorded"], "give SOURCE or --recorded, not both"),
        (["a", "--check", "--write"], "--check changes nothing"),
        (["a", "--path"], "expected one argument"),
    ],
)
def test_wrong_usage_of_an_update_names_the_command_that_was_typed(arguments: list[str], words: str) -> None:
    run = _run(sys.executable, "-m", "scripts.pipeline", "update", *arguments)
    assert run.returncode == 2
    assert run.stderr.startswith("usage: scripts/update-spec [-h] ")
    assert f"\nscripts/update-spec: error: {'argument --path: ' * ('--path' in arguments)}{words}" in run.stderr


@pytest.mark.parametrize(
    ("script", "module"), [("update-spec", "scripts.pipeline update"), ("bench", "scripts.benchmarks")]
)
def test_a_script_ends_with_the_exit_code_of_what_it_runs(
    checkout: Path, tmp_path: Path, script: str, module: str
) -> None:
    for name, text in (("venv/nox", 'echo "$@" >&2'), ("nox/dev", 'echo "$PWD $@"; exit 2')):
        folder = checkout / f".{name}"
        folder.mkdir(parents=True)
        _bin(folder / "bin", python=text)
    shutil.copy(checkout / "requirements" / "nox.txt", checkout / ".venv" / "nox" / ".locked")
    (checkout / ".venv" / "nox" / ".made-in").write_text(f"{checkout.resolve()}\n", encoding="utf-8")
    run = subprocess.run(
        [checkout / "scripts" / script, "a b"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    stands = tmp_path if script == "update-spec" else checkout
    assert (run.returncode, run.stdout) == (2, f"{stands} -m {module} a b\n")
    assert run.stderr == "-m nox -s dev\n"
