"""`python -m contract_tests.cli.picture`: draws the documentation's picture of a terminal, from a real run."""

from __future__ import annotations

import itertools
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from contract_tests.cli.command_line import read_terminal
from scripts.pipeline.io import ROOT

PICTURE = ROOT / "docs" / "images" / "terminal.svg"
COLUMNS, LINES = 90, 24
COMMANDS = (
    "apikley run --prompt 'A ship above the rings of Saturn' --image ship.png -o ship.mp4",
    "timeout --foreground -s INT 4 apikley run --prompt 'A second ship' --image ship.png",
    "apikley create --prompt \"$(yes 'A ship' | head -n 300)\" --image ship.png",
)
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(2000)
# pyte's names of colors, where Rich's differ.
_COLORS = {"brown": "yellow", "default": "default"}


def main() -> int:
    """Run the commands and draw what the terminal shows; returns the exit code."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    server = [sys.executable, "-m", "apikley_mock", "serve", "--port", "0", "--credits", "100", "--durations", "1,1,4"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(server, cwd=ROOT, stdout=subprocess.PIPE, text=True) as simulator,
    ):
        assert simulator.stdout
        url = simulator.stdout.readline().strip().removeprefix("listening on ")
        Path(folder, "ship.png").write_bytes(_PNG)
        environment = {
            **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
            "APIKLEY_BASE_URL": url,
            "APIKLEY_API_KEY": "mock-key",
            "APIKLEY_CONFIG": os.devnull,
            "COLUMNS": str(COLUMNS),
            "LINES": str(LINES),
            "TERM": "xterm-256color",
            "COLORTERM": "",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        for command in COMMANDS:
            stream.feed(f"\x1b[1m$ {command}\x1b[0m\r\n".encode())
            master, slave = pty.openpty()
            with subprocess.Popen(
                ["sh", "-c", command], cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
            ):
                os.close(slave)
                while chunk := read_terminal(master):
                    stream.feed(chunk)
            os.close(master)
        simulator.terminate()
    _draw(screen)
    print(f"written: {PICTURE.relative_to(ROOT)}")
    return 0


def _draw(screen: pyte.Screen) -> None:
    lines = [_line(screen, number) for number in range(LINES)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="256")
        for line in lines:
            console.print(line, no_wrap=True)
        picture = console.export_svg(title="apikley", unique_id="apikley")
    # Without the font that the reader's browser would fetch.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"
    PICTURE.write_text(picture, encoding="utf-8")


def _line(screen: pyte.Screen, number: int) -> Text:
    line = Text()
    row = [screen.buffer[number][column] for column in range(COLUMNS)]
    for (color, bold), cells in itertools.groupby(row, key=lambda cell: (cell.fg, cell.bold)):
        name = re.sub(r"^([0-9a-f]{6})$", r"#\1", _COLORS.get(color, color)).replace("bright", "bright_")
        line.append("".join(cell.data for cell in cells), Style(color=name, bold=bold))
    line.rstrip()
    return line


if __name__ == "__main__":
    sys.exit(main())
