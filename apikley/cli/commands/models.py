"""`apikley models` and `check`: what the contract says; nothing is sent."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import apikley_contract
from apikley._model.validation import validate_create
from apikley.cli import model_options as _fields
from apikley.cli.commands.run import taken, whole_body
from apikley.cli.exit_codes import Exit, Unsuccessful
from apikley.cli.session import Session
from apikley.errors import ConfigurationError, RequestInvalid, Violation


def models(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="These only.")] = None,
) -> None:
    """List the models with their fields, limits and defaults.

    For example:

        apikley models --output json
    """
    known = apikley_contract.models()
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise ConfigurationError(f"there is no model {unknown[0]!r}; there are: {', '.join(known)}")
    chosen = names or [*known]
    session.output.result(
        {"models": [{"model": name, "fields": [_described(each) for each in _fields.fields(name)]} for name in chosen]},
        [line for name in chosen for line in [name, *(_line(each) for each in _fields.fields(name)), ""]][:-1],
    )


def check(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A request body as JSON; `-` is stdin.")],
) -> None:
    """Hold a request body to the contract and print every finding. Sends nothing, and needs no key.

    For example:

        apikley check request.json

        echo '{"model": "x"}' | apikley check -
    """
    findings = _findings(file)
    document = {"valid": not findings, "findings": [finding._asdict() for finding in findings]}
    session.output.so_far = document, [str(finding) for finding in findings] or ["valid"]
    if findings:
        raise Unsuccessful(
            Exit.INVALID, [f"the request is invalid: {len(findings)} finding{'s' * (len(findings) > 1)}"]
        )
    session.output.result(*session.output.so_far)


def _findings(file: str) -> list[Violation]:
    try:
        body = whole_body(file)
    except RequestInvalid as error:
        return [*error.violations]
    try:
        validate_create(body)
    except RequestInvalid as error:
        return [*error.violations]
    return []


def _described(field: _fields.Field) -> dict[str, Any]:
    return {"name": field.name, "options": field.flags(taken()), "required": field.required, **field.schema}


def _line(field: _fields.Field) -> str:
    kind = field.schema.get("type", "")
    return f"  {field.name}  {kind}; {'; '.join(field.limits())}  ({', '.join(field.flags(taken()))})"
