"""Programs run without a home folder, from a zip file, frozen, and on a file system that cannot be written."""

from __future__ import annotations

import copy
import ctypes
import os
import pickle
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apikley import Hailuo02ImageToVideoPro, LocalFile
from apikley_client.types import UNSET
from apikley_mock import cli
from apikley_mock.web import server
from contract_tests.conftest import KEY
from scripts.pipeline.io import ROOT

_NO_HOME = """
import pwd, sys
def unknown(*_): raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = unknown
"""
_PACKAGES = ("apikley", "generated/apikley_contract", "generated/apikley_client", "mock/apikley_mock")


def _run(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    private = {"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "USER", "LOGNAME", "APIKLEY_CONFIG", "APIKLEY_API_KEY"}
    environment = {name: value for name, value in os.environ.items() if name not in private}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**environment, **variables},
        timeout=600,
        check=False,
    )


_COMMAND = "import sys; from apikley.cli import main; sys.exit(main(sys.argv[1:]))"


def test_a_user_without_a_home_folder_can_run_commands() -> None:
    ended = _run(_NO_HOME + _COMMAND, "models")
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = _run(_NO_HOME + _COMMAND, "credits")
    assert (ended.returncode, "no API key" in ended.stderr) == (2, True), ended.stderr
    ended = _run(_NO_HOME + _COMMAND, "inbox", "list")
    assert (ended.returncode, "no home folder" in ended.stderr) == (2, True), ended.stderr


def test_a_user_without_a_home_folder_can_use_the_library() -> None:
    ended = _run(_NO_HOME + "from apikley import Apikley; print(Apikley())", APIKLEY_API_KEY=KEY)
    assert (ended.returncode, ended.stderr) == (0, "")
    code = "from apikley.receiver import Receiver; Receiver('webhook-key')"
    assert "this user has no home folder to keep the inbox in; name a file" in _run(_NO_HOME + code).stderr


def test_the_packages_run_from_a_zip_file(tmp_path: Path) -> None:
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as zipped:
        for folder in (ROOT / name for name in _PACKAGES):
            for path in folder.rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    zipped.write(path, path.relative_to(folder.parent))
    code = """
import sys
sys.path.insert(0, sys.argv.pop())
import apikley, apikley_mock
from apikley.cli import main
from apikley_mock.web import media
assert ".pyz" in apikley.__file__ and ".pyz" in apikley_mock.__file__
assert media.video()
sys.exit(main(sys.argv[1:]))
"""
    ended = _run(code, "models", str(archive))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "hailuo/02-image-to-video-pro" in ended.stdout


@pytest.mark.timeout(6000)  # freezing takes a minute on two cores
def test_a_frozen_program_finds_its_modules_and_data(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(
        "import sys\nfrom apikley.cli import main\nfrom apikley_mock.cli import main as mock\n"
        "sys.exit((mock if sys.argv[1] == 'check' else main)(sys.argv[1:]))\n",
        encoding="utf-8",
    )
    options = ["--log-level", "ERROR", "--distpath", "dist", "--workpath", "work", "--specpath", "spec"]
    paths = [argument for name in _PACKAGES for argument in ("--paths", str((ROOT / name).parent))]
    freeze = [sys.executable, "-m", "PyInstaller", *options, *paths, str(program)]
    subprocess.run(freeze, cwd=tmp_path, check=True, capture_output=True)
    frozen = tmp_path / "dist" / "app" / "app"
    ended = subprocess.run([frozen, "models"], capture_output=True, text=True, timeout=600, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "hailuo/02-image-to-video-pro" in ended.stdout
    check: list[str | Path] = [frozen, "check", "http://127.0.0.1:9", "--api-key", KEY]
    ended = subprocess.run(check, capture_output=True, text=True, timeout=600, check=False)
    assert (ended.returncode, "http://127.0.0.1:9 does not respond" in ended.stderr) == (2, True), ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a folder in which no file can be created")
def test_a_result_that_cannot_be_saved_is_refused_before_a_task_is_paid() -> None:
    run = ("run", "--prompt", "a ship", "--image", "https://files.example.com/a.png", "-o", "/proc/clip.mp4")
    ended = _run(_COMMAND, *run, APIKLEY_API_KEY=KEY, APIKLEY_BASE_URL="http://127.0.0.1:9")
    assert (ended.returncode, "/proc: No such file or directory" in ended.stderr) == (2, True), ended.stderr
    assert "refused the connection" not in ended.stderr


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - its own pickle


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, _pickled])
@pytest.mark.parametrize("image", ["https://files.example.com/a.png", LocalFile("a.png")], ids=["url", "file"])
def test_a_copied_input_equals_the_original(copied: Any, image: Any) -> None:
    original = Hailuo02ImageToVideoPro(prompt="a ship", image_url=image)
    assert copied(original) == original
    assert copied(original).to_dict() == original.to_dict()
    assert copied(original).end_image_url is UNSET


def test_the_simulator_needs_no_c_library_that_can_be_opened_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: None) -> None:
        raise TypeError("argument of type 'NoneType' is not iterable")  # as on Windows

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    cli._give_memory_back()


@pytest.mark.parametrize(("system", "reused"), [("posix", True), ("nt", False)])
def test_a_port_is_reused_only_where_this_does_not_share_it(
    monkeypatch: pytest.MonkeyPatch, system: str, reused: bool
) -> None:
    monkeypatch.setattr(server, "os", SimpleNamespace(name=system))
    with server.bind("127.0.0.1", 0) as bound:
        assert bool(bound.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) is reused
