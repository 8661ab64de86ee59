"""What a batch is run with. Workers on other machines read it from the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from apikley._model.checks import COUNT, Constraint, is_http_url
from apikley._model.fields import is_number
from apikley.batch.run.saving import DEFAULT_TEMPLATE, check_template
from apikley.errors import ConfigurationError

_CREDITS = Constraint("a number of credits, 0 or more", lambda value: is_number(value) and value >= 0)
_COUNT = Constraint("a whole number, 1 or more", lambda value: COUNT.accepts(value) and value >= 1)
STOP_AFTER = 10


@dataclass(frozen=True)
class Settings:
    """What a batch is run with.

    Attributes:
        out: Where results are saved: a folder, or a URL such as `s3://bucket/folder`.
        template: The template of file names.
        callback_url: Where the service reports completions.
        inbox: The receiver's inbox, where they are stored.
    """

    out: str | None = None
    template: str = DEFAULT_TEMPLATE
    callback_url: str | None = None
    inbox: str | None = None

    def __post_init__(self) -> None:
        check_template(self.template)
        if self.callback_url is not None and not is_http_url(self.callback_url):
            raise ConfigurationError(f"callback_url is {self.callback_url!r}, expected an http or https URL")
        if self.inbox is not None and self.callback_url is None:
            raise ConfigurationError("inbox is given without callback_url, so no callback would arrive there")

    @property
    def stored(self) -> dict[str, Any]:
        """The settings for the ledger, without the inbox, whose URL may hold a password."""
        return {name: value for name, value in asdict(self).items() if name != "inbox"}

    @classmethod
    def restored(cls, stored: dict[str, Any], **given: Any) -> Settings:
        """Return stored settings, replaced by those that are given."""
        names = {field.name for field in fields(cls)}
        known = {name: value for name, value in stored.items() if name in names}
        return cls(**{**known, **{name: value for name, value in given.items() if value is not None}})


def limits(
    price: float | None, max_credits: float | None, max_running: int | None, stop_after: int | None
) -> dict[str, Any]:
    """Return the limits of a batch that are given.

    Raises:
        ConfigurationError: One of them is invalid.
    """
    given = {"price": price, "max_credits": max_credits, "max_running": max_running, "stop_after": stop_after}
    checks = {"price": _CREDITS, "max_credits": _CREDITS, "max_running": _COUNT, "stop_after": _COUNT}
    for name, value in given.items():
        if value is not None and not checks[name].accepts(value):
            raise ConfigurationError(f"{name} is {value!r}, expected {checks[name].expected}")
    return {name: value for name, value in given.items() if value is not None}
