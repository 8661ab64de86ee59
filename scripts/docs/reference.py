"""The generated parts of the reference. A page includes one with `<!-- generated: NAME -->`."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import os
import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import apikley.cli
import apikley_contract
import apikley_mock.cli
from apikley import errors
from apikley.cli.constants import COMMANDS
from apikley.cli.exit_codes import Exit
from apikley_mock.control import prompt_directives
from apikley_mock.web import admin_document
from scripts.docs.markdown import block, code, inline, table
from scripts.docs.schemas import fields, type_of
from scripts.pipeline import command
from scripts.pipeline.evidence import GRADE


def exit_codes() -> str:
    """Return the exit codes of the command line."""
    meaning = attributes(Exit)
    return table(("code", "name", "meaning"), ((str(int(each)), code(each.name), meaning[each.name]) for each in Exit))


def error_tree() -> str:
    """Return the drawing of the exceptions."""
    return block((errors.__doc__ or "").partition("```")[2].partition("```")[0].strip("\n"))


def error_classes() -> str:
    """Return the documentation of every exception."""
    found = [
        name
        for name, each in vars(errors).items()
        if inspect.isclass(each) and issubclass(each, Exception) and each.__module__ == errors.__name__
    ]
    return _directive(*(f".. autoexception:: apikley.{name}\n   :members:\n   :show-inheritance:\n" for name in found))


def codes() -> str:
    """Return the codes of the contract, with their exceptions."""
    schema = apikley_contract.openapi()["components"]["schemas"]["ApiResponse"]["properties"]["code"]
    inferred, rows = schema.get("x-inferred-codes", ()), []
    for name, number in apikley_contract.codes().items():
        error = "" if name == "SUCCESS" else code(errors.error_class(number).__name__)
        rows.append((str(number), code(name), error, "inferred" if number in inferred else "documented"))
    return table(("code", "name", "exception", "known"), rows)


def models() -> str:
    """Return every model with its fields, limits and example."""
    parts = []
    create = apikley_contract.operation("createTask").description
    content = create["requestBody"]["content"]["application/json"]
    schemas = apikley_contract.openapi()["components"]["schemas"]
    for name, model in sorted(apikley_contract.models().items()):
        schema = schemas[model.input]
        parts += [f"## {code(name)}", f"Class {code(model.input)}; its result: {model.output}.", fields(schema)]
        example = content.get("examples", {}).get(name)
        if example:
            parts.append(block(json.dumps(example["value"], indent=2, ensure_ascii=False), "json"))
    return "\n\n".join(parts)


def model_limits() -> str:
    """Return the documented limits of single models."""
    limits = apikley_contract.operation("createTask").description.get("x-model-limits", {})
    rows = [
        (code(name), str(each["requests"]), f"{each['seconds']} s", str(each["concurrent"]))
        for name, each in sorted(limits.items())
    ]
    return table(("model", "creates", "in", "unfinished tasks at a time"), rows)


def operations() -> str:
    """Return every operation of the contract, and the callbacks that it asks for."""
    parts = []
    for path, item in apikley_contract.openapi()["paths"].items():
        for method, operation in item.items():
            parts += _operation(method, path, operation)
            for callback in operation.get("callbacks", {}).values():
                for address, sent in callback.items():
                    parts += [part for name, each in sent.items() for part in _operation(name, address, each)]
    return "\n\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[str]:
    """Return the paragraphs about an operation."""
    parts = [f"### {operation['operationId']}", code(f"{method.upper()} {path}")]
    parts.append(f"{inline(operation.get('description', operation['summary']))} Evidence: {operation[GRADE]}.")
    for name, value in operation.items():
        if name.startswith("x-") and name not in (GRADE, "x-model-limits"):
            parts.append(f"- {name.removeprefix('x-').replace('-', ' ')}: {_facts(value)}")
    parts += _input_of(operation)
    for status, response in sorted(operation["responses"].items()):
        found = [type_of(content["schema"]) for content in response.get("content", {}).values()]
        reference = response.get("$ref", "").rpartition("/")[2]
        parts.append(f"- {status}: {', '.join(found) or code(reference) or inline(response.get('description', ''))}")
    return parts


def _facts(value: Any) -> str:
    """Return a limit or a schedule of the contract in words, with its grade."""
    if not isinstance(value, dict):
        return code(json.dumps(value))
    words = [f"{name} {each if isinstance(each, str) else json.dumps(each)}" for name, each in value.items()]
    return inline(", ".join(words).replace(GRADE, "evidence"))


def _input_of(operation: dict[str, Any]) -> list[str]:
    """Return the parameters and the body of an operation."""
    parameters = {each["name"]: {**each["schema"], **each} for each in operation.get("parameters", ())}
    required = [name for name, each in parameters.items() if each.get("required")]
    parts = [fields({"properties": parameters, "required": required})] if parameters else []
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body: {type_of(content['schema'])} as {code(kind)}.")
    return parts


def schemas() -> str:
    """Return the schemas that several models share; the models have a page of their own."""
    components = apikley_contract.openapi()["components"]["schemas"]
    of_models = {name for model in apikley_contract.models().values() for name in (model.input, model.request)}
    parts = []
    for name, schema in components.items():
        if name in {*of_models, "CreateTaskRequest"}:
            continue
        merged: dict[str, Any] = {"properties": {}, "required": []}
        for part in (schema, *schema.get("allOf", ())):
            merged["properties"] |= part.get("properties", {})
            merged["required"] += part.get("required", [])
        grade = f" Evidence: {schema[GRADE]}." if GRADE in schema else ""
        parts += [f"### {name}", inline(schema.get("description", "")) + grade]
        parts.append(fields(merged) if merged["properties"] else type_of(schema))
    return "\n\n".join(parts)


def command_line() -> str:
    """Return the help of each command."""
    inbox = importlib.import_module("apikley.cli.commands.inbox").inbox
    parts = []
    for name in COMMANDS:
        # `apikley mock` becomes the program `apikley-mock`.
        text = _help(apikley_mock.cli.main) if name == "mock" else _help(apikley.cli.main, name)
        parts += [f"### {name}", block(text)]
        if name == "inbox":
            parts += [block(_help(apikley.cli.main, name, each)) for each in inbox.commands]
    return "\n\n".join(parts)


def simulator_commands() -> str:
    """Return the help of the simulator's commands."""
    return "\n".join(f"### {name}\n\n{block(_help(apikley_mock.cli.main, name))}" for name in ("serve", "check"))


def update_options() -> str:
    """Return the help of scripts/update-spec."""
    return block(_help(command.run, "update"))


def _help(run: Callable[[list[str]], int], *command: str) -> str:
    """Return what a command prints for `--help`, without this machine's settings."""
    written = io.StringIO()
    settings = {name: "" for name in os.environ if name.startswith("APIKLEY_")}
    with (
        mock.patch.dict(os.environ, {**settings, "COLUMNS": "80", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(written),
        contextlib.suppress(SystemExit),
    ):
        run([*command, "--help"])
    return written.getvalue()


def directives() -> str:
    """Return the prompt directives."""
    words = prompt_directives.WORDS.values()
    return table(("in the prompt", "effect"), ((code(f"[mock: {word.example}]"), word.meaning) for word in words))


def admin_routes() -> str:
    """Return the operations of the admin API."""
    rows = []
    for path, item in admin_document.document()["paths"].items():
        for method, operation in item.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            query = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            needs = type_of(body) if body else ", ".join(map(code, query))
            rows.append((code(f"{method.upper()} {path}"), inline(operation["summary"]), needs))
    return table(("request", "effect", "body or query"), rows)


def vocabulary() -> str:
    """Return the types of the admin API, which scenario files and the fixture share."""
    parts = []
    for name, schema in admin_document.document()["components"]["schemas"].items():
        parts += [f"### {name}", inline(schema.get("description", "")), fields(schema)]
    return "\n\n".join(parts)


def attributes(cls: type) -> dict[str, str]:
    """Return the section "Attributes" of a class's docstring."""
    text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", text, re.MULTILINE)
    return {name: inline(description) for name, description in found}


def _directive(*lines: str) -> str:
    return "```{eval-rst}\n" + "\n".join(lines) + "```\n"


PARTS: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (
        *(exit_codes, error_tree, error_classes, codes, models, model_limits, operations, schemas),
        *(command_line, simulator_commands, update_options, directives, admin_routes, vocabulary),
    )
}
