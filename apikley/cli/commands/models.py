"""`apikley models` and `apikley check`. They send nothing."""

from __future__ import annotations

from typing import Any

import click

import apikley_contract
from apikley._model.names import nearest_names, title_of
from apikley.cli.exit_codes import CommandFailed, Exit, violation_line
from apikley.cli.model_options import model_fields
from apikley.cli.options import ALLOW_UNKNOWN_FIELDS
from apikley.cli.request_body import read_body
from apikley.cli.session import Session, SessionCommand
from apikley.errors import ConfigurationError, RequestInvalid, Violation


@click.command(cls=SessionCommand)
@click.argument("words", metavar="[MODEL|WORD]...", nargs=-1)
@click.pass_obj
def models(session: Session, *, words: tuple[str, ...]) -> None:
    """List models, or show one with its fields, limits and defaults.

    Words search in names and titles.

    For example:

        apikley models

        apikley models hailuo video

        apikley models hailuo/02-image-to-video-pro
    """
    known = apikley_contract.models()
    titles = {name: title_of(model) for name, model in known.items()}
    found = [name for name in words if name in known] or [
        name for name in known if all(word.lower() in f"{name} {titles[name]}".lower() for word in words)
    ]
    if not found:
        near = nearest_names(" ".join(words), known)
        hint = f"did you mean {near}?" if near else "`apikley models` lists them"
        raise ConfigurationError(f"there is no model {' '.join(words)!r}; {hint}")
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    for name in found:
        documents.append({"model": name, "title": titles[name], "class": known[name].input})
        lines.append(f"{name}  {titles[name]}")
        if len(found) == 1 or name in words:
            lines.append(f"  from apikley import {known[name].input}")
            documents[-1]["fields"] = fields = []
            for each in model_fields(name):
                fields.append({"name": each.name, "options": each.flags, "required": each.required, **each.schema})
                kind, limits = each.schema.get("type", ""), "; ".join(each.limits)
                lines.append(f"  {each.name}  {kind}; {limits}  ({', '.join(each.flags)})")
    session.output.result({"models": documents}, lines)


@click.command(cls=SessionCommand, params=[ALLOW_UNKNOWN_FIELDS])
@click.argument("file", metavar="FILE|-")
@click.pass_obj
def check(session: Session, *, file: str, allow_unknown_fields: bool) -> None:
    """Validate a request body without sending it.

    FILE contains the body as JSON; `-` is stdin. Every violation of the contract is printed. No API key is
    needed.

    For example:

        apikley check request.json

        echo '{"model": "x"}' | apikley check -
    """
    from apikley._model.validation import validate_create  # noqa: PLC0415 - loads the validator

    violations: tuple[Violation, ...] = ()
    try:
        validate_create(read_body(file), allow_unknown_fields=allow_unknown_fields)
    except RequestInvalid as error:
        violations = error.violations
    document = {"valid": not violations, "violations": [violation._asdict() for violation in violations]}
    session.output.result(document, [*map(violation_line, violations)] or ["valid"])
    if violations:
        count = f"{len(violations)} violation{'s' * (len(violations) > 1)}"
        raise CommandFailed(Exit.INVALID, [f"the request is invalid: {count}"])
