"""Rows become requests by the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley import LocalFile, RequestInvalid
from apikley.batch.table.jobs import Job, RowViolation, TableOptions, jobs_of, pack, read_jobs, unpack
from apikley.batch.table.reading import BrokenRow, TableRow
from contract_tests.batch.tables import MODEL, table_contract
from contract_tests.cli.command_line import PNG
from contract_tests.other_models import contract_with, page_of, using

URL = "https://files.example.com/a.png"


@pytest.fixture(scope="module", autouse=True)
def _contract() -> Iterator[None]:
    with table_contract():
        yield


def jobs(*rows: dict[str, Any], folder: Path = Path(), **options: Any) -> list[Job | RowViolation]:
    options = {"model": MODEL, **options}
    return [
        *jobs_of([TableRow(number, row) for number, row in enumerate(rows, 1)], "t", folder, TableOptions(**options))
    ]


def input_of(row: dict[str, Any], **options: Any) -> dict[str, Any]:
    (job,) = jobs({"prompt": "a ship", **row}, **options)
    assert isinstance(job, Job), job
    return {name: value for name, value in job.body["input"].items() if name != "prompt"}


def violations(*rows: dict[str, Any], **options: Any) -> list[str]:
    return [str(each) for each in jobs(*rows, **options) if isinstance(each, RowViolation)]


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("duration", "6", 6),
        ("duration", " 6.0 ", 6),
        ("duration", 6, 6),
        ("scale", "0.5", 0.5),
        ("loop", "TRUE", True),
        ("loop", "no", False),
        ("loop", "1", True),
        ("tags", "calm", ["calm"]),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("seeds", "[1, 2]", [1, 2]),
        ("camera", '{"x": 1}', {"x": 1}),
        ("size", "128", 128),
        ("size", "auto", "auto"),
        ("seed", "[1, 2]", [1, 2]),
        ("image_url", URL, URL),
    ],
)
def test_a_cell_is_converted_to_the_type_of_its_field(field: str, cell: Any, value: Any) -> None:
    assert input_of({field: cell}) == {field: value}


@pytest.mark.parametrize(
    ("field", "cell", "message"),
    [
        ("duration", "six", "row 1 (t-1), column duration: 'six' is not a number"),
        ("scale", "0,5", "'0,5' is not a number; write a point, not a comma"),
        ("scale", "NaN", "'NaN' is not a number"),
        ("loop", "maybe", "'maybe' is not true or false"),
        ("seeds", "1", "'1' is not a JSON array such as [1, 2]"),
        ("tags", "[1", "'[1' is not a JSON array"),
        ("camera", "left", "'left' is not a JSON object"),
        ("seed", "any", "'any' is not a number, and 'any' is not a JSON array such as [1, 2]"),
        ("duration", "11", "row 1 (t-1), column duration: "),
        ("prompt", "x" * 21, "row 1 (t-1), column prompt: 21 characters, at most 20"),
    ],
)
def test_a_cell_without_a_value_of_its_type_is_a_violation(field: str, cell: str, message: str) -> None:
    (found,) = violations({"prompt": "a ship", field: cell})
    assert message in found


@pytest.mark.parametrize("cell", ["", "  ", None])
def test_an_empty_cell_is_no_field(cell: Any) -> None:
    assert input_of({"duration": cell}) == {}


def test_a_text_in_a_file_field_is_a_path_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "ship.png").write_bytes(PNG)
    made = input_of({"image_url": "ship.png", "image_urls": "ship.png"}, folder=tmp_path)
    assert made == {"image_url": LocalFile(tmp_path / "ship.png"), "image_urls": [LocalFile(tmp_path / "ship.png")]}


def test_a_missing_file_is_a_violation(tmp_path: Path) -> None:
    (found,) = violations({"prompt": "a ship", "image_url": "no.png"}, folder=tmp_path)
    assert found.startswith("row 1 (t-1), column image_url: ")
    assert "No such file" in found


def test_a_file_that_many_rows_share_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ship.png").write_bytes(PNG)
    opened: list[Path] = []
    import apikley._model.local_files as module

    real = module.open_regular
    monkeypatch.setattr(module, "open_regular", lambda path: opened.append(path) or real(path))  # type: ignore[func-returns-value]
    assert not violations(*[{"prompt": "a ship", "image_url": "ship.png"}] * 50, folder=tmp_path)
    assert len(opened) == 1


def test_an_id_names_the_row_and_must_be_unique() -> None:
    first, second, third = jobs({"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}, {"id": 7, "prompt": "z"})
    assert isinstance(first, Job)
    assert first.key == "a"
    assert "'a' is the id of row 1, too" in str(second)
    assert isinstance(third, Job)
    assert third.key == "7"


def test_a_row_without_an_id_is_named_by_table_and_number() -> None:
    assert [each.key for each in jobs({"prompt": "x"}, {"prompt": "x"})] == ["t-1", "t-2"]


@pytest.mark.parametrize("bad", ["x" * 129, "a\nb", "\x1b[0m"])
def test_an_id_that_cannot_be_shown_is_a_violation(bad: str) -> None:
    assert "is not an id" in violations({"id": bad, "prompt": "x"})[0]


def test_a_set_value_fills_empty_cells_only() -> None:
    options = {"set": {"duration": "6"}}
    assert input_of({"duration": ""}, **options) == {"duration": 6}
    assert input_of({"duration": "8"}, **options) == {"duration": 8}


def test_a_mapped_column_is_the_field_and_named_in_violations() -> None:
    options = {"map": {"duration": "seconds"}}
    assert input_of({"seconds": "6"}, **options) == {"duration": 6}
    assert "column seconds" in violations({"prompt": "x", "seconds": "six"}, **options)[0]


def test_id_and_model_can_be_mapped_and_ignored() -> None:
    (job,) = jobs({"sku": "a", "kind": MODEL, "prompt": "x"}, model=None, map={"id": "sku", "model": "kind"})
    assert isinstance(job, Job)
    assert (job.key, job.body["model"]) == ("a", MODEL)
    (job,) = jobs({"id": "a", "model": "x", "prompt": "x"}, ignore=("id", "model"))
    assert isinstance(job, Job)
    assert (job.key, job.body["model"]) == ("t-1", MODEL)


def test_a_column_can_be_mapped_to_two_fields() -> None:
    assert input_of({"text": "x", "prompt": ""}, map={"prompt": "text", "tags": "text"}) == {"tags": ["x"]}


def test_a_column_with_the_name_of_a_mapped_field_is_a_violation_unless_it_is_ignored() -> None:
    row, options = {"prompt": "x", "seconds": "6", "duration": "long"}, {"map": {"duration": "seconds"}}
    (found,) = violations(row, row, **options)
    assert found == "column duration: the field 'duration' comes from column 'seconds'; use --ignore duration"
    assert input_of(row, **options, ignore=("duration",)) == {"duration": 6}


def test_mapped_columns_can_swap_their_names() -> None:
    options = {"map": {"duration": "scale", "scale": "duration"}}
    assert input_of({"scale": "6", "duration": "0.5"}, **options) == {"duration": 6, "scale": 0.5}


def test_a_mapped_column_that_is_not_in_the_table_is_a_violation() -> None:
    (found,) = violations({"prompt": "x", "seconds": ""}, map={"duration": "second"})
    assert found == ("column second: is not in the table, but mapped to the field 'duration'; did you mean 'seconds'?")


def test_a_set_field_that_no_model_of_the_table_has_is_a_violation() -> None:
    (found,) = violations({"prompt": "x"}, {"prompt": "y"}, set={"durtion": 6})
    assert found == "'durtion' is set, but is no field of the table's models; did you mean 'duration'?"


def test_a_set_field_is_sent_only_to_models_that_have_it() -> None:
    made = jobs({"prompt": "x"}, {"model": "acme/other", "zoom": "in"}, set={"duration": 6})
    assert [each.body["input"] for each in made if isinstance(each, Job)] == [
        {"prompt": "x", "duration": 6},
        {"zoom": "in"},
    ]


def test_unknown_fields_are_sent_if_they_are_allowed() -> None:
    options = {"allow_unknown_fields": True, "set": {"new": "1"}}
    assert input_of({"newer": "2"}, **options) == {"new": "1", "newer": "2"}


def test_an_unknown_column_is_one_violation_for_the_table_with_the_nearest_field() -> None:
    (found,) = violations({"prompt": "x", "durations": "6"}, {"prompt": "y", "durations": "7"})
    assert found.startswith("column durations: is no field of the model; did you mean 'duration'?")
    assert "--map FIELD=durations or --ignore durations" in found


def test_an_ignored_column_is_not_sent() -> None:
    assert input_of({"sku": "A7"}, ignore=("sku",)) == {}


def test_a_field_of_another_model_may_stay_empty() -> None:
    made = jobs({"prompt": "x", "zoom": ""}, {"model": "acme/other", "zoom": "in"})
    assert [each.body["input"] for each in made if isinstance(each, Job)] == [{"prompt": "x"}, {"zoom": "in"}]
    assert "a field of another model" in violations({"prompt": "x", "zoom": "in"})[0]


def test_a_field_of_another_model_of_the_table_is_a_violation_of_each_row() -> None:
    rows = [{"model": "acme/other", "zoom": "in"}, {"prompt": "x", "zoom": "in"}, {"prompt": "y", "zoom": "in"}]
    message = "is a field of another model and none of this one; leave the cell empty"
    assert violations(*rows) == [f"row {n} (t-{n}), column zoom: {message}" for n in (2, 3)]


def test_a_table_without_models_is_one_violation() -> None:
    assert violations({"prompt": "x"}, {"prompt": "y"}, model=None) == [
        "rows have no model; add a column model, or use --model"
    ]
    (found,) = violations({"prompt": "x", "model": MODEL}, {"prompt": "y", "model": ""}, model=None)
    assert found == "row 2 (t-2), column model: missing, but required"


def test_an_unknown_model_for_all_rows_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(RequestInvalid, match=f"did you mean '{MODEL}'"):
        jobs({"prompt": "x"}, model="acme/tabel")


def test_every_violation_of_a_row_is_named() -> None:
    row = {"id": "a\nb", "prompt": "x" * 21, "duration": "six", "scale": "many", "image_url": "no.png"}
    assert [each.column for each in jobs(row) if isinstance(each, RowViolation)] == [
        "id", "duration", "scale", "prompt", "image_url",
    ]  # fmt: skip


def test_a_broken_row_is_a_violation_and_the_others_are_jobs() -> None:
    broken, good = jobs_of(
        [BrokenRow(1, "line 2 has 1 cells"), TableRow(2, {"prompt": "x"})], "t", Path(), TableOptions(MODEL)
    )
    assert str(broken) == "row 1: line 2 has 1 cells"
    assert isinstance(good, Job)
    assert good.key == "t-2"


def test_the_callback_url_is_left_to_the_batch() -> None:
    (job,) = jobs({"prompt": "x"}, model="acme/callback")
    assert isinstance(job, Job), job


def test_an_unknown_model_is_a_violation_with_the_nearest_one() -> None:
    (found,) = violations({"model": "acme/tabel", "prompt": "x"})
    assert "column model" in found
    assert f"did you mean '{MODEL}'" in found


def test_a_row_can_hold_a_whole_input() -> None:
    assert input_of({"input": {"prompt": "x", "duration": 6}, "prompt": ""}) == {"duration": 6}


def test_a_whole_input_comes_before_set_values_and_after_cells() -> None:
    options = {"set": {"duration": "6", "scale": 1}}
    row = {"input": {"duration": 7, "tags": ["a"]}, "tags": "b"}
    assert input_of(row, **options) == {"duration": 7, "tags": ["b"], "scale": 1}


@pytest.mark.parametrize("cell", ["{", "[1]", [1], 7])
def test_a_whole_input_that_is_no_object_is_a_violation(cell: Any) -> None:
    (found,) = violations({"prompt": "x", "input": cell})
    assert found.startswith("row 1 (t-1), column input: ")
    assert "object" in found


def test_names_that_are_published_with_white_space_are_written_without_it() -> None:
    with using(contract_with(page_of(MODEL, {"look ": {"type": "string"}, "steps ": {"type": "integer"}}))):
        for row in ({"look": "x", "steps": "2"}, {"input": {"look": "x", "steps": 2}}):
            (job,) = jobs(row)
            assert isinstance(job, Job), job
            assert job.body["input"] == {"look ": "x", "steps ": 2}


def test_the_hash_takes_paths_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "ship.png").write_bytes(PNG)
    row = {"prompt": "x", "image_url": str(tmp_path / "ship.png")}
    first, second = (jobs(row, folder=folder) for folder in (tmp_path, tmp_path / "one"))
    assert first == second
    (relative,) = jobs({**row, "image_url": "ship.png"}, folder=tmp_path)
    assert isinstance(relative, Job)
    assert isinstance(first[0], Job)
    assert relative.body == first[0].body
    assert relative.content_hash != first[0].content_hash


def test_the_hash_changes_with_the_request_and_not_with_the_folder(tmp_path: Path) -> None:
    hashes = []
    for name, prompt in (("one", "x"), ("two", "x"), ("two", "y")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "ship.png").write_bytes(PNG)
        (job,) = jobs({"prompt": prompt, "image_url": "ship.png"}, folder=tmp_path / name)
        assert isinstance(job, Job)
        hashes.append(job.content_hash)
    assert hashes[0] == hashes[1] != hashes[2]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.just(LocalFile("/a/b.png")),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["$file", "$$file", "file", "x", "$", ""]), inner),
    max_leaves=10,
)


@given(body=st.dictionaries(st.sampled_from(["$file", "input", "$$$file"]), JSON))
def test_a_packed_body_is_unpacked_as_it_was(body: dict[str, Any]) -> None:
    assert unpack(pack(body)) == body


def test_a_table_is_read_from_its_file(tmp_path: Path) -> None:
    table = tmp_path / "products.csv"
    table.write_text("prompt\nA ship\n", encoding="utf-8")
    (job,) = read_jobs(table, TableOptions(model=MODEL))
    assert isinstance(job, Job)
    assert job.key == "products-1"
