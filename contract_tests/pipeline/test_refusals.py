"""An update refuses an unusable page with the place of the error, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, PAGES, STUDIO
from scripts.pipeline import client, contract
from scripts.pipeline.io import dump, read
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page import extract
from scripts.pipeline.page_shape import CREATE_TASK, request_schema
from scripts.pipeline.replace_files import files
from scripts.pipeline.update import Options, Project, update
from scripts.pipeline.vendored import check_vendored, records

Edit = Callable[[Any], object]


def _json_page(folder: Path, edit: Edit, name: str = "market/acme/x.json") -> str:
    """Write the edited document of a test page as JSON."""
    document = extract(read(PAGES[ACME]), "page").document
    edit(document)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(document), encoding="utf-8")
    return str(path)


def _model(name: str) -> Edit:
    return lambda d: request_schema(d)["properties"]["model"].update(enum=[name], default=name)


def _fields(document: Any) -> Any:
    return request_schema(document)["properties"]["input"]["properties"]


def _change_server(document: Any) -> None:
    document["servers"][0]["url"] = "https://eu.apikley.ru"


def _post(document: Any) -> Any:
    return document["paths"][CREATE_TASK]["post"]


def _move(path: str, method: str) -> Edit:
    return lambda d: d.update(paths={path: {method: _post(d)}})


REFUSED: dict[str, tuple[Edit, str]] = {
    "another path": (
        _move("/api/v1/x", "post"),
        "x.json, /paths: POST /api/v1/x is unknown; only POST /api/v1/jobs/createTask is shared by all models",
    ),
    "another method": (_move(CREATE_TASK, "put"), "x.json, /paths: PUT /api/v1/jobs/createTask is unknown"),
    "no model": (
        lambda d: request_schema(d)["properties"].pop("model"),
        "model: has the enum None, expected one model",
    ),
    "two models": (
        lambda d: request_schema(d)["properties"]["model"].update(enum=["a/b", "c/d"]),
        "model: has the enum ['a/b', 'c/d'], expected one model",
    ),
    "no input": (lambda d: request_schema(d)["properties"].pop("input"), "input: must be an object with inline prop"),
    "no body": (lambda d: _post(d).pop("requestBody"), "requestBody: is missing or not an object"),
    "no paths": (lambda d: d.pop("paths"), "x.json: is not an OpenAPI document: it has no paths"),
    "OpenAPI 3.1": (lambda d: d.update(openapi="3.1.0"), "x.json: is OpenAPI '3.1.0', expected 3.0"),
    "the same class name": (
        _model("hailuo/02.image_to-video-pro"),
        "the class name Hailuo02ImageToVideoPro of the model 'hailuo/02-image-to-video-pro' is taken by Hailuo",
    ),
    "the same module name": (_model("HAILUO/02-imagetovideo-pro"), "is taken by HAILUO02Imagetovideo"),
    "a name of the library": (
        _model("task"),
        "the class name Task of the model 'task' is taken by Task of the library",
    ),
    "a name of a companion": (_model("task/details"), "is taken by TaskDetails of openapi/companion/task-details.yaml"),
    "no Python name": (_model("3d/cat"), "the model '3d/cat' would become the class '3dCat', which is not a Python"),
    "a keyword": (_model("none"), "would become the class 'None', which is not a Python name"),
    "values with the same name": (
        lambda d: _fields(d)["duration"].update(enum=["5", "1.0", "1-0"], default="5"),
        "input/duration: the values ['1.0', '1-0'] would all become the member VALUE_1_0",
    ),
    "a field named like a method": (
        lambda d: _fields(d).update(toDict={"type": "string"}),
        "openapi/vendored/market/acme/x.json, input: the field name 'toDict' is reserved by generated classes",
    ),
    "another server": (
        _change_server,
        "market/acme/x.json and openapi/vendored/market/hailuo/02-image-to-video-pro.json: disagree at /servers/0/url",
    ),
    "a missing response": (
        lambda d: _post(d)["responses"].pop("500"),
        "disagree at /paths/~1api~1v1~1jobs~1createTask/post/responses: ",
    ),
    "no description": (
        lambda d: _fields(d)["prompt"].update(description=None),
        "/schema/properties/input/properties/prompt/description: None is not of type 'string'",
    ),
    "a misspelt type": (
        lambda d: _fields(d)["seed"].update(type="integr", default=1),
        "/properties/seed/type: 'integr' is not one of ['array',",
    ),
    "a value that a validator refuses": (
        lambda d: _fields(d)["seed"].update(default="x"),
        "built contract, /: openapi-spec-validator: 'x' is not of type 'integer'",
    ),
}


@pytest.mark.parametrize(("edit", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_shows_the_place_and_changes_nothing(
    project: Project, tmp_path: Path, edit: Edit, message: str
) -> None:
    before = files(project.root)
    with pytest.raises(SpecError) as caught:
        update(project, Options((str(PAGES[STUDIO]), _json_page(tmp_path, edit)), write=True))
    assert message in str(caught.value)
    assert files(project.root) == before


def test_a_bare_document_without_its_published_path_is_refused(project: Project, tmp_path: Path) -> None:
    message = r"acme.json: does not contain its published path; give its published path: --path market/VENDOR/MODEL"
    with pytest.raises(SpecError, match=message):
        update(project, Options((_json_page(tmp_path, lambda _: None, "acme.json"),)))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda d: _fields(d)["duration"].update(default="7"),
            "openapi-python-client: Unable to process schema /components/schemas/Acme1Fast: Value 7 is",
        ),
        (
            lambda d: _fields(d).update(request={"type": "object", "properties": {"x": {"type": "string"}}}),
            'Attempted to generate duplicate models with name "Acme1FastRequest"',
        ),
    ],
)
def test_a_page_that_the_generator_refuses_changes_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Edit, message: str
) -> None:
    monkeypatch.setattr(contract, "check", lambda _: None)  # to save time
    before = files(project.root)
    with pytest.raises(SpecError) as caught:
        update(project, Options((_json_page(tmp_path, edit),)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(project.root) == before


def _moved_page(folder: Path) -> str:
    """Write the published page with another published path."""
    page = folder / "page.txt"
    text = read(PAGES[HAILUO]).replace("market/hailuo/02-image", "market/hailuo/02/image")
    page.write_text(text, encoding="utf-8")
    return str(page)


def test_a_moved_page_is_refused_with_both_places_and_the_remedy(project: Project, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        update(project, Options((_moved_page(tmp_path),)))
    assert str(caught.value) == (
        "openapi/vendored/market/hailuo/02/image-to-video-pro.json and "
        "openapi/vendored/market/hailuo/02-image-to-video-pro.json: "
        "are both the page of 'hailuo/02-image-to-video-pro'; if it has moved, remove the page that is no longer "
        "published: delete its .json and .published.txt and its entry in openapi/vendored/sources.json, then run again"
    )


def test_a_moved_page_is_imported_after_the_old_one_is_removed(project: Project, tmp_path: Path) -> None:
    vendored = project.openapi / "vendored"
    for suffix in (".json", ".published.txt"):
        (vendored / f"market/hailuo/02-image-to-video-pro{suffix}").unlink()
    recorded = records(vendored)
    del recorded["market/hailuo/02-image-to-video-pro.json"]
    (vendored / "sources.json").write_text(dump(recorded), encoding="utf-8")
    before = files(project.generated)
    assert update(project, Options((_moved_page(tmp_path),))) == 0
    assert list(records(vendored)) == ["market/hailuo/02/image-to-video-pro.json"]
    assert check_vendored(vendored) == []
    assert files(project.generated) == before


def test_a_client_without_a_needed_class_is_refused(project: Project) -> None:
    inputs = project.generated / "apikley_client/inputs.py"
    inputs.write_text(read(inputs).replace("Hailuo02ImageToVideoPro", "Missing"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"^apikley: cannot be imported with the new client: .*Missing"):
        client.check_library(project.generated)


def test_a_client_with_type_errors_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "apikley_client"
    package.mkdir()
    (package / "__init__.py").write_text("def number() -> int:\n    return 'x'\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"^mypy --strict: generated/apikley_client/__init__\.py:2: error: "):
        client.check_types(tmp_path)
