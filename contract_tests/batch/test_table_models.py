"""Tables of every model of the contract."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import apikley_contract
from apikley.batch.table.jobs import Job, TableOptions, jobs_of, pack, read_jobs, unpack
from apikley.batch.table.reading import TableRow
from contract_tests.contract.draws import component, values

MODELS = pytest.mark.parametrize("model", apikley_contract.models().values(), ids=lambda model: model.name)


def drawn_input(data: st.DataObject, model: apikley_contract.Model) -> dict[str, Any]:
    found: dict[str, Any] = data.draw(values(component(model.request), ("input", "")))["input"]
    return found


@MODELS
@settings(max_examples=5)
@given(data=st.data())
def test_a_whole_request_keeps_its_input(model: apikley_contract.Model, data: st.DataObject) -> None:
    input_ = drawn_input(data, model)
    row = TableRow(1, {"id": "a", "model": model.name, "input": input_})
    (job,) = jobs_of([row], "t", Path(), TableOptions())
    assert isinstance(job, Job), job
    assert job.body == unpack(pack(job.body)) == {"model": model.name, "input": input_}


@MODELS
@settings(max_examples=5)
@given(data=st.data())
def test_inputs_that_a_csv_writer_writes_are_read_back(
    model: apikley_contract.Model, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    schema = apikley_contract.openapi()["components"]["schemas"][model.input]
    fields = schema["properties"]
    assume(not {"id", "model", "input"} & {*fields})
    rows = [_with_text(drawn_input(data, model), schema) for _ in range(3)]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["id", *fields])
        writer.writerows([number, *(_cell(row.get(name)) for name in fields)] for number, row in enumerate(rows))
    jobs = [*read_jobs(path, TableOptions(model.name))]
    assert [job.body["input"] if isinstance(job, Job) else str(job) for job in jobs] == rows


def _with_text(input_: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return an input that cells can hold: without empty texts, and without NUL."""
    made = {}
    for name, value in input_.items():
        if value is not None and not (isinstance(value, str) and (not value.strip() or "\0" in value)):
            made[name] = value
        else:
            assume(name not in schema.get("required", ()))
    return made


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def test_a_large_table_is_checked_without_holding_it_in_memory(tmp_path: Path, example: dict[str, Any]) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["id", *example["input"]])
        cells = [_cell(value) for value in example["input"].values()]
        writer.writerows([f"product-{number}", *cells] for number in range(30_000))
    tracemalloc.start()
    try:
        assert sum(isinstance(each, Job) for each in read_jobs(path, TableOptions(example["model"]))) == 30_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
