"""What fails says which rule, who is wrong about it, and how to see it again, in the terminal and on the page."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apikley_mock import shapes
from contract_tests import blame
from contract_tests.report import Differs, Failure, Record, Subject, failure_of, page
from scripts.spec.files import GENERATED

CONFTEST = "from contract_tests.conftest import pytest_runtest_makereport"
FAILING = """
from contract_tests.report import Subject

def test_a_body_is_judged():
    Subject("bodies").demand(False, "maxLength /prompt", "prism", "accepts 1,501 characters")

def test_a_task_is_found():
    assert 404 == 200
"""

ELSEWHERE = """
from apikley.callbacks import parse
from apikley_mock import shapes

def test_a_record_is_made():
    shapes.record(None, 0)

def test_a_callback_is_read():
    parse("{")

def test_a_test_is_broken():
    {}["costTime"]
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of two tests that fail."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_mock_bodies.py").write_text(FAILING, encoding="utf-8")
    (folder / "test_callback_bodies.py").write_text(ELSEWHERE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)]
    return subprocess.run(
        [*command, "--hypothesis-seed=7"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_a_difference_names_rule_witness_and_command(said: str) -> None:
    assert "prism on maxLength /prompt: accepts 1,501 characters" in said
    assert "rule: maxLength /prompt\nwitness: prism\nrepeat: scripts/test " in said
    assert "test_mock_bodies.py::test_a_body_is_judged --hypothesis-seed=7" in said


def test_any_other_failure_does_so_too(said: str) -> None:
    assert "rule: a task is found\nwitness: simulator\nrepeat: scripts/test " in said
    assert "assert 404 == 200" in said


def test_whose_code_broke_is_wrong_whatever_the_test_is_about(said: str) -> None:
    assert "rule: a record is made\nwitness: simulator\n" in said


def test_what_the_library_says_and_what_a_test_gets_wrong_is_about_the_tests_own_subject(said: str) -> None:
    assert "rule: a callback is read\nwitness: apikley.callbacks\n" in said
    assert "rule: a test is broken\nwitness: apikley.callbacks\n" in said


def test_what_broke_behind_a_test_is_wrong_and_shown(request: pytest.FixtureRequest) -> None:
    async def broken() -> None:
        task = asyncio.create_task(asyncio.to_thread(shapes.record, None, 0.0))  # type: ignore[arg-type]
        await asyncio.wait([task])

    asyncio.run(broken())
    gc.collect()
    failure = failure_of(request.node, ValueError("nothing came"))
    assert failure.witness == "simulator"
    assert failure.message.startswith("AttributeError: ")
    assert ", in mock/apikley_mock/shapes.py:" in failure.message
    assert failure.message.endswith("(seen as ValueError: nothing came)")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A copy of the built contract, to change."""
    shutil.copytree(GENERATED / "apikley_contract", tmp_path / "apikley_contract")
    return tmp_path


@pytest.mark.parametrize("name", ["openapi.json", "schemas.json"])
def test_of_two_built_files_that_differ_the_one_is_wrong_that_is_not_built_so(built: Path, name: str) -> None:
    assert blame.disagreement(built) is None
    place = built / "apikley_contract" / name
    place.write_text(place.read_text(encoding="utf-8").replace('"maxLength": 1500', '"maxLength": 1400'))
    wrong, said = blame.disagreement(built) or ("nothing", "")
    assert wrong == name
    assert "/components/schemas/Hailuo02ImageToVideoPro/properties/prompt/maxLength" in said


def test_who_was_given_another_contract_is_not_wrong(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blame, "known_disagreement", lambda: ("schemas.json", "they differ at /x"))
    seen = Differs(Failure("bodies", "maxLength /prompt", "prism", "objects"))
    failure = failure_of(request.node, seen)
    assert (failure.witness, failure.rule) == ("schemas.json", "maxLength /prompt")
    assert str(failure) == "schemas.json on maxLength /prompt: they differ at /x (seen in prism: objects)"


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
