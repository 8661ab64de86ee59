"""Where the command puts results: what may be replaced, and that the commands it prints put theirs beside it."""

from __future__ import annotations

import json
import os
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apikley import Apikley
from apikley.cli.exit_codes import Exit
from apikley_mock.world import records as shapes
from contract_tests.cli.command_line import IMAGE, CommandLine, Ended, cli_fixture  # noqa: F401 - the fixture

MAKE = ("run", "--prompt", "a ship", "--image", IMAGE)


def printed(ended: Ended) -> list[str]:
    """The arguments of the command that goes on."""
    return shlex.split(ended.err.rpartition(": apikley ")[2])


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


ODD: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "link to a device": lambda path: path.symlink_to(os.devnull),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_no_ordinary_file_is_never_replaced(
    cli: CommandLine, tmp_path: Path, odd: Callable[[Path], object]
) -> None:
    task = cli.task()
    before = len(cli.mock.journal.requests())
    place = tmp_path / f"{task}.mp4"
    odd(place)
    kind = place.lstat().st_mode
    for command in (("wait", task), ("download", task), MAKE):
        ended = cli(*command, "-o", place.name, "--force")
        words = f"{place.name} is no ordinary file, so nothing is put in its place; name another with -o"
        assert (ended.code, ended.err) == (Exit.INVALID, f"apikley: {words}\n")
    assert cli("download", task, "--force").code == Exit.INVALID, "under the name that it has by itself"
    assert place.lstat().st_mode == kind
    assert len(cli.mock.journal.requests()) == before


def test_a_link_is_replaced_and_the_file_that_it_leads_to_stays(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "clip.mp4").symlink_to("mine")
    assert cli("download", cli.task(), "-o", "clip.mp4").code == Exit.INVALID
    assert cli("download", cli.task(), "-o", "clip.mp4", "--force").code == 0
    assert not (tmp_path / "clip.mp4").is_symlink()
    assert (tmp_path / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("place", ["clips/", "clips/.", "clips/.."])
def test_what_is_written_as_a_folder_has_to_be_one(cli: CommandLine, tmp_path: Path, place: str) -> None:
    task = cli.task()
    (tmp_path / "file").touch()
    for command in (("wait", task), ("download", task), MAKE):
        ended = cli(*command, "-o", place)
        assert (ended.code, ended.err.endswith(": no such folder\n")) == (Exit.FAILED, True)
        assert cli(*command, "-o", place.replace("clips", "file")).code == Exit.FAILED
    cli.mock.assert_created_once()
    assert {path.name for path in tmp_path.iterdir()} == {"cat.png", "file"}
    (tmp_path / "clips").mkdir()
    assert cli("download", task, "-o", place).code == 0
    assert len([*tmp_path.glob("**/task*.mp4")]) == 1


def test_no_result_goes_to_stdout(cli: CommandLine, tmp_path: Path) -> None:
    ended = cli(*MAKE, "-o", "-")
    assert ended == (Exit.INVALID, "", "apikley: a result goes into a file, not to stdout: name one with -o\n")
    assert cli.mock.journal.requests() == []
    assert cli(*MAKE, "-o", "./-").code == 0
    assert (tmp_path / "-").exists()


@pytest.fixture
def _two_results(monkeypatch: pytest.MonkeyPatch) -> None:
    record = shapes.record

    def doubled(*arguments: Any) -> dict[str, Any]:
        found = record(*arguments)
        if found["resultJson"]:
            found["resultJson"] = json.dumps({"resultUrls": json.loads(found["resultJson"])["resultUrls"] * 2})
        return found

    monkeypatch.setattr(shapes, "record", doubled)


@pytest.mark.usefixtures("_two_results")
@pytest.mark.parametrize(
    ("place", "then", "names"),
    [
        ((), "", ("TASK.mp4", "TASK-1.mp4")),
        (("-o", "clips"), "-o clips ", ("clips/TASK.mp4", "clips/TASK-1.mp4")),
        (("-o", "a clip.mp4", "--force"), "-o 'a clip-1.mp4' ", ("a clip.mp4", "a clip-1.mp4")),
        (("-o", "{id}"), "-o '{id}-1' ", ("TASK", "TASK-1")),
    ],
)
def test_the_next_result_is_pointed_at_and_goes_beside_the_first(
    cli: CommandLine, tmp_path: Path, place: tuple[str, ...], then: str, names: tuple[str, str]
) -> None:
    (tmp_path / "clips").mkdir()
    ended = cli(*MAKE, *place)
    task = str(cli.mock.assert_created_once().task_id)
    assert ended.code == 0
    assert f"there are 2 results; the next one: apikley download {task} {then}--index 1\n" in ended.err
    first, second = (tmp_path / name.replace("TASK", task) for name in names)
    first.write_bytes(b"the first")
    assert cli(*printed(ended)).code == 0
    assert (first.read_bytes(), second.read_bytes()[4:8]) == (b"the first", b"ftyp")


@pytest.mark.usefixtures("_two_results")
def test_a_download_that_is_interrupted_goes_on_with_the_same_result(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    task = cli.task()
    (tmp_path / "clip.mp4").touch()
    monkeypatch.setattr(Apikley, "download", interrupted)
    ended = cli("download", task, "--index", "1", "--force", "-o", "clip.mp4")
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"go on with: apikley download {task} -o clip.mp4 --index 1 --force\n")


def test_leave_to_replace_a_file_holds_for_the_command_that_goes_on(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "have.mp4").touch()
    task = cli.task("[mock: never]")
    make = ("run", "--prompt", "[mock: never]", "--image", IMAGE)
    words = "-o have.mp4 --force"
    ended = cli("wait", task, *words.split(), "--timeout", "3")
    assert ended.err.endswith(f"go on with: apikley wait {task} {words}\n")
    assert cli(*printed(ended), "--timeout", "3").code == Exit.UNFINISHED
    assert cli(*make, *words.split(), "--timeout", "3").err.endswith(f" {words}\n")
    assert cli(*make, "--force", "--timeout", "3").err.endswith(" -o . --force\n"), "`wait` saves where it is told to"
    asked = cli.in_terminal("wait", task, "-o", "have.mp4", "--timeout", "3", typed=b"y\n")
    assert asked.out.endswith(f"go on with: apikley wait {task} {words}\r\n")


def test_ctrl_c_while_the_new_task_is_announced_keeps_where_its_result_goes(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("apikley.cli.output.Output.note", interrupted)
    ended = cli(*MAKE, "-o", "clip.mp4")
    task = cli.mock.assert_created_once().task_id
    assert ended.err.endswith(f"go on with: apikley wait {task} -o clip.mp4\n")


@pytest.mark.parametrize(
    ("place", "there", "then"),
    [
        (("-o", "clip.mp4", "--force"), os.mkfifo, "clip.2.mp4"),
        (("-o", "clip.mp4"), Path.touch, "clip.2.mp4"),
        (("-o", "{id}.mp4"), Path.touch, "'{id}.2.mp4'"),
        ((), Path.touch, "'{id}.2.mp4'"),
    ],
)
def test_what_appears_while_the_task_runs_stays_and_the_result_goes_beside_it(
    cli: CommandLine, tmp_path: Path, place: tuple[str, ...], there: Callable[[Path], None], then: str
) -> None:
    def appear() -> None:
        name = cli.mock.assert_created_once().task_id if "clip" not in then else "clip"
        if not (tmp_path / f"{name}.mp4").exists():
            there(tmp_path / f"{name}.mp4")

    cli.during_sleep = appear
    ended = cli(*MAKE, *place)
    task = str(cli.mock.assert_created_once().task_id)
    assert ended.code == Exit.FAILED, "a task is paid, so it is not that nothing was sent"
    name = then.strip("'").replace("{id}", task)
    assert f"apikley: {name.replace('.2', '')}: " in ended.err
    assert ended.err.endswith(f"the task is kept; go on with: apikley download {task} -o {then}\n")
    assert cli(*printed(ended)).code == 0
    assert (tmp_path / name).read_bytes()[4:8] == b"ftyp"
    assert (tmp_path / name.replace(".2", "")).stat().st_size == 0
