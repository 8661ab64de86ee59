"""The admin API under /__mock__/."""

# ruff: noqa: D102 - the route table describes the handlers

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from apikley_mock.control.rules import TooManyRulesError
from apikley_mock.control.vocabulary import (
    Advance,
    Credits,
    Failure,
    FaultRule,
    JournalQuery,
    Limited,
    PlanRule,
    ShapesChange,
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

    def __init__(self, service: Service) -> None:
        self._service = service

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
        result = getattr(self, route.handler)(**arguments)
        if inspect.isawaitable(result):
            result = await result
        return (
            result if isinstance(result, Response) else json_response(200, {"ok": True} if result is None else result)
        )

    def page(self) -> Response:
        policy = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        policy += b"; frame-ancestors 'none'"
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

    def tasks(self, query: Limited) -> list[dict[str, Any]]:
        service, now = self._service, self._service.clock.now()
        newest = islice(reversed(service.engine.tasks.values()), query.limit)
        return [_describe(task, now, service.journal.redact) for task in newest]

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

    def journal(self, query: JournalQuery) -> list[dict[str, Any]]:
        entries = [entry for entry in self._service.journal if query.kind in (None, entry.kind)]
        if query.after is None:
            chosen = entries[-query.limit :]
        else:
            chosen = [entry for entry in entries if entry.number > query.after][: query.limit]
        return [_shown(entry) for entry in chosen]

    def list_faults(self) -> list[dict[str, Any]]:
        return [rule.described() for rule in self._service.faults]

    def arm_fault(self, body: FaultRule) -> dict[str, int]:
        check_rule(body, self._service.accounts.names())
        return {"number": self._service.faults.arm(body).number}

    def disarm_faults(self) -> None:
        self._service.faults.disarm()

    def list_plans(self) -> list[dict[str, Any]]:
        return [rule.described() for rule in self._service.plans]

    def arm_plan(self, body: PlanRule) -> dict[str, int]:
        check_rule(body, self._service.accounts.names())
        return {"number": self._service.plans.arm(body).number}

    def disarm_plans(self) -> None:
        self._service.plans.disarm()


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


def _shown(entry: Entry) -> dict[str, Any]:
    return {**entry._asdict(), "body": entry.body.decode("utf-8", errors="replace")}
