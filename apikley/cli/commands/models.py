"""`apikley models` and `apikley check`. They send nothing."""

from __future__ import annotations

from typing import Any

import click

import apikley_contract
from apikley.cli.exit_codes import CommandFailed, Exit, violation_line
from apikley.cli.model_options import model_fields
from apikley.cli.options import ALLOW_UNKNOWN_FIELDS
from apikley.cli.request_body import read_body
from apikley.cli.session import Session, SessionCommand
from apikley.errors import ConfigurationError, RequestInvalid, Violation


@click.command(cls=SessionCommand)
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.pass_obj
def models(session: Session, *, names: tuple[str, ...]) -> None:
    """List the models with their fields, limits and defaults.

    For example:

        apikley models --output json
    """
    known = apikley_contract.models()
    unknown = sorted({*names} - {*known})
    if unknown:
        raise ConfigurationError(f"there is no model {unknown[0]!r}; known models: {', '.join(known)}")
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    for name in names or known:
        documents.append({"model": name, "fields": []})
        lines += [*([""] if lines else []), name]
        for each in model_fields(name):
            facts = {"name": each.name, "options": each.flags, "required": each.required, **each.schema}
            documents[-1]["fields"].append(facts)
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
