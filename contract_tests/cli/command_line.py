"""Runs the command `apikley` in tests: in this process, in a pipe, or in a pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from apikley._flows.clock import Clock
from apikley.cli import main
from apikley_mock.plugin import MockService
from scripts.pipeline.io import ROOT

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
CTRL_C = b"\x03"
COMMAND = (sys.executable, "-m", "apikley")
IMAGE = "https://files.example.com/a.png"
MODEL = "hailuo/02-image-to-video-pro"
REQUEST = ("--prompt", "a ship", "--image", IMAGE)
RUN = ("run", *REQUEST)
LIMIT = 600  # seconds; for processes that hang
CLOSED = "http://127.0.0.1:9"  # nothing listens there


class Result(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)

    @property
    def resume(self) -> list[str]:
        """The arguments of the command that resumes, from stderr."""
        return shlex.split(self.err.rpartition(": apikley ")[2])


class CommandLine:
    """Runs the command in this process. Waiting advances the simulator's clock and takes no time."""

    def __init__(self, mock: MockService, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.mock = mock
        self.patch = monkeypatch
        self.folder = Path.cwd()
        self.during_sleep: Callable[[], object] = lambda: None
        self._capfd = capfd
        skipped = 0.0

        def sleep(_: Clock, seconds: float) -> None:
            nonlocal skipped
            skipped += seconds
            self.during_sleep()
            mock.advance(seconds)

        monkeypatch.setattr(Clock, "sleep", sleep)
        monkeypatch.setattr(Clock, "monotonic", lambda _: time.monotonic() + skipped)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run it with pipes."""
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capfd.readouterr()
        code = main([*arguments])
        return Result(code, *self._capfd.readouterr())

    def in_terminal(self, *arguments: str, typed: bytes = b"") -> Result:
        """Run it in a pseudo-terminal; everything that it shows is in `out`."""
        master, slave = pty.openpty()
        shown: list[bytes] = []
        reader = threading.Thread(target=lambda: shown.extend(iter(lambda: read_terminal(master), b"")))
        reader.start()
        os.write(master, typed)
        with ExitStack() as stack:
            stack.callback(os.close, master)
            stack.callback(reader.join)
            stack.callback(os.close, slave)
            with self.patch.context() as patch:
                for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
                    stream = stack.enter_context(open(slave, mode, encoding="utf-8", closefd=False))
                    patch.setattr(sys, name, stream)
                code = main([*arguments])
        return Result(code, b"".join(shown).decode(), "")

    def task(self, prompt: str = "a ship", *, ended: bool = True) -> str:
        """Create a task and return its id."""
        created = self("create", "--prompt", prompt, "--image", IMAGE)
        assert created.code == 0, created.err
        if ended:
            self.mock.advance(60)
        return created.out.strip()

    def use_profiles(self, text: str) -> Path:
        """Write a settings file; the environment then has no key and no base URL."""
        path = self.folder / "config.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        self.patch.setenv("APIKLEY_CONFIG", str(path))
        for name in ("APIKLEY_API_KEY", "APIKLEY_BASE_URL"):
            self.patch.delenv(name)
        return path

    def requests(self) -> list[Any]:
        """Return the requests that the simulator received."""
        return [*self.mock.journal.requests()]


def interrupt(*_: object, **__: object) -> None:
    """Press Ctrl-C, in place of any function."""
    raise KeyboardInterrupt


def read_terminal(master: int) -> bytes:
    """Read what a pseudo-terminal shows; nothing when it is closed."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""


# Ctrl-C sends SIGINT only to processes whose controlling terminal it is.
_ADOPT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Program:
    """The command as a process in a pseudo-terminal. As a context manager it kills the process at the end.

    Attributes:
        shown: Everything that the terminal has shown.
    """

    def __init__(self, *arguments: str, cwd: Path, program: Sequence[str] = COMMAND) -> None:
        self.shown = ""
        self._closed = False
        self._master, slave = pty.openpty()
        folders = (ROOT, ROOT / "generated", ROOT / "mock")
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
        command = [sys.executable, "-c", _ADOPT_TERMINAL, *program, *arguments]
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=variables, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def wait_for(self, text: str, condition: Callable[[], bool] = lambda: True) -> None:
        """Read until the text is shown and the condition is true."""
        self._read_while(lambda: text not in self.shown or not condition())

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait(self) -> int:
        """Read to the end and return the exit code."""
        self._read_while(lambda: not self._closed)
        return self._process.wait(LIMIT)

    def type_until(self, keys: bytes, text: str) -> None:
        """Type keys until a text is shown: Python misses a Ctrl-C just before it starts to read a line."""
        while text not in self.shown:
            assert not self._closed, self.shown
            self.type(keys)
            while self._read(1.0):
                pass

    def _read_while(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT
        while condition():
            assert time.monotonic() < deadline, f"the terminal shows only: {self.shown}"
            self._read(0.05)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        chunk = read_terminal(self._master)
        self._closed = not chunk
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command as a process with pipes, and kill it at the end."""
    command = [*COMMAND, *arguments]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def run_process(*arguments: str, redirection: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process with pipes, started by a shell."""
    command = ["sh", "-c", f'"$@" {redirection}', "sh", *COMMAND, *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=LIMIT)


@pytest.fixture(name="cli")
def cli_fixture(
    apikley_mock: MockService, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    """The command in a folder with `cat.png`, with the environment set to the simulator."""
    monkeypatch.setenv("APIKLEY_API_KEY", apikley_mock.api_key)
    monkeypatch.setenv("APIKLEY_BASE_URL", apikley_mock.url)
    monkeypatch.setenv("APIKLEY_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("APIKLEY_MODEL", MODEL)
    for name in ("NO_COLOR", "FORCE_COLOR", "APIKLEY_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(PNG)
    return CommandLine(apikley_mock, capfd, monkeypatch)
