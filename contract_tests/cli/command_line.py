"""The command `apikley` as tests call it: in this process, in a pipe or a pseudo-terminal, on the simulator's clock."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apikley._flows.clock import Clock
from apikley.cli import main
from apikley_mock.plugin import MockService
from scripts.pipeline.io import ROOT

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
CTRL_C = b"\x03"
COMMAND = (sys.executable, "-m", "apikley.cli")
IMAGE = "https://files.example.com/a.png"


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its JSON document: the whole of stdout."""
        return json.loads(self.out)


class CommandLine:
    """Calls the command in this process, with time that passes only by waiting."""

    def __init__(self, mock: MockService, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.mock = mock
        self.during_sleep: Callable[[], object] = lambda: None
        self._capfd = capfd
        self._monkeypatch = monkeypatch
        skipped = 0.0

        def sleep(_: Clock, seconds: float) -> None:
            nonlocal skipped
            skipped += seconds
            self.during_sleep()
            mock.advance(seconds)

        monkeypatch.setattr(Clock, "sleep", sleep)
        monkeypatch.setattr(Clock, "monotonic", lambda _: time.monotonic() + skipped)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """In a pipe."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capfd.readouterr()
        code = main([*arguments])
        return Ended(code, *self._capfd.readouterr())

    def in_terminal(self, *arguments: str, typed: bytes = b"") -> Ended:
        """In a pseudo-terminal; all that it shows is in `out`."""
        with _terminal() as (screen, slave):
            os.write(screen.master, typed)
            streams = [open(slave, mode, encoding="utf-8", closefd=False) for mode in ("r", "w", "w")]  # noqa: SIM115
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                self._monkeypatch.setattr(sys, name, stream)
            try:
                code = main([*arguments])
            finally:
                for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                    stream.close()
                    self._monkeypatch.setattr(sys, name, getattr(sys, f"__{name}__"))
        return Ended(code, screen.text(), "")

    def task(self, prompt: str = "a ship", *, ended: bool = True) -> str:
        """A task that somebody created earlier; its id."""
        made = self("create", "--prompt", prompt, "--image", IMAGE)
        assert made.code == 0, made.err
        if ended:
            self.mock.advance(60)
        return made.out.strip()


class _Screen:
    """What a pseudo-terminal shows, read as it comes."""

    def __init__(self, master: int) -> None:
        self.master = master
        self._pieces: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        return b"".join(self._pieces).decode()

    def join(self) -> None:
        self._thread.join(10)

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            if not piece:
                return
            self._pieces.append(piece)


@contextmanager
def _terminal() -> Iterator[tuple[_Screen, int]]:
    master, slave = pty.openpty()
    screen = _Screen(master)
    try:
        yield screen, slave
    finally:
        os.close(slave)
        screen.join()
        os.close(master)


# The terminal has to be the controlling one of the process, or Ctrl-C would be no more than a character.
_ADOPT = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Program:
    """The command as a process of its own, in a pseudo-terminal.

    Attributes:
        shown: All that the terminal has shown.
    """

    def __init__(self, *arguments: str, cwd: Path, program: Sequence[str] = COMMAND) -> None:
        self.shown = ""
        self._over = False
        self.master, slave = pty.openpty()
        folders = (ROOT, ROOT / "generated", ROOT / "mock")
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
        command = [sys.executable, "-c", _ADOPT, *program, *arguments]
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=variables, start_new_session=True
        )
        os.close(slave)

    def until(self, *, seen: str, fact: Callable[[], bool] = lambda: True) -> None:
        """Read until something is shown, and something else is the case."""
        self._read_while(lambda: seen not in self.shown or not fact())

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        """Read to the end; the exit code."""
        self._read_while(lambda: not self._over)
        os.close(self.master)
        return self._process.wait(20)

    def press_until(self, keys: bytes, *, seen: str) -> None:
        """Press keys until something is shown: Python misses a Ctrl-C just before it begins to read an answer."""
        while seen not in self.shown:
            os.write(self.master, keys)
            self._read(1.0)
            self._read(1.0)

    def _read_while(self, wanted: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while wanted():
            assert time.monotonic() < deadline, f"only this came: {self.shown}"
            self._read(0.05)

    def _read(self, seconds: float) -> None:
        if not select.select([self.master], [], [], seconds)[0]:
            return
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            piece = b""
        self._over = not piece
        self.shown += piece.decode(errors="replace")


def piped(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, in pipes."""
    command = [*COMMAND, *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=50)


@pytest.fixture(name="cli")
def cli_fixture(
    apikley_mock: MockService,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> CommandLine:
    """The command in an empty folder, set up for the simulator by the environment."""
    monkeypatch.setenv("APIKLEY_API_KEY", apikley_mock.api_key)
    monkeypatch.setenv("APIKLEY_BASE_URL", apikley_mock.url)
    monkeypatch.setenv("APIKLEY_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("NO_COLOR", "FORCE_COLOR", "APIKLEY_MODEL", "APIKLEY_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(PNG)
    return CommandLine(apikley_mock, capfd, monkeypatch)
