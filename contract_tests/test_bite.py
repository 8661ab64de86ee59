"""A planted fault counts as caught where a test failed because of it, and for no other reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.bite.__main__ import main
from scripts.bite.faults import Fault
from scripts.bite.running import Run, judged

TESTS = """
from subject import LIMIT

def test_the_limit():
    assert LIMIT == 3
"""
BROKEN = "def test_anything():\n    raise OSError('no PostgreSQL')\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with a test that looks at something and one that does not."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "subject.py").write_text("LIMIT = 3\n", encoding="utf-8")
    (tmp_path / "contract_tests").mkdir()
    for name, text in (("test_limit", TESTS), ("test_nothing", "def test_nothing(): pass\n")):
        (tmp_path / "contract_tests" / f"{name}.py").write_text(text, encoding="utf-8")
    # Its tests need none of the plugins that take so long to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist.plugin")
    return tmp_path


def _fault(old: str = "3", new: str = "4", *tests: str, name: str = "limit") -> Fault:
    return Fault(name, "subject.py", old, new, tests or ("test_limit",))


def test_a_fault_is_caught_by_what_fails_with_it_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faults = [
        _fault("3", "4", name="raised"),
        _fault("LIMIT", "LIMITS", name="not there"),
        _fault("3", "5", "test_nothing", name="overlooked at first"),
        _fault("3", "3.0", name="harmless"),
    ]
    assert main([], faults, project) == 1
    said = capsys.readouterr().out
    assert said.count("nothing planted: all tests that are needed pass") == 2, "its own, and later all"
    assert "overlooked at first: SURVIVED" in said
    assert "3 of 4 faults caught" in said
    for row in (
        "| raised | `subject.py` | test_limit: test_the_limit |",
        "| not there | `subject.py` | test_limit |",
        "| overlooked at first | `subject.py` | test_limit: test_the_limit |",
        "| harmless | `subject.py` | **nothing** |",
    ):
        assert row in said


def test_tests_that_fail_anyway_catch_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "contract_tests" / "test_broken.py").write_text(BROKEN, encoding="utf-8")
    assert main([], [_fault("3", "4", "test_broken")], project) == 2
    said = capsys.readouterr()
    assert said.err == "nothing was planted, yet: test_broken.py::test_anything; mend that first\n"
    assert "caught" not in said.out


def test_what_survived_is_told_where_the_other_tests_fail_anyway(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "contract_tests" / "test_broken.py").write_text(BROKEN, encoding="utf-8")
    assert main([], [_fault("3", "4", "test_nothing")], project) == 1
    said = capsys.readouterr()
    assert "test_broken.py::test_anything; mend that first" in said.err
    assert "0 of 1 faults caught" in said.out


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_fault("3", "3"), "limit: it changes nothing"),
        (_fault("5", "4"), "limit: its text does not stand in subject.py exactly once"),
        (_fault()._replace(path="gone.py"), "limit: its text does not stand in gone.py exactly once"),
        (_fault()._replace(tests=()), "limit: no tests are named that are meant to catch it"),
        (_fault("3", "4", "test_limit", "test_gone"), "limit: there is no contract_tests/test_gone.py"),
    ],
)
def test_what_cannot_be_planted_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], fault: Fault, words: str
) -> None:
    assert main([], [fault], project) == 2
    assert capsys.readouterr().err == f"{words}\n"


@pytest.mark.parametrize("code", [2, 3, 4, 5, -9])
def test_a_run_that_ends_for_another_reason_says_nothing_of_the_fault(code: int) -> None:
    assert judged(code, "collected 1 item\n", "ERROR: no room left\n") == Run(
        broken=f"pytest ended with exit code {code}: ERROR: no room left"
    )


def test_a_failure_that_names_no_test_is_none() -> None:
    assert judged(1, "FAILED to start\n", "").broken == "pytest ended with exit code 1: FAILED to start"


def test_a_fault_that_ends_the_setup_of_all_tests_is_caught() -> None:
    assert judged(4, "", "ImportError while loading conftest '/x/conftest.py'.\nE   ImportError: apikley\n") == Run(
        failed="conftest.py"
    )
