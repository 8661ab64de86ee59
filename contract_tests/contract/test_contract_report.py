"""A failure names the rule, the witness and the command that repeats it, in the terminal and on the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from contract_tests.contract.report import Failure, Record, page
from scripts.pipeline.io import ROOT

CONFTEST = "from contract_tests.conftest import pytest_runtest_makereport"
FAILING = """
from contract_tests.contract.report import Subject

def test_a_body_is_checked():
    Subject("bodies").require(False, "maxLength /prompt", "prism", "accepts 1,501 characters")
"""


def test_a_difference_names_rule_witness_and_command(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_bodies.py").write_text(FAILING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    run = subprocess.run(
        [*command, "--hypothesis-seed=7"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    output = run.stdout
    assert "prism on maxLength /prompt: accepts 1,501 characters" in output
    assert "rule: maxLength /prompt\nwitness: prism\nrepeat: scripts/test " in output
    assert "test_bodies.py::test_a_body_is_checked --hypothesis-seed=7" in output


def test_the_page_shows_differences_and_agreement() -> None:
    record = Record()
    record.case("bodies", "maxLength <prompt>", "prism", "client")
    record.failures.append(Failure("bodies", "maxLength <prompt>", "prism", "accepts 1,501 characters"))
    record.known.append(("refused: 1", "client", "on purpose"))
    shown = page(record)
    for part in ("1 unknown difference<", "maxLength &lt;prompt&gt;", "accepts 1,501 characters", "on purpose"):
        assert part in shown
    assert (shown.count('"n bad"'), shown.count('"n good"')) == (1, 1)


def test_the_counts_of_several_processes_add_up() -> None:
    whole, part = Record(), Record()
    part.case("bodies", "maxLength", "prism")
    part.failures.append(Failure("bodies", "maxLength", "prism", "accepts it"))
    for _ in range(2):
        whole.add(part.dump())
    assert whole.cases.total() == 2
    assert "1 unknown difference<" in page(whole)
