"""The admin API under /__mock__/."""

# ruff: noqa: D102 - the route table describes the handlers

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

import apikley_contract
from apikley_mock.control.rules import Rules, TooManyRulesError
from apikley_mock.control.vocabulary import (
    Advance,
    Credits,
    Failure,
    FaultRule,
    JournalQuery,
    NewTask,
    PlanRule,
    ShapesChange,
    TaskQuery,
    UnknownNameError,
    VocabularyError,
    check_rule,
    convert,
)
from apikley_mock.journal.entry import Entry
from apikley_mock.service import Service
from apikley_mock.web.admin_document import ACTIONS, PREFIX, ROUTES, Route, document
from apikley_mock.web.http import BodyRefusedError, Receive, Request, Response, json_response, read
from apikley_mock.web.validation import parse_body
from apikley_mock.world import records
from apikley_mock.world.clock import VirtualClock
from apikley_mock.world.tasks import Task

_MAX_BODY = 64 * 1024


class AdminError(Exception):
    """A request that cannot be fulfilled.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Admin:
    """The handlers of the admin API. Each gets the path's parameters, and the body or query of its route."""

    def __init__(self, service: Service, create: Callable[[Request, bytes], Awaitable[Response]]) -> None:
        self._service = service
        self._create = create

    async def respond(self, request: Request, receive: Receive) -> Response:
        """Respond to one request."""
        try:
            return await self._respond(request, receive)
        except AdminError as error:
            return json_response(error.status, {"error": str(error)})
        except UnknownNameError as error:
            return json_response(404, {"error": str(error)})
        except VocabularyError as error:
            return json_response(422, {"error": str(error)})
        except TooManyRulesError as error:
            return json_response(409, {"error": str(error)})

    async def _respond(self, request: Request, receive: Receive) -> Response:
        _require_same_origin(request)
        if request.path == PREFIX:
            return page_redirect()
        matches = [(route, found) for route, pattern in _patterns() if (found := pattern.fullmatch(request.path))]
        if not matches:
            raise AdminError(404, f"no such endpoint; see {PREFIX}/openapi.json")
        matching = [(route, found) for route, found in matches if route.method == request.method]
        if not matching:
            allowed = ", ".join(route.method for route, _ in matches)
            response = json_response(405, {"error": f"this endpoint accepts {allowed}"})
            response.headers = [(b"allow", allowed.encode())]
            return response
        ((route, found),) = matching
        arguments: dict[str, Any] = found.groupdict()
        if route.query is not None:
            known = {name: value for name, value in request.query.items() if name in route.query.__struct_fields__}
            arguments["query"] = convert(known, route.query, text=True)
        try:
            body = await read(receive, _MAX_BODY)
        except BodyRefusedError as error:
            raise AdminError(408, str(error)) from None
        if route.body is not None:
            arguments["body"] = _parse(route, body)
        if route.handler == "create":
            arguments["request"] = request
        result = getattr(self, route.handler)(**arguments)
        if inspect.isawaitable(result):
            result = await result
        if route.method != "GET":
            self._service.changed()
        return (
            result if isinstance(result, Response) else json_response(200, {"ok": True} if result is None else result)
        )

    def page(self) -> Response:
        policy = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        policy += b"media-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
        return Response(200, _page(), b"text/html; charset=utf-8", [(b"content-security-policy", policy)])

    def document(self) -> Response:
        return json_response(200, document())

    def state(self) -> dict[str, Any]:
        service = self._service
        return {
            "now": service.clock.now(),
            "virtual": isinstance(service.clock, VirtualClock),
            "shapes": service.shapes,
            "error_style": service.settings.error_style,
            "tasks": len(service.engine.tasks),
            "entries": service.journal.last,
            "resets": service.journal.era,
            "planned_callbacks": service.deliveries.planned(),
            "accounts": [{"name": account.name, "credits": account.credits} for account in service.accounts],
        }

    def reset(self) -> None:
        self._service.reset()

    async def advance(self, body: Advance) -> None:
        try:
            await self._service.advance(body.seconds)
        except (TypeError, ValueError) as error:
            raise AdminError(409, str(error)) from None

    def set_shapes(self, body: ShapesChange) -> None:
        self._service.shapes = body.shapes

    def set_credits(self, name: str, body: Credits) -> None:
        account = self._service.accounts.named(name)
        if account is None:
            raise AdminError(404, f"no account {name!r}")
        account.credits = body.credits

    def models(self) -> list[dict[str, Any]]:
        content = apikley_contract.operation("createTask").description["requestBody"]["content"]
        examples = {each["value"]["model"]: each["value"] for each in content["application/json"]["examples"].values()}
        requests = {name: examples.get(name, {"model": name, "input": {}}) for name in apikley_contract.models()}
        # The examples name a receiver that does not exist.
        shown = {name: {"model": name, "input": request["input"]} for name, request in requests.items()}
        return [{"name": name, "example": example} for name, example in shown.items()]

    async def create(self, body: NewTask, request: Request) -> Response:
        return await self._create(request, msgspec.json.encode(body))

    def tasks(self, query: TaskQuery) -> Response:
        service, now = self._service, self._service.clock.now()
        found = [
            task
            for task in reversed(service.engine.tasks.values())
            if query.state in (None, task.state(now)[0]) and _contains(query.text, task.id, task.model, task.param)
        ]
        shown = found[query.skip : query.skip + query.limit]
        response = json_response(200, [_describe(task, now, service.journal.redact) for task in shown])
        response.headers = [(b"x-total-count", b"%d" % len(found))]
        return response

    def task(self, id: str) -> dict[str, Any]:  # noqa: A002 - the path's parameter
        service, now = self._service, self._service.clock.now()
        task = service.engine.tasks.get(id)
        if task is None:
            raise AdminError(404, f"no task {id!r}")
        redact = service.journal.redact
        more = {
            "request": json.loads(redact(task.body.decode(errors="replace"))),
            "plan": msgspec.to_builtins(task.plan),
            "record": json.loads(redact(json.dumps(records.record(task, now)))),
            "results": [urlsplit(url).path for url in records.result_urls(task)] if now >= task.completed else [],
        }
        return {**_describe(task, now, redact), **more}

    def act(self, id: str, action: str, body: Failure) -> None:  # noqa: A002 - the path's parameter
        service = self._service
        now = service.clock.now()
        if action not in ACTIONS:
            raise AdminError(422, f"action: expected one of {', '.join(ACTIONS)}")
        task = service.engine.tasks.get(id)
        if task is None:
            raise AdminError(404, f"no task {id!r}")
        ended = now >= task.completed
        if action == "callback":
            if not ended or not task.callback_url:
                raise AdminError(409, "the task has not ended, or has no callback URL")
            service.deliveries.repeat(task)
        elif ended:
            raise AdminError(409, "the task has ended")
        elif action == "step":
            service.engine.step(task, now)
        elif action == "finish":
            service.engine.end(task, replace(task.plan, outcome="success"), now)
        else:
            code = body.code or task.plan.fail_code
            plan = replace(task.plan, outcome="fail", fail_code=code, fail_message=body.message)
            service.engine.end(task, plan, now)
        service.wake()

    def journal(self, query: JournalQuery) -> Response:
        entries = [entry for entry in self._service.journal if _matches(entry, query)]
        chosen = entries[-query.limit :] if query.after is None else entries[: query.limit]
        response = json_response(200, [_shown(entry) for entry in chosen])
        response.headers = [(b"x-total-count", b"%d" % len(entries))]
        return response

    def entry(self, number: str) -> dict[str, Any]:
        found = next((entry for entry in self._service.journal if str(entry.number) == number), None)
        if found is None:
            raise AdminError(404, f"no entry {number}; old ones are forgotten")
        return {
            **_shown(found),
            "query": _text(found.query),
            "headers": _pairs(found.headers),
            "response_headers": _pairs(found.response_headers),
            "response": _text(found.response),
        }

    def list_faults(self) -> list[dict[str, Any]]:
        return [rule.described() for rule in self._service.faults]

    def arm_fault(self, body: FaultRule) -> dict[str, int]:
        check_rule(body, self._service.accounts.names())
        return {"number": self._service.faults.arm(body).number}

    def disarm_faults(self) -> None:
        self._service.faults.disarm()

    def disarm_fault(self, number: str) -> None:
        _disarm(self._service.faults, number)

    def list_plans(self) -> list[dict[str, Any]]:
        return [rule.described() for rule in self._service.plans]

    def arm_plan(self, body: PlanRule) -> dict[str, int]:
        check_rule(body, self._service.accounts.names())
        return {"number": self._service.plans.arm(body).number}

    def disarm_plans(self) -> None:
        self._service.plans.disarm()

    def disarm_plan(self, number: str) -> None:
        _disarm(self._service.plans, number)


@cache
def _patterns() -> list[tuple[Route, re.Pattern[str]]]:
    return [(route, re.compile(PREFIX + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.path))) for route in ROUTES]


def _parse(route: Route, content: bytes | None) -> Any:
    if content is None:
        raise AdminError(422, f"the body is larger than {_MAX_BODY:,} bytes")
    if not content and route.body_is_optional:
        return route.body()
    body, error = parse_body(content)
    if error:
        raise AdminError(422, error)
    return convert(body, route.body)


def _require_same_origin(request: Request) -> None:
    # A page of another site, open in the same browser, can send requests here, too.
    origin = request.headers.get(b"origin")
    if origin is not None:
        try:
            host = urlsplit(origin.decode("latin-1")).netloc
        except ValueError:
            host = ""
        if host.encode("latin-1") != request.headers.get(b"host", b""):
            raise AdminError(403, "only the simulator's own pages may send this")


def page_redirect() -> Response:
    """Return the response that leads a browser to the page."""
    return Response(307, b"", b"text/plain", [(b"location", f"{PREFIX}/".encode())])


@cache
def _page() -> bytes:
    return files("apikley_mock").joinpath("control/page.html").read_bytes()


def _describe(task: Task, now: float, redact: Callable[[str], str]) -> dict[str, Any]:
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
        "callback_url": task.callback_url and redact(task.callback_url),
        "prompt": redact(prompt)[:200],
    }


def _disarm(rules: Rules[Any], number: str) -> None:
    if not (number.isdecimal() and rules.disarm(int(number[:9]))):
        raise AdminError(404, f"no armed rule {number}")


def _contains(text: str, *places: str) -> bool:
    return not text or any(text.casefold() in place.casefold() for place in places)


def _matches(entry: Entry, query: JournalQuery) -> bool:
    if (query.after is not None and entry.number <= query.after) or (
        query.before is not None and entry.number >= query.before
    ):
        return False
    if query.kind not in (None, entry.kind) or query.code not in (None, entry.code, entry.status):
        return False
    if query.task and query.task != entry.task_id:
        return False
    return not query.text or _contains(query.text, entry.target, entry.note, entry.task_id or "", _text(entry.body))


def _pairs(lines: bytes) -> list[list[str]]:
    parts = (line.partition(": ") for line in _text(lines).splitlines())
    return [[name, value] for name, _, value in parts]


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _shown(entry: Entry) -> dict[str, Any]:
    hidden = ("query", "headers", "response_headers", "response")
    shown = {name: value for name, value in entry._asdict().items() if name not in hidden}
    return {**shown, "body": _text(entry.body)}
