"""The admin API under /__mock__/: asks for what should happen, and tells what did."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from apikley_mock.control import admin_document
from apikley_mock.control.armed import Rule, TooManyRulesError
from apikley_mock.journal.journal import Entry
from apikley_mock.service import Service
from apikley_mock.web import validation as judge
from apikley_mock.web.http import Answer, Receive, Request, json_answer, read
from apikley_mock.world.clock import VirtualClock
from apikley_mock.world.tasks import Task

PREFIX = "/__mock__"
_LARGEST_BODY = 64 * 1024
_LIMIT = 200

Handler = Callable[[Any, dict[str, str]], Awaitable[Any]]


class AdminError(Exception):
    """A request that cannot be met.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Route(NamedTuple):
    parts: list[str]
    operations: dict[str, dict[str, Any]]


class Admin:
    """Handlers of the admin API; their names are the operation ids of its document.

    Args:
        service: What they act on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, request: Request, receive: Receive) -> Answer:
        """Answer one request."""
        try:
            return await self._answered(request, receive)
        except AdminError as error:
            return json_answer(error.status, {"error": str(error)})
        except TooManyRulesError as error:
            return json_answer(409, {"error": str(error)})

    async def _answered(self, request: Request, receive: Receive) -> Answer:
        _demand_same_origin(request)
        found = _match(request.path)
        if found is None:
            raise AdminError(404, f"no such endpoint; see {PREFIX}/openapi.json")
        route, values = found
        operation = route.operations.get(request.method)
        if operation is None:
            answer = json_answer(405, {"error": f"this takes {', '.join(route.operations)}"})
            answer.headers.append((b"allow", ", ".join(route.operations).encode()))
            return answer
        values |= _checked_query(operation, values, request.query)
        body = await self._body(operation, receive)
        handler: Handler = getattr(self, operation["operationId"])
        result = await handler(body, values)
        return result if isinstance(result, Answer) else json_answer(200, result)

    async def _body(self, operation: dict[str, Any], receive: Receive) -> Any:
        content = await read(receive, _LARGEST_BODY)
        described = operation.get("requestBody")
        if described is None:
            return None
        if content is None:
            raise AdminError(422, f"the body is larger than {_LARGEST_BODY:,} bytes")
        if not content and not described["required"]:
            return {}
        body, wrong = judge.body_of(content)
        schema = described["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        wrong = wrong or admin_document.findings(schema, body)
        if wrong:
            raise AdminError(422, wrong)
        return body

    async def page(self, _: Any, __: dict[str, str]) -> Answer:
        """The page."""
        answer = Answer(200, _page(), b"text/html; charset=utf-8")
        policy = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        answer.headers.append((b"content-security-policy", policy))
        return answer

    async def document(self, _: Any, __: dict[str, str]) -> Answer:
        """The document."""
        return Answer(200, admin_document.text())

    async def state(self, _: Any, __: dict[str, str]) -> Any:
        """Time, accounts, and how much of everything there is."""
        service = self._service
        return {
            "now": service.clock.now(),
            "virtual": isinstance(service.clock, VirtualClock),
            "error_style": service.settings.error_style,
            "tasks": len(service.engine.tasks),
            "entries": service.journal.last,
            "planned_callbacks": service.deliveries.planned(),
            "accounts": [{"name": account.name, "credits": account.credits} for account in service.accounts],
        }

    async def reset(self, _: Any, __: dict[str, str]) -> Any:
        """Begin again."""
        self._service.reset()
        return {"ok": True}

    async def advance(self, body: Any, _: dict[str, str]) -> Any:
        """Let time pass."""
        try:
            await self._service.advance(body["seconds"])
        except (TypeError, ValueError) as error:
            raise AdminError(409, str(error)) from None
        return {"ok": True}

    async def set_credits(self, body: Any, values: dict[str, str]) -> Any:
        """Set what an account has left."""
        account = self._service.accounts.named(values["name"])
        if account is None:
            raise AdminError(404, f"no account {values['name']!r}")
        account.credits = body["credits"]
        return {"ok": True}

    async def tasks(self, _: Any, values: dict[str, str]) -> Any:
        """The newest tasks."""
        service, now = self._service, self._service.clock.now()
        newest = islice(reversed(service.engine.tasks.values()), int(values.get("limit", _LIMIT)))
        return [_shown(task, now, service.journal.without_keys) for task in newest]

    async def act(self, body: Any, values: dict[str, str]) -> Any:
        """Do something to a task by hand."""
        service, action = self._service, values["action"]
        now = service.clock.now()
        task = service.engine.tasks.get(values["id"])
        if task is None:
            raise AdminError(404, f"no task {values['id']!r}")
        ended = now >= task.completed
        if action == "callback":
            if not ended or not task.callback_url:
                raise AdminError(409, "the task has not ended, or named no callBackUrl")
            service.deliveries.again(task)
        elif ended:
            raise AdminError(409, "the task has ended")
        elif action == "step":
            service.engine.step(task, now)
        elif action == "finish":
            service.engine.end(task, task.plan.changed({"outcome": "success"}), now)
        else:
            failure = {"fail_code": body.get("code", task.plan.fail_code), "fail_msg": body.get("msg")}
            service.engine.end(task, task.plan.changed({"outcome": "fail", **failure}), now)
        service.wake()
        return {"ok": True}

    async def journal(self, _: Any, values: dict[str, str]) -> Any:
        """Entries of the journal."""
        kind, limit = values.get("kind"), int(values.get("limit", _LIMIT))
        entries = [entry for entry in self._service.journal if kind in (None, entry.kind)]
        if "after" in values:
            after = int(values["after"])
            chosen = [entry for entry in entries if entry.number > after][:limit]
        else:
            chosen = entries[-limit:]
        return [_entry(entry) for entry in chosen]

    async def list_faults(self, _: Any, __: dict[str, str]) -> Any:
        """Armed faults."""
        return [{**asdict(rule.what), **_rule(rule)} for rule in self._service.faults]

    async def arm_fault(self, body: Any, _: dict[str, str]) -> Any:
        """Arm a fault."""
        return {"number": self._service.faults.arm(self._rule(admin_document.fault_rule, body)).number}

    async def disarm_faults(self, _: Any, __: dict[str, str]) -> Any:
        """Disarm all faults."""
        self._service.faults.disarm()
        return {"ok": True}

    async def list_plans(self, _: Any, __: dict[str, str]) -> Any:
        """Armed plans."""
        return [{**rule.what, **_rule(rule)} for rule in self._service.plans]

    async def arm_plan(self, body: Any, _: dict[str, str]) -> Any:
        """Arm a plan."""
        return {"number": self._service.plans.arm(self._rule(admin_document.plan_rule, body)).number}

    async def disarm_plans(self, _: Any, __: dict[str, str]) -> Any:
        """Disarm all plans."""
        self._service.plans.disarm()
        return {"ok": True}

    def _rule(self, make: Callable[[Any, list[str]], Rule[Any]], body: Any) -> Rule[Any]:
        try:
            return make(body, self._service.accounts.names())
        except admin_document.ContradictionError as error:
            raise AdminError(409, str(error)) from None
        except ValueError as error:  # the body fits its schema, so it is a name
            raise AdminError(404, str(error)) from None


def _demand_same_origin(request: Request) -> None:
    # A page of somebody else, open in the same browser, can send requests here, too.
    origin = request.headers.get(b"origin")
    if origin is not None:
        try:
            host = urlsplit(origin.decode("latin-1")).netloc
        except ValueError:
            host = ""
        if host.encode("latin-1") != request.headers.get(b"host", b""):
            raise AdminError(403, "only pages of this simulator may ask this")


def _match(path: str) -> tuple[_Route, dict[str, str]] | None:
    parts = path.split("/")
    for route in _routes():
        if len(route.parts) == len(parts):
            pairs = list(zip(route.parts, parts, strict=True))
            if all(part == wanted or (wanted.startswith("{") and part) for wanted, part in pairs):
                return route, {wanted[1:-1]: part for wanted, part in pairs if wanted.startswith("{")}
    return None


def _checked_query(operation: dict[str, Any], values: dict[str, str], query: dict[str, str]) -> dict[str, str]:
    parameters = [_resolved(parameter) for parameter in operation.get("parameters", [])]
    for parameter in parameters:
        name, schema = parameter["name"], parameter["schema"]
        text = values.get(name) if parameter["in"] == "path" else query.get(name)
        if text is None:
            continue
        if schema["type"] == "integer":
            low, high = schema["minimum"], schema.get("maximum", math.inf)
            if not (text.isascii() and text.isdecimal() and len(text) < 16 and low <= int(text) <= high):
                raise AdminError(422, f"{name}: not a whole number from {low} to {high}")
        elif "enum" in schema and text not in schema["enum"]:
            raise AdminError(422, f"{name}: none of {', '.join(schema['enum'])}")
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    return {name: value for name, value in query.items() if name in known}


def _resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    components = admin_document.document()["components"]["parameters"]
    found: dict[str, Any] = components[parameter["$ref"].rsplit("/", 1)[1]]
    return found


@cache
def _routes() -> list[_Route]:
    paths = admin_document.document()["paths"]
    return [
        _Route(path.split("/"), {method.upper(): operation for method, operation in item.items()})
        for path, item in paths.items()
    ]


@cache
def _page() -> bytes:
    return files("apikley_mock").joinpath("control/page.html").read_bytes()


def _shown(task: Task, now: float, without_keys: Callable[[str], str]) -> dict[str, Any]:
    state, since = task.state(now)
    try:
        prompt = json.loads(task.param)["input"]["prompt"]
    except KeyError:
        prompt = ""
    return {
        "id": task.id,
        "model": task.model,
        "state": state,
        "since": since,
        "created": task.created,
        "moments": [None if moment == math.inf else moment for moment in task.moments],
        "outcome": task.plan.outcome,
        "polls": task.polls,
        "account": task.account.name,
        "callback_url": task.callback_url and without_keys(task.callback_url),
        "prompt": without_keys(prompt)[:200],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {**entry._asdict(), "body": entry.body.decode("utf-8", errors="replace")}


def _rule(rule: Rule[Any]) -> dict[str, Any]:
    return {"number": rule.number, "times": rule.times, "share": rule.share, "when": dict(rule.when)}
