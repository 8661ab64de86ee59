"""`python -m contract_tests.cli.picture`: make the picture of the command line, from a real run."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from scripts.pipeline.io import ROOT

PICTURE = ROOT / "docs" / "images" / "terminal.svg"
COLUMNS, LINES = 90, 24
COMMANDS = (
    "apikley run --prompt 'A ship above the rings of Saturn' --image ship.png -o ship.mp4",
    "timeout --foreground -s INT 4 apikley run --prompt 'A second ship' --image ship.png",
    "apikley create --prompt \"$(yes 'A ship' | head -n 300)\" --image ship.png",
)
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(2000)
# pyte's names of the colours, where Rich's differ.
_COLOURS = {"brown": "yellow", "default": None}


def main() -> int:
    """Run the commands, and draw what the terminal shows; returns the exit code."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    with tempfile.TemporaryDirectory() as folder, _simulator() as url:
        Path(folder, "ship.png").write_bytes(_PNG)
        settings = {"APIKLEY_BASE_URL": url, "APIKLEY_API_KEY": "mock-key", "APIKLEY_CONFIG": os.devnull}
        for command in COMMANDS:
            stream.feed(f"\x1b[1m$ {command}\x1b[0m\r\n".encode())
            for piece in _run(command, folder, settings):
                stream.feed(piece)
    _draw(screen)
    print(f"written: {PICTURE.relative_to(ROOT)}")
    return 0


@contextmanager
def _simulator() -> Iterator[str]:
    """A simulator of which everything is said that the service may say; its base URL."""
    command = [sys.executable, "-m", "apikley_mock", "serve", "--port", "0", "--credits", "100", "--durations", "1,1,4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip().removeprefix("listening on ")
        process.terminate()


def _run(command: str, folder: str, settings: dict[str, str]) -> Iterator[bytes]:
    """What a command writes to a terminal."""
    master, slave = pty.openpty()
    size = {"COLUMNS": str(COLUMNS), "LINES": str(LINES), "TERM": "xterm-256color", "COLORTERM": ""}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, **settings, **size, "PATH": path}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        ["sh", "-c", command], cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        yield piece
    os.close(master)
    process.wait()


def _draw(screen: pyte.Screen) -> None:
    lines = [_line(screen, number) for number in range(LINES)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="256")
        for line in lines:
            console.print(line, no_wrap=True)
        picture = console.export_svg(title="apikley", unique_id="apikley")
    # Rich would have the reader's browser fetch a font; any monospaced one will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"
    PICTURE.write_text(picture, encoding="utf-8")


def _line(screen: pyte.Screen, number: int) -> Text:
    line = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[number][column]
        colour = _COLOURS.get(cell.fg, cell.fg)
        if colour and re.fullmatch(r"[0-9a-f]{6}", colour):
            colour = f"#{colour}"
        line.append(cell.data, Style(color=colour.replace("bright", "bright_") if colour else None, bold=cell.bold))
    line.rstrip()
    return line


if __name__ == "__main__":
    sys.exit(main())
