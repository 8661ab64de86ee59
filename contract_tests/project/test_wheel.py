"""The release: its files, its reproducible build, and the wheel on its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import apikley_contract
from contract_tests.project.wheels import build, copy_checkout, install
from scripts.pipeline.io import ROOT

PACKAGES = {"apikley", "apikley_client", "apikley_contract", "apikley_mock"}
# In bytes; each model adds its share.
MODELS = len(apikley_contract.models())
LARGEST_FILE = 150_000 + 4_000 * MODELS
LARGEST_WHEEL, LARGEST_SDIST = 500_000 + 4_000 * MODELS, 1_000_000 + 10_000 * MODELS


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist and a wheel, built from a checkout."""
    folder = tmp_path_factory.mktemp("build")
    build(copy_checkout(folder / "one"), folder / "dist")
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


def _hashes(dist: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(dist.iterdir())}


def test_the_same_sources_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "two")
    for path in checkout.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    build(checkout, tmp_path / "dist")
    assert _hashes(tmp_path / "dist") == _hashes(dist)
    assert len(_hashes(dist)) == 2


def test_the_sdist_gives_the_same_wheel(dist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    build(unpacked, tmp_path / "dist", "-t", "wheel")
    assert _hashes(tmp_path / "dist")[wheel.name] == _hashes(dist)[wheel.name]


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {PurePosixPath(entry.filename): entry.file_size for entry in archive.infolist()}
    tops = {path.parts[0] for path in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {path.suffix for path in files if path.parts[0] in PACKAGES} <= {".py", ".typed", ".json", ".mp4", ".html"}
    assert [str(path) for path in files if {"__pycache__", "contract_tests", "scripts"} & set(path.parts)] == []
    for package in PACKAGES:
        assert PurePosixPath(package, "py.typed") in files
    metadata = {path.name for path in files if path.parts[0] not in PACKAGES}
    assert metadata == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"}


def test_the_wheel_holds_every_source_file_of_its_packages(wheel: Path) -> None:
    homes = {"apikley": ROOT, "apikley_client": ROOT / "generated", "apikley_contract": ROOT / "generated"}
    homes["apikley_mock"] = ROOT / "mock"
    ours = {
        path.relative_to(home).as_posix()
        for package, home in homes.items()
        for path in (home / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        theirs = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert theirs == ours


def test_the_sizes_stay_small(dist: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        large = {entry.filename: entry.file_size for entry in archive.infolist() if entry.file_size > LARGEST_FILE}
    assert large == {}
    assert 50_000 < wheel.stat().st_size < LARGEST_WHEEL
    assert next(dist.glob("*.tar.gz")).stat().st_size < LARGEST_SDIST


def test_the_sdist_holds_no_caches_and_no_workflows(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = [PurePosixPath(name) for name in archive.getnames()]
    assert [str(name) for name in names if {"__pycache__", ".ci", ".github", "node_modules"} & set(name.parts)] == []
    assert any(name.parts[1:] == ("contract_tests", "project", "test_wheel.py") for name in names)


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("check_wheel.py", "the README's blocks ran and saved"),
        ("check_commands.py", "the example and the command saved"),
    ],
)
def test_readme_and_commands_run_from_the_wheel_alone(wheel: Path, tmp_path: Path, script: str, result: str) -> None:
    python = install(wheel, tmp_path / "venv")
    where = [str(python), "-I", "-c", "import apikley, apikley_mock; print(apikley.__file__, apikley_mock.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert [Path(path).is_relative_to(tmp_path / "venv") for path in found] == [True, True]
    command = [str(python), "-I", str(ROOT / "contract_tests" / "project" / script)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    assert result in run.stdout


USERS = """
from apikley import Hailuo02ImageToVideoPro


def test_a_video(apikley_mock):
    apikley_mock.plan_next(durations=[1, 1, 300])
    with apikley_mock.client() as api:
        task = api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://a.test/a.png"))
        assert task.wait().succeeded
    apikley_mock.assert_created_once(input={"prompt": "a ship"})


def test_nothing_is_met(apikley_mock):
    apikley_mock.fail_next(402)
"""


def test_the_wheel_brings_the_fixture_to_a_users_tests(wheel: Path, tmp_path: Path) -> None:
    python = install(wheel, tmp_path / "venv")
    (tmp_path / "test_users.py").write_text(USERS, encoding="utf-8")
    run = subprocess.run(
        [str(python), "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_users.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "nothing has met fail_next(fault='error', code=402) in test_users.py" in run.stdout
