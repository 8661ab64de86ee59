"""Where results are saved, which files are replaced, and what the resuming commands say about it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from apikley import Apikley, TaskInfo
from apikley.cli.exit_codes import Exit
from apikley.cli.targets import Target
from contract_tests.cli.command_line import IMAGE, RUN, CommandLine, interrupt

ODD: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "link to a device": lambda path: path.symlink_to(os.devnull),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
}


def test_an_existing_file_is_replaced_only_with_force(cli: CommandLine) -> None:
    (cli.folder / "clip.mp4").write_bytes(b"mine")
    ended = cli(*RUN, "-o", "clip.mp4")
    assert (ended.code, ended.err) == (Exit.INVALID, "apikley: clip.mp4 exists; --force replaces it\n")
    assert (cli.folder / "clip.mp4").read_bytes() == b"mine"
    assert cli.requests() == [], "nothing was paid"
    assert cli(*RUN, "-o", "clip.mp4", "--force").code == 0
    assert (cli.folder / "clip.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_only_regular_files_are_replaced(cli: CommandLine, make: Callable[[Path], object]) -> None:
    task = cli.task()
    before = len(cli.requests())
    place = cli.folder / f"{task}.mp4"
    make(place)
    kind = place.lstat().st_mode
    for command in (("wait", task), ("download", task), RUN):
        ended = cli(*command, "-o", place.name, "--force")
        message = f"{place.name} is not a regular file and is never replaced; name another file with -o"
        assert (ended.code, ended.err) == (Exit.INVALID, f"apikley: {message}\n")
    assert cli("download", task, "--force").code == Exit.INVALID, "under its default name"
    assert place.lstat().st_mode == kind
    assert len(cli.requests()) == before


def test_a_link_is_replaced_and_its_target_is_not_touched(cli: CommandLine) -> None:
    (cli.folder / "mine").write_bytes(b"mine")
    (cli.folder / "clip.mp4").symlink_to("mine")
    assert cli("download", cli.task(), "-o", "clip.mp4").code == Exit.INVALID
    assert cli("download", cli.task(), "-o", "clip.mp4", "--force").code == 0
    assert not (cli.folder / "clip.mp4").is_symlink()
    assert (cli.folder / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("place", ["clips/", "clips/.", "clips/.."])
def test_a_name_that_ends_like_a_folder_must_be_one(cli: CommandLine, place: str) -> None:
    task = cli.task()
    (cli.folder / "file").touch()
    for command in (("wait", task), ("download", task), RUN):
        ended = cli(*command, "-o", place)
        assert (ended.code, ended.err.endswith(": no such folder\n")) == (Exit.INVALID, True)
        assert cli(*command, "-o", place.replace("clips", "file")).code in (Exit.INVALID, Exit.FAILED)
    cli.mock.assert_created_once()
    assert {path.name for path in cli.folder.iterdir()} == {"cat.png", "file"}
    (cli.folder / "clips").mkdir()
    assert cli("download", task, "-o", place).code == 0
    assert len([*cli.folder.glob(f"**/{task}*.mp4")]) == 1


def test_a_folder_that_is_not_writable_is_reported_before_anything_is_paid(cli: CommandLine) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    cli.patch.setattr(tempfile, "TemporaryFile", refuse)
    ended = cli(*RUN)
    assert (ended.code, ended.err) == (Exit.FAILED, "apikley: .: Read-only file system\n")
    assert cli.requests() == []


def test_a_result_is_never_written_to_stdout(cli: CommandLine) -> None:
    ended = cli(*RUN, "-o", "-")
    message = "apikley: a result cannot be written to stdout; name a file with -o\n"
    assert ended == (Exit.INVALID, "", message)
    assert cli.requests() == []
    assert cli(*RUN, "-o", "./-").code == 0
    assert (cli.folder / "-").exists()


@pytest.mark.parametrize(("given", "name"), [(None, "_._.._etc_x.webm"), ("{id}.bin", "_._.._etc_x.bin")])
def test_a_task_id_cannot_lead_out_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Target(given, force=False).path("../../etc/x", "http://a.test/b.webm") == Path(name)


@pytest.mark.parametrize("url", ["http://[::1/x", "//[", "http://xn--/x.mp4", "http://a.test/x.mp4\ud800"])
def test_a_result_with_an_invalid_url_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert Target(None, force=False).path("task_1", url) == Path("task_1.mp4")


@pytest.fixture
def _two_results(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = vars(TaskInfo)["result_urls"].fget
    monkeypatch.setattr(TaskInfo, "result_urls", property(lambda task: urls(task) * 2))


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
def test_run_prints_the_command_that_downloads_the_next_result(
    cli: CommandLine, place: tuple[str, ...], then: str, names: tuple[str, str]
) -> None:
    (cli.folder / "clips").mkdir()
    ended = cli(*RUN, *place)
    task = str(cli.mock.assert_created_once().task_id)
    assert ended.code == 0
    assert f"has 2 results; download the next one with: apikley download {task} {then}--index 1\n" in ended.err
    first, second = (cli.folder / name.replace("TASK", task) for name in names)
    first.write_bytes(b"the first")
    assert cli(*ended.resume).code == 0
    assert (first.read_bytes(), second.read_bytes()[4:8]) == (b"the first", b"ftyp")


@pytest.mark.usefixtures("_two_results")
def test_an_interrupted_download_resumes_with_the_same_result(cli: CommandLine) -> None:
    task = cli.task()
    (cli.folder / "clip.mp4").touch()
    cli.patch.setattr(Apikley, "download", interrupt)
    ended = cli("download", task, "--index", "1", "--force", "-o", "clip.mp4")
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"resume with: apikley download {task} -o clip.mp4 --index 1 --force\n")


def test_permission_to_replace_a_file_is_kept_by_the_resuming_command(cli: CommandLine) -> None:
    (cli.folder / "have.mp4").touch()
    task = cli.task("[mock: never]")
    run = ("run", "--prompt", "[mock: never]", "--image", IMAGE, "--timeout", "3")
    place = ("-o", "have.mp4", "--force")
    ended = cli("wait", task, *place, "--timeout", "3")
    assert ended.resume == ["wait", task, *place]
    assert cli(*ended.resume, "--timeout", "3").code == Exit.UNFINISHED
    assert cli(*run, *place).resume[2:] == [*place]
    assert cli(*run, "--force").resume[2:] == ["-o", ".", "--force"], "`wait` saves nothing without -o"
    asked = cli.in_terminal("wait", task, *place[:2], "--timeout", "3", typed=b"y\n")
    assert asked.out.endswith(f"resume with: apikley wait {task} -o have.mp4 --force\r\n")


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch])
@pytest.mark.parametrize("place", [("-o", "clip.mp4"), ("-o", "."), ()], ids=["file", "folder", "default"])
def test_a_file_that_appears_while_the_task_runs_is_not_replaced(
    cli: CommandLine, place: tuple[str, ...], make: Callable[[Path], None]
) -> None:
    def appear() -> None:
        name = "clip" if "clip.mp4" in place else cli.mock.assert_created_once().task_id
        if not (cli.folder / f"{name}.mp4").exists():
            make(cli.folder / f"{name}.mp4")

    cli.during_sleep = appear
    force = ["--force"] if make is os.mkfifo else []
    ended = cli(*RUN, *place, *force)
    task = str(cli.mock.assert_created_once().task_id)
    assert ended.code == Exit.FAILED, "not INVALID, because a task was paid"
    assert ended.resume == ["download", task, *place], "without --force"
    assert [path.stat().st_size for path in cli.folder.glob("*.mp4")] == [0]
    assert cli("download", task, "-o", "other.mp4").code == 0
