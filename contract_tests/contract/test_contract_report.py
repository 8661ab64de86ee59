"""What fails says which rule, who is wrong about it, and how to see it again, in the terminal and on the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract_tests.contract.report import Differs, Failure, Record, Subject, page

CONFTEST = "from contract_tests.conftest import pytest_runtest_makereport"
FAILING = """
from contract_tests.contract.report import Subject

def test_a_body_is_judged():
    Subject("bodies").demand(False, "maxLength /prompt", "prism", "accepts 1,501 characters")
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of two tests that fail."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_mock_bodies.py").write_text(FAILING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)]
    return subprocess.run(
        [*command, "--hypothesis-seed=7"],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_a_difference_names_rule_witness_and_command(said: str) -> None:
    assert "prism on maxLength /prompt: accepts 1,501 characters" in said
    assert "rule: maxLength /prompt\nwitness: prism\nrepeat: scripts/test " in said
    assert "test_mock_bodies.py::test_a_body_is_judged --hypothesis-seed=7" in said


def test_the_page_shows_what_differs_and_what_does_not() -> None:
    record = Record()
    record.case("bodies", "maxLength <prompt>", "prism", "client")
    record.failures.append(Failure("bodies", "maxLength <prompt>", "prism", "accepts 1,501 characters"))
    record.known.append(("refused: 1", "client", "on purpose"))
    shown = page(record)
    for part in ("1 unknown difference<", "maxLength &lt;prompt&gt;", "accepts 1,501 characters", "on purpose"):
        assert part in shown
    assert (shown.count('"n bad"'), shown.count('"n good"')) == (1, 1)


def test_what_processes_counted_adds_up() -> None:
    whole, part = Record(), Record()
    part.case("bodies", "maxLength", "prism")
    part.failures.append(Failure("bodies", "maxLength", "prism", "accepts it"))
    for _ in range(2):
        whole.add(part.dump())
    assert whole.total() == 2
    assert "1 unknown difference<" in page(whole)


def test_what_holds_says_nothing() -> None:
    Subject("bodies").demand(True, "maxLength", "prism", "accepts it")
    with pytest.raises(Differs, match="prism on maxLength: accepts it"):
        Subject("bodies").demand(False, "maxLength", "prism", "accepts it")
