"""What the tools return: JSON documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import apikley_contract
from apikley import TaskInfo
from apikley._model.names import title_of
from apikley._model.texts import printable
from apikley.batch.ledger.rows import Row
from apikley.errors import Violation
from apikley.mcp.failures import service_text, violation_text

_MAX_WITH_FIELDS = 5  # models


def printable_document(value: Any) -> Any:
    """Return a document without characters that control a terminal or hide text."""
    if isinstance(value, dict):
        return {printable(str(name)): printable_document(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable_document(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def model_documents(search: str) -> list[dict[str, Any]]:
    """Return the models with all words of a text; with their fields if they are few, or if it names one."""
    known, words = apikley_contract.models(), search.lower().split()
    titles = {name: title_of(model) for name, model in known.items()}
    found = [search] if search in known else []
    found = found or [name for name in known if all(word in f"{name} {titles[name]}".lower() for word in words)]
    documents: list[dict[str, Any]] = []
    for name in found:
        documents.append({"model": name, "title": titles[name], "output": known[name].output})
        if len(found) <= _MAX_WITH_FIELDS:
            documents[-1] |= {"fields": _fields(known[name].input), "example": _example(name)}
    return documents


def _fields(schema: str) -> list[dict[str, Any]]:
    """Return the fields of an input with their limits, as the contract has them."""
    required = _schemas()[schema].get("required", [])
    fields = []
    for name, field in _schemas()[schema].get("properties", {}).items():
        shown = {key: value for key, value in field.items() if key != "example" and not key.startswith("x-")}
        rule = field.get("items", {}).get("x-file", field.get("x-file"))
        file = {} if rule is None else {"takes_url_of_file": rule}
        fields.append({"name": name, "required": name in required, **shown, **file})
    return fields


def _example(model: str) -> dict[str, Any]:
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]["application/json"]
    request = content.get("examples", {}).get(model, {}).get("value", {})
    return {name: value for name, value in request.items() if name in ("model", "input")}


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = apikley_contract.openapi()["components"]["schemas"]
    return schemas


def violation_document(violation: Violation) -> dict[str, Any]:
    """Return a violation."""
    return {"pointer": violation.pointer, "rule": violation.rule, "message": violation_text(violation)}


def task_document(task: TaskInfo) -> dict[str, Any]:
    """Return a task, and what to do next."""
    document: dict[str, Any] = {"task_id": task.id, "state": service_text(task.state), "finished": task.finished}
    if task.succeeded:
        document["result_urls"] = task.result_urls
        document["next"] = "download_result saves a result."
    elif task.failed:
        document["failure"] = {
            "code": service_text(task.fail_code),
            "text_from_service": service_text(task.fail_message),
        }
        document["next"] = "The task is over. A new try is a new task: it needs another idempotency_key and may cost."
    else:
        document["next"] = "The task goes on. Call wait_for_task with this task_id; do not create it again."
    facts = {"credits": task.credits, "seconds": task.duration.total_seconds() if task.duration else None}
    return document | {name: value for name, value in facts.items() if value is not None}


def row_document(row: Row) -> dict[str, Any]:
    """Return a row of the ledger."""
    document = {
        "idempotency_key": row.key,
        "task_id": row.task_id,
        "model": row.model,
        "state": row.state,
        "counted_credits": row.credits,  # reserved or paid
        "sent_at": _time(row.sent_at),
        "ended_at": _time(row.ended_at),
        "text_from_service": service_text(row.error),
    }
    return {name: value for name, value in document.items() if value is not None}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
