"""What one run held to the contract, counted, and as one HTML page."""

from __future__ import annotations

import html
import shlex
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1f24 }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% } caption { text-align: left; color: #57606a; padding-bottom: .4rem }
th, td { padding: .28rem .6rem; text-align: left; border-bottom: 1px solid #d8dee4; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums } th.n { text-align: right }
td.good { background: #e6f4ea } td.bad { background: #fce1e1; font-weight: 600 }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere }
.sum { font-size: 1.1rem } .ok { color: #1a7f37 } .no { color: #b42318 }
"""


class Failure(NamedTuple):
    """One difference that is not known."""

    subject: str
    rule: str
    witness: str
    message: str

    def __str__(self) -> str:
        return f"{self.witness} on {self.rule}: {self.message}"


class Record:
    """What was held to the contract in this run, by subject, rule and witness."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()
        self.judged: Counter[tuple[str, str, str]] = Counter()
        self.failures: list[Failure] = []
        self.known: list[tuple[str, str, str]] = []

    def case(self, subject: str, rule: str, *witnesses: str) -> None:
        """Count one generated case, and who judged it."""
        self.cases[subject] += 1
        for witness in witnesses:
            self.judged[subject, rule, witness] += 1

    def total(self) -> int:
        """How many cases were generated."""
        return self.cases.total()

    def dump(self) -> list[Any]:
        """All of it in plain types, for another process to add."""
        return [list(self.cases.items()), list(self.judged.items()), list(map(tuple, self.failures)), self.known]

    def add(self, dumped: list[Any]) -> None:
        """Add what another process has counted."""
        cases, judged, failures, known = dumped
        self.cases.update(dict(cases))
        self.judged.update({tuple(key): count for key, count in judged})
        self.failures += [Failure(*failure) for failure in failures]
        self.known += [tuple(each) for each in known if tuple(each) not in self.known]


RECORD = Record()


class Differs(AssertionError):
    """Something does not keep the contract.

    Attributes:
        failure: What differs, as the report shows it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Subject:
    """Something that is held to the contract, a section of the report."""

    def __init__(self, name: str) -> None:
        self._name = name

    def case(self, rule: str, *witnesses: str) -> None:
        """Count one generated case, and who judged it."""
        RECORD.case(self._name, rule, *witnesses)

    def demand(self, holds: bool, rule: str, witness: str, message: str) -> None:
        """Fail with the rule, the witness that is wrong about it, and what it did, unless something holds."""
        __tracebackhide__ = True
        if not holds:
            raise Differs(Failure(self._name, rule, witness, message))


def repeat(node: pytest.Item) -> str:
    """The command that runs a test again as it ran."""
    seed = node.config.getoption("--hypothesis-seed", None)
    return f"scripts/test {shlex.quote(node.nodeid)}" + (f" --hypothesis-seed={seed}" if seed is not None else "")


def write_report(record: Record, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(record), encoding="utf-8")


def page(record: Record) -> str:
    """The report as one self-contained page."""
    sections = [_subject(record, subject) for subject in sorted(record.cases)]
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    count = len(_unique(record))
    words = (
        f'<span class="no">{count} unknown difference{"s" * (count != 1)}</span>'
        if count
        else '<span class="ok">no unknown difference</span>'
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>apikley: held to one contract</title>',
            f"<style>{_STYLE}</style><h1>Held to one contract</h1>",
            f'<p class="sum">{record.total():,} generated cases, {words}. {when}.</p>',
            *_failures(record),
            *sections,
            *_known(record),
            "</html>",
        ]
    )


def _subject(record: Record, subject: str) -> str:
    cells = {key[1:]: count for key, count in record.judged.items() if key[0] == subject}
    witnesses = list(dict.fromkeys(witness for _, witness in cells))
    failed = {(failure.rule, failure.witness) for failure in record.failures if failure.subject == subject}
    head = "".join(f'<th class="n">{html.escape(witness)}</th>' for witness in witnesses)
    rows = []
    for rule in dict.fromkeys(rule for rule, _ in cells):
        row = [f"<td><code>{html.escape(rule)}</code></td>"]
        for witness in witnesses:
            count, bad = cells.get((rule, witness), 0), (rule, witness) in failed
            kind = "bad" if bad else "good" if count else ""
            row.append(f'<td class="n {kind}">{"differs" if bad else f"{count:,}" if count else "-"}</td>')
        rows.append(f"<tr>{''.join(row)}</tr>")
    return (
        f"<h2>{html.escape(subject)}</h2><table><caption>{record.cases[subject]:,} generated cases</caption>"
        f"<tr><th>rule</th>{head}</tr>{''.join(rows)}</table>"
    )


def _failures(record: Record) -> list[str]:
    return [
        f"<h2>Differs: {html.escape(failure.rule)} ({html.escape(failure.witness)})</h2>"
        f"<p><code>{html.escape(failure.message)}</code></p>"
        for failure in _unique(record)
    ]


def _unique(record: Record) -> list[Failure]:
    return list({failure[:3]: failure for failure in record.failures}.values())


def _known(record: Record) -> list[str]:
    if not record.known:
        return []
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in record.known)
    return [f"<h2>Known differences</h2><table><tr><th>what</th><th>by whom</th><th>why</th></tr>{rows}</table>"]
