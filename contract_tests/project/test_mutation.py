"""The mutation command tells caught, surviving and impossible faults apart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.mutation.faults import FAULTS
from scripts.mutation.plant import Fault, find, load_faults
from scripts.mutation.run import ROOT, run

PRICES = """
def price(credits):
    return credits * 2

def label(credits):
    return f"{price(credits)} credits"
"""
TESTS = """
from prices import price

def test_a_price_is_twice_the_credits():
    assert price(2) == 4
"""
FAILING = """
def test_this_always_fails():
    assert False
"""
TABLE = """
from scripts.mutation.plant import Fault

FAULTS = [
    Fault("free", "prices:price", lambda original: lambda credits: 0, ("test_prices.py",)),
    Fault("empty label", "prices:label", lambda original: lambda credits: "", ("test_prices.py",)),
    Fault("gone", "prices:discount", lambda original: original, ("test_prices.py",)),
    Fault("crash", "prices:label", lambda original: 1 / 0, ("test_prices.py",)),
    Fault("hidden", "prices:price", lambda original: lambda credits: 0, ("test_failing.py",)),
]
"""


def test_a_fault_is_caught_survives_or_cannot_be_planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"prices": PRICES, "test_prices": TESTS, "test_failing": FAILING, "small_table": TABLE}
    for name, content in files.items():
        (tmp_path / f"{name}.py").write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    results = {result.fault.name: result for result in run(load_faults("small_table"), "small_table", tmp_path)}
    for module in ("prices", "small_table"):
        del sys.modules[module]
    assert {name: result.outcome for name, result in results.items()} == {
        "free": "caught",
        "empty label": "survived",
        "gone": "cannot be planted",
        "crash": "cannot be planted",
        "hidden": "tests fail without it",
    }
    assert results["free"].detail == "test_prices.py::test_a_price_is_twice_the_credits"
    assert results["gone"].detail.startswith("'gone': prices:discount does not exist")
    assert "ZeroDivisionError" in results["crash"].detail


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_target_and_the_tests_of_a_fault_exist(fault: Fault) -> None:
    find(fault)
    missing = [test for test in fault.tests if not (ROOT / test.partition("::")[0]).is_file()]
    assert not missing


def test_the_names_of_the_faults_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
