"""Counts the cases that were checked against the contract in one run, and shows them as one HTML page."""

from __future__ import annotations

import html
import shlex
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1f24 }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% } caption { text-align: left; color: #57606a; padding-bottom: .4rem }
th, td { padding: .28rem .6rem; text-align: left; border-bottom: 1px solid #d8dee4; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums }
td.good { background: #e6f4ea } td.bad { background: #fce1e1; font-weight: 600 }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere }
.sum { font-size: 1.1rem } .ok { color: #1a7f37 } .no { color: #b42318 }
"""


class Failure(NamedTuple):
    """One unknown difference from the contract."""

    subject: str
    rule: str
    witness: str
    message: str

    def __str__(self) -> str:
        return f"{self.witness} on {self.rule}: {self.message}"


class Record:
    """The cases checked in this run, by subject, rule and witness."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()
        self.checked: Counter[tuple[str, str, str]] = Counter()
        self.failures: list[Failure] = []
        self.known: list[tuple[str, str, str]] = []

    def case(self, subject: str, rule: str, *witnesses: str) -> None:
        """Count one generated case and the witnesses that checked it."""
        self.cases[subject] += 1
        for witness in witnesses:
            self.checked[subject, rule, witness] += 1

    def dump(self) -> list[Any]:
        """The record in plain types, for another process to add."""
        return [list(self.cases.items()), list(self.checked.items()), list(map(tuple, self.failures)), self.known]

    def add(self, dumped: list[Any]) -> None:
        """Add the record of another process."""
        cases, checked, failures, known = dumped
        self.cases.update(dict(cases))
        self.checked.update({tuple(key): count for key, count in checked})
        self.failures += [Failure(*failure) for failure in failures]
        self.known += [tuple(each) for each in known if tuple(each) not in self.known]


RECORD = Record()


class ContractDifference(AssertionError):
    """A witness does not keep the contract.

    Attributes:
        failure: The difference, as the report shows it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Subject:
    """A section of the report."""

    def __init__(self, name: str) -> None:
        self._name = name

    def case(self, rule: str, *witnesses: str) -> None:
        """Count one generated case and the witnesses that checked it."""
        RECORD.case(self._name, rule, *witnesses)

    def require(self, holds: bool, rule: str, witness: str, message: str) -> None:
        """Raise `ContractDifference` with the rule, the witness and what it did, unless `holds`."""
        __tracebackhide__ = True
        if not holds:
            raise ContractDifference(Failure(self._name, rule, witness, message))


def repeat(node: pytest.Item) -> str:
    """The command that repeats a test as it ran."""
    seed = node.config.getoption("--hypothesis-seed", None)
    return f"scripts/test {shlex.quote(node.nodeid)}" + (f" --hypothesis-seed={seed}" if seed is not None else "")


def write_report(record: Record, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(record), encoding="utf-8")


def page(record: Record) -> str:
    """The report as one self-contained page."""
    failures = list({failure[:3]: failure for failure in record.failures}.values())
    count = f"{len(failures)} unknown difference{'s' * (len(failures) != 1)}" if failures else "no unknown difference"
    total = f"{record.cases.total():,} generated cases"
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>apikley: one contract</title>',
        f"<style>{_STYLE}</style><h1>One contract</h1>",
        f'<p class="sum">{total}, <span class="{"no" if failures else "ok"}">{count}</span>.</p>',
        f"<p>{datetime.now(UTC):%Y-%m-%d %H:%M} UTC</p>",
    ]
    for failure in failures:
        parts.append(f"<h2>Difference: {html.escape(failure.rule)} ({html.escape(failure.witness)})</h2>")
        parts.append(f"<p><code>{html.escape(failure.message)}</code></p>")
    parts += [_section(record, subject) for subject in sorted(record.cases)]
    if record.known:
        rows = [_row(f"<td>{html.escape(cell)}</td>" for cell in known) for known in record.known]
        head = "<tr><th>what</th><th>by whom</th><th>why</th></tr>"
        parts.append(f"<h2>Known differences</h2><table>{head}{''.join(rows)}</table>")
    return "\n".join([*parts, "</html>"])


def _section(record: Record, subject: str) -> str:
    cells = {key[1:]: count for key, count in record.checked.items() if key[0] == subject}
    witnesses = list(dict.fromkeys(witness for _, witness in cells))
    failed = {failure[1:3] for failure in record.failures if failure.subject == subject}

    def cell(rule: str, witness: str) -> str:
        if (rule, witness) in failed:
            return '<td class="n bad">differs</td>'
        count = cells.get((rule, witness), 0)
        return f'<td class="n good">{count:,}</td>' if count else '<td class="n">-</td>'

    rows = [_row(f'<th class="n">{html.escape(witness)}</th>' for witness in ("rule", *witnesses))]
    rows += [
        _row([f"<td><code>{html.escape(rule)}</code></td>", *(cell(rule, witness) for witness in witnesses)])
        for rule in dict.fromkeys(rule for rule, _ in cells)
    ]
    caption = f"<caption>{record.cases[subject]:,} generated cases</caption>"
    return f"<h2>{html.escape(subject)}</h2><table>{caption}{''.join(rows)}</table>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"
