"""The endpoints under /api/v1: tasks, credits, links, and the results that they lead to."""

from __future__ import annotations

import re
from typing import Any

from apikley_mock.control import prompt_directives
from apikley_mock.service import Service
from apikley_mock.web import faults, media, responses, validation
from apikley_mock.web.http import Request, Response
from apikley_mock.web.responses import CODES
from apikley_mock.world import records
from apikley_mock.world.accounts import Account
from apikley_mock.world.tasks import SUCCESS, Task

LINKS = "/links"
_NUMBERED = re.compile(r"(.+)-(\d{1,9})", re.DOTALL)
_LINK_LIFETIME = 20 * 60


class Jobs:
    """The handlers of the endpoints under /api/v1."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._download_schema = validation.request_schema("getDownloadUrl")

    async def create_task(self, request: Request, account: Account) -> Response:
        """Create a task, with the plan of its model, armed plans and prompt directives."""
        service = self._service
        body, error = validation.parse_body(request.body)
        body, request.warnings = self._tolerated(body)
        error = error or validation.create_task(body)
        if error:
            return self._error("VALIDATION_FAILED", error)
        request.warnings += validation.unknown_fields(body)
        model, prompt = body["model"], body.get("input", {}).get("prompt", "")
        directives = prompt_directives.parse(prompt) if "[" in prompt else None
        fault = directives.fault if directives else None
        if directives and directives.error:
            return self._error("VALIDATION_FAILED", directives.error)
        if fault and fault.stage == "before":
            return faults.error(fault, "createTask", service)
        limit = service.settings.limit_of(model)
        if limit and (wait := account.admit_model(model, limit, service.clock.now())) is not None:
            response = self._error("RATE_LIMITED")
            response.headers.append((b"retry-after", b"%d" % wait))
            return response
        price = service.settings.price_of(model)
        if not account.pay(price):
            return self._error("INSUFFICIENT_CREDITS")
        # Armed plans are used up only by tasks: from here on, nothing refuses this one.
        plan = service.plan_for(model)
        if service.plans:
            armed = service.plans.take({"model": model, "prompt": prompt, "account": account.name})
            plan = plan.changed(armed.rule) if armed else plan
        plan = plan.changed(directives.plan) if directives and directives.plan else plan
        recorded = service.shapes == "recorded"
        task = service.engine.create(model, request.body, account, plan, service.clock.now(), recorded=recorded)
        if limit:
            account.started(task)
        task.price, task.paid = price, account.credits is not None
        task.base_url = request.base_url
        task.callback_url = body.get("callBackUrl")
        if plan.ends_at_once:
            await self._end_at_once(task)
        service.wake()
        response = responses.created(task.id, service.shapes)
        response.fault = fault
        return response

    def _tolerated(self, body: Any) -> tuple[Any, tuple[str, ...]]:
        """Return a body without what the service tolerates, and the warnings of it."""
        if self._service.settings.lenient:
            body = validation.without_tolerated(body)
        return validation.without_empty_callback(body) if self._service.shapes == "recorded" else (body, ())

    async def get_task_details(self, request: Request, account: Account) -> Response:
        """Return a task's record, if it is the account's own."""
        task_id = request.query.get("taskId")
        if not task_id:
            return self._error("BAD_REQUEST")
        service = self._service
        now = service.clock.now()
        task = service.engine.find(task_id, now)
        if task is None or task.account is not account:
            response = self._error("VALIDATION_FAILED" if service.shapes == "recorded" else "NOT_FOUND")
        else:
            service.engine.poll(task, now)
            service.wake()
            response = responses.success(records.record(task, now))
        response.task_id = task_id
        return response

    async def get_credits(self, _: Request, account: Account) -> Response:
        """Return the credits that are left, as an integer if they are whole."""
        left = records.balance(account, recorded=self._service.shapes == "recorded")
        return responses.success(records.whole(left))

    async def get_download_url(self, request: Request, account: Account) -> Response:
        """Return a link to a result of this account, which works for 20 minutes."""
        body, error = validation.parse_body(request.body)
        error = error or validation.violations(self._download_schema, body)
        if error:
            return self._error("VALIDATION_FAILED", error)
        now = self._service.clock.now()
        task = self._service.engine.find(_result(body["url"])[0], now)
        if task is None or task.account is not account or body["url"] not in records.result_urls(task):
            return self._error("VALIDATION_FAILED", "url: not a result of this service")
        response = responses.success(
            f"{task.base_url}{LINKS}/{body['url'].rpartition('/')[2]}?expires={int(now) + _LINK_LIFETIME}"
        )
        response.task_id = task.id
        return response

    async def result(self, request: Request) -> Response:
        """Serve a task's result until its link expires."""
        service = self._service
        now = service.clock.now()
        task_id, number = _result(request.path)
        task = service.engine.find(task_id, now)
        served = request.method in ("GET", "HEAD") and task is not None and task.state(now)[0] == SUCCESS
        if not served or task is None or number > task.plan.results:
            return Response(404, b"no such result\n", b"text/plain")
        ttl = task.plan.result_ttl
        expires = request.query.get("expires", "") if request.path.startswith(LINKS) else None
        if expires is not None:
            expired = not expires.isdecimal() or now >= int(expires[:18])
        else:
            expired = ttl is not None and now >= task.completed + ttl
        if expired:
            response = Response(403, b"this link has expired\n", b"text/plain")
        else:
            content, media_type = media.of_suffix(request.path.rpartition(".")[2])
            response = media.serve(content, media_type, request.headers.get(b"range", b""))
        response.task_id = task.id
        return response

    async def _end_at_once(self, task: Task) -> None:
        service = self._service
        service.engine.end(task, task.plan, service.clock.now())
        service.tick()
        await service.deliveries.settled(task)

    def _error(self, name: str, message: str | None = None) -> Response:
        return responses.error(CODES[name], message, self._service.settings.error_style, shapes=self._service.shapes)


def _result(url: Any) -> tuple[str, int]:
    """Return the task id and the number in a result's URL or path; the first result has no number."""
    stem = str(url).rsplit("/", 1)[-1].rpartition(".")[0]
    numbered = _NUMBERED.fullmatch(stem)
    return (numbered[1], int(numbered[2])) if numbered else (stem, 1)
