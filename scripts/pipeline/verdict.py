"""What became of each page of an update."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.pipeline.issues import Issue
from scripts.pipeline.page import Page
from scripts.pipeline.prepared import Prepared
from scripts.pipeline.sources import Source


@dataclass
class Verdict:
    """What became of one source.

    Attributes:
        where: The source.
        text: The verdict.
        source: The fetched source, if there is one.
        page: The published document, if there is one.
        prepared: The document as the merge needs it, if the source is the page of a model.
        facts: In what a page of another operation differs from the contract.
        issues: Why it was refused; empty if it was not.
    """

    where: str
    text: str = ""
    source: Source | None = None
    page: Page | None = None
    prepared: Prepared | None = None
    facts: list[str] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    @property
    def model(self) -> str:
        """The model of a page; empty for other pages."""
        return self.prepared.model if self.prepared else ""

    @property
    def slips(self) -> list[Issue]:
        """What the publisher got wrong."""
        return self.prepared.slips if self.prepared else []

    def __str__(self) -> str:
        if self.issues:
            first = self.issues[0]
            more = f" (and {len(self.issues) - 1} more)" if len(self.issues) > 1 else ""
            return f"{self.where}: refused: {first.what}{more}"
        notes = [f"{len(self.slips)} {'slip' if len(self.slips) == 1 else 'slips'}"] if self.slips else []
        count = len(self.facts)
        notes += [f"{count} fact{'s differ' if count != 1 else ' differs'} from the contract"] if count else []
        return f"{self.where}: {', '.join([self.text, *notes])}"
