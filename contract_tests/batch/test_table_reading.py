"""Reading tables: every format, and what is wrong with a file."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley.batch.table.reading import BrokenRow, TableRow, read_table
from apikley.errors import ConfigurationError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def values_of(path: Path) -> list[dict[str, Any]]:
    return [row.values for row in read_table(path) if isinstance(row, TableRow)]


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id,prompt\na,A ship\n\nb,A cat\n"),
        ("t.csv", "\ufeffid;prompt\r\na;A ship\r\nb;A cat\r\n"),
        ("t.CSV", 'id , prompt\n"a","A ship"\nb,A cat'),
        ("t.tsv", "id\tprompt\na\tA ship\nb\tA cat\n"),
        ("t.jsonl", '{"id": "a", "prompt": "A ship"}\n\n{"id": "b", "prompt": "A cat"}\n'),
        ("t.ndjson", '{"id": "a", "prompt": "A ship"}\n{"id": "b", "prompt": "A cat"}'),
        ("t.json", '[{"id": "a", "prompt": "A ship"}, {"id": "b", "prompt": "A cat"}]'),
    ],
)
def test_each_format_has_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    assert values_of(file(tmp_path, name, content)) == [
        {"id": "a", "prompt": "A ship"},
        {"id": "b", "prompt": "A cat"},
    ]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "duration": [6], "tags": [["x", "y"]]}), tmp_path / "t.parquet")
    assert values_of(tmp_path / "t.parquet") == [{"id": "a", "duration": 6, "tags": ["x", "y"]}]


def test_absent_fields_of_parquet_structs_are_absent(tmp_path: Path) -> None:
    rows = [{"input": {"prompt": "x", "duration": 6}}, {"input": {"prompt": "y"}}, {"input": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    assert values_of(tmp_path / "t.parquet") == rows


def test_equal_column_names_of_parquet_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["b"]], names=["id", "id"]), tmp_path / "t.parquet")
    with pytest.raises(ConfigurationError, match="2 columns are named 'id'"):
        values_of(tmp_path / "t.parquet")


def test_parquet_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match="pip install pyarrow"):
        values_of(file(tmp_path, "t.parquet", b"PAR1"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "has no rows"),
        ("t.csv", "id,prompt\n", "has no rows"),
        ("t.csv", "id,id\na,b\n", "2 columns are named 'id'; rename them"),
        ("t.csv", "id,\na,b\n", "column 2 has no name"),
        ("t.csv", "id,prompt\na,b\nä,b\n".encode("latin-1"), "line 3 is not UTF-8 text; save the file as UTF-8"),
        ("t.csv", "id,prompt\na,b\n".encode("utf-16"), "line 1 is not UTF-8 text; save the file as UTF-8"),
        ("t.json", '[\n"ä"]'.encode("latin-1"), "line 2 is not UTF-8 text"),
        ("t.csv", 'id,"prompt\na,b', "line 1: unexpected end of data; check the quotes"),
        ("t.csv", "i\0d\0,\0p\0\n\0", "line 1: a cell holds a NUL character; save the file as UTF-8 text"),
        ("t.json", '{"id": 1}\n{"id": 2}', "for one object a line use the suffix .jsonl"),
        ("t.json", "[]", "has no rows"),
        ("t.json", "{", "is not JSON"),
        ("t.json", '{"id": 1}', "not an array of objects"),
        ("t.parquet", "no parquet", "is not a Parquet file"),
        ("t.xlsx", "x", "expected .csv, .tsv, .jsonl, .ndjson, .json, .parquet"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        values_of(file(tmp_path, name, content))
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_quote_that_is_never_closed_breaks_its_row(tmp_path: Path) -> None:
    good, broken = read_table(file(tmp_path, "t.csv", 'id,prompt\na,"b\nb"\nc,"d\ne,f\n'))
    assert good == TableRow(1, {"id": "a", "prompt": "b\nb"})
    assert broken == BrokenRow(2, "line 4: unexpected end of data; check the quotes")


def test_two_tables_can_be_read_in_turns(tmp_path: Path) -> None:
    first, second = (read_table(file(tmp_path, name, "id\n1\n2\n")) for name in ("a.csv", "b.csv"))
    limit = csv.field_size_limit()
    assert [next(first), *second, *first] == [TableRow(n, {"id": str(n)}) for n in (1, 1, 2, 2)]
    assert csv.field_size_limit() == limit


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, message in (("missing.csv", "No such file"), ("folder.csv", "Is a directory")):
        with pytest.raises(ConfigurationError, match=rf"{name}: {message}"):
            values_of(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.csv", "id,prompt\na,b,c\nd,e\n", "line 2 has 3 cells, but the header has 2"),
        ("t.csv", "id,prompt\na\nd,e\n", "line 2 has 1 cells, but the header has 2"),
        ("t.csv", 'id,prompt\na,"b"c\nd,e\n', "line 2: ',' expected after '\"'; check the quotes"),
        ("t.csv", f"id,prompt\na,{'b' * 140_000}\nd,e\n", "line 2: field larger than field limit (131072)"),
        ("t.csv", "id,prompt\na,b\0\nd,e\n", "line 2: a cell holds a NUL character"),
        ("t.tsv", "id\tprompt\na\nd\te\n", "line 2 has 1 cells, but the header has 2"),
        ("t.jsonl", '{"id": 1\n{"id": "d", "prompt": "e"}\n', "line 1 is not JSON"),
        ("t.jsonl", '[1]\n{"id": "d", "prompt": "e"}\n', "is list, not an object"),
        ("t.json", '[1, {"id": "d", "prompt": "e"}]', "is int, not an object"),
    ],
)
def test_a_broken_row_does_not_stop_the_others(tmp_path: Path, name: str, content: str, reason: str) -> None:
    broken, good = read_table(file(tmp_path, name, content))
    assert isinstance(broken, BrokenRow)
    assert broken.number == 1
    assert reason in broken.reason
    assert good == TableRow(2, {"id": "d", "prompt": "e"})


@given(rows=st.lists(st.tuples(TEXT.map(lambda text: f"x{text}"), TEXT), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str]], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([("id", "prompt"), *rows])
    assert [(each["id"], each["prompt"]) for each in values_of(path)] == rows


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_large_table_is_not_held_in_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("w", encoding="utf-8") as opened:
        if name == "t.csv":
            opened.write("id,prompt\n")
        for number in range(50_000):
            opened.write(f"{number},ship\n" if name == "t.csv" else json.dumps({"id": number}) + "\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_table(path)) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
