"""Prepares published documents for the merge: repairs, one form, checks, slips."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from scripts.pipeline import overlay
from scripts.pipeline.issues import Issue, refuse
from scripts.pipeline.normalize import normalize
from scripts.pipeline.page_shape import CREATE_TASK, check_page, request_content, request_schema
from scripts.pipeline.slips import repair_request

# In the overlay: actions for one page, by its published path or the name of its source.
REPAIRS = "x-page-repairs"


@dataclass(frozen=True)
class Prepared:
    """A published document that the merge can use.

    Attributes:
        name: Its published path.
        document: The normalized document.
        slips: What the publisher got wrong, and what the contract says instead.
        example_model: The model of the published example, which may be left out of the document.
    """

    name: str
    document: dict[str, Any]
    slips: list[Issue]
    example_model: str = ""

    @property
    def model(self) -> str:
        """The model of the page."""
        found: str = request_schema(self.document)["properties"]["model"]["enum"][0]
        return found

    @property
    def fit(self) -> float:
        """How well the page's operation id and example, or else its title, fit its model, from 0 to 1."""
        operation = self.document["paths"][CREATE_TASK]["post"]
        names = [operation.get("operationId"), self.example_model]
        names = names if any(names) else [operation.get("summary")]
        ratios = [SequenceMatcher(None, _slug(str(name)), _slug(self.model)).ratio() for name in names if name]
        return round(sum(ratios) / len(ratios), 3) if ratios else 0.0


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def repaired(document: dict[str, Any], repairs: Any, *names: str) -> dict[str, Any]:
    """Return a published document with our repairs of this page.

    Args:
        document: The published document.
        repairs: The overlay document.
        names: The names of the page: its published path, and the name of its source.

    Raises:
        SpecError: A repair is invalid or matches nothing.
    """
    by_page = repairs.get(REPAIRS) if isinstance(repairs, dict) else None
    for name in dict.fromkeys(names):
        if isinstance(by_page, dict) and name in by_page:
            document = overlay.apply(document, {"actions": by_page[name]}, f"openapi/overlay.yaml, {REPAIRS}, {name}")
    return document


def prepare(name: str, document: dict[str, Any]) -> Prepared:
    """Normalize and check a document.

    Args:
        name: Its published path.
        document: The published document with its repairs.

    Raises:
        SpecError: The document is not one model's page of createTask.
    """
    normalized = normalize(document, name)
    refuse(check_page(name, normalized))
    example = request_content(normalized).get("example")
    model = str(example.get("model", "")) if isinstance(example, dict) else ""
    return Prepared(name, normalized, repair_request(name, normalized), model)
