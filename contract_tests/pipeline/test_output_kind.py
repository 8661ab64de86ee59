"""The contract says what each model makes."""

from __future__ import annotations

import pytest

import apikley_contract
from contract_tests.pipeline.contract_edits import contract_of, schema
from contract_tests.pipeline.pages import ACME, published_pages
from scripts.pipeline.output_kind import output_kind


@pytest.mark.parametrize(
    ("model", "tags", "summary", "kind"),
    [
        ("acme/image-to-video", [], "", "video"),
        ("acme/t2i", [], "", "image"),
        ("acme/flex-image-to-image", [], "", "image"),
        ("acme/text-to-dialogue-v3", [], "", "audio"),
        ("acme/speech-to-text", [], "", "text"),
        ("acme/2-6-r2v", [], "", "video"),
        ("acme/storyboard", [], "", "video"),
        ("acme/7", ["docs/en/Market/Image    Models/Acme"], "", "image"),
        ("acme/7", ["docs/en/Market/Music Models/Acme"], "", "audio"),
        ("acme/7", [], "Removes the background of a photo", "image"),
        ("acme/7", [], "", "video"),
    ],
)
def test_the_kind_follows_from_name_folder_and_title(model: str, tags: list[str], summary: str, kind: str) -> None:
    assert output_kind(model, {"tags": tags, "summary": summary}, {}) == kind


def test_the_formats_of_a_field_show_the_kind() -> None:
    input_ = {"properties": {"output_format": {"type": "string", "enum": ["jpg", "png"]}}}
    assert output_kind("acme/7", {}, input_) == "image"


def test_the_contract_contains_the_kind() -> None:
    assert schema("Acme1FastRequest", "x-output")(contract_of({ACME: published_pages()[ACME]})) == "video"
    assert {model.output for model in apikley_contract.models().values()} <= {"video", "image", "audio", "text"}
