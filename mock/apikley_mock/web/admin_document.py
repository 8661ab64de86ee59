"""The routes of the admin API, and its OpenAPI document."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from typing import Any, NamedTuple

import msgspec

import apikley_contract
from apikley_mock.control.vocabulary import (
    STRUCTS,
    Advance,
    Credits,
    Failure,
    FaultRule,
    JournalQuery,
    NewTask,
    PlanRule,
    Settings,
    ShapesChange,
    TaskQuery,
    operations,
)

PREFIX = "/__mock__"
EVENTS = f"{PREFIX}/events"
ACTIONS = ("step", "finish", "fail", "callback")


class Route(NamedTuple):
    """One operation: its method, path, handler, and the types of its body and query."""

    method: str
    path: str
    handler: str
    summary: str
    body: Any = None
    query: Any = None
    body_is_optional: bool = False


ROUTES = [
    Route("GET", "/", "page", "The page"),
    Route("GET", "/openapi.json", "document", "This document"),
    Route("GET", "/state", "state", "Time, accounts and counts"),
    Route("POST", "/reset", "reset", "Delete all tasks, files and entries, and start again"),
    Route("POST", "/advance", "advance", "Advance a virtual clock; responds after the callbacks that are due", Advance),
    Route("PUT", "/accounts/{name}", "set_credits", "Set the credits of an account", Credits),
    Route("PUT", "/shapes", "set_shapes", "Respond as recorded, or as documented", ShapesChange),
    Route("GET", "/events", "events", "Server-sent events: one whenever something has changed"),
    Route("GET", "/models", "models", "The models, each with an example request"),
    Route("GET", "/tasks", "tasks", "Tasks, newest first; X-Total-Count says how many match", None, TaskQuery),
    Route("POST", "/tasks", "create", "Create a task, as the account `default`", NewTask),
    Route("GET", "/tasks/{id}", "task", "One task: its request, plan, record and results"),
    Route("POST", "/tasks/{id}/{action}", "act", f"Act on a task: {', '.join(ACTIONS)}", Failure, None, True),
    Route("GET", "/journal", "journal", "The entries after a number, or the newest ones", None, JournalQuery),
    Route("GET", "/journal/{number}", "entry", "One entry: its headers and bodies"),
    Route("GET", "/faults", "list_faults", "The armed faults"),
    Route("POST", "/faults", "arm_fault", "Arm a fault for the next requests", FaultRule),
    Route("DELETE", "/faults", "disarm_faults", "Disarm all faults"),
    Route("DELETE", "/faults/{number}", "disarm_fault", "Disarm one fault"),
    Route("GET", "/plans", "list_plans", "The armed plans"),
    Route("POST", "/plans", "arm_plan", "Arm a plan for the next tasks", PlanRule),
    Route("DELETE", "/plans", "disarm_plans", "Disarm all plans"),
    Route("DELETE", "/plans/{number}", "disarm_plan", "Disarm one plan"),
]


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of this API, with the schemas of the vocabulary."""
    types = [*{route.body for route in ROUTES if route.body is not None}, Settings]
    types.sort(key=lambda each: each.__name__)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(types, schemas, strict=True))
    for struct in STRUCTS:
        _describe_fields(struct, components[struct.__name__])
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operation: dict[str, Any] = {
            "operationId": route.handler,
            "summary": route.summary,
            "responses": {"200": {"description": "Done"}, "default": {"description": 'An error: {"error": "…"}'}},
        }
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", route.path)
        ]
        if route.query is not None:
            properties = msgspec.json.schema(route.query)["$defs"][route.query.__name__]["properties"]
            parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
        if parameters:
            operation["parameters"] = parameters
        if route.body is not None:
            content = {"application/json": {"schema": schema_of[route.body]}}
            operation["requestBody"] = {"required": not route.body_is_optional, "content": content}
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = operation
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "Admin API of the Apikley simulator",
            "version": "1.0.0",
            "description": "Controls the simulator and shows what happened. Open to everyone who reaches the port; "
            "it shows no key.",
        },
        "x-operations": operations(),
        "x-create-path": apikley_contract.operation("createTask").path,
        "x-poll-path": apikley_contract.operation("getTaskDetails").path,
        "paths": paths,
        "components": {"schemas": components},
    }
    # Defaults are tuples until they are JSON.
    found: dict[str, Any] = json.loads(json.dumps(described))
    return found


def _describe_fields(struct: type, schema: dict[str, Any]) -> None:
    """Describe a struct's fields as the docstrings of its classes do."""
    schema["description"] = (struct.__doc__ or "").partition("\n")[0]
    for each in struct.__mro__:
        attributes = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")[2]
        for name, text in re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", attributes, re.MULTILINE):
            if name in schema["properties"]:
                schema["properties"][name].setdefault("description", " ".join(text.split()))
