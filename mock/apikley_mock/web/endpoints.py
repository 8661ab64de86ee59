"""The endpoints under /api/v1: tasks, credits, links, and the results that they lead to."""

from __future__ import annotations

from typing import Any

from apikley_mock.control.prompt_directives import wish_of
from apikley_mock.service import Service
from apikley_mock.web import faults, media
from apikley_mock.web import responses as answers
from apikley_mock.web import validation as judge
from apikley_mock.web.faults import Fault
from apikley_mock.web.http import Answer, Request
from apikley_mock.web.responses import CODES
from apikley_mock.world import records as shapes
from apikley_mock.world.accounts import Account
from apikley_mock.world.tasks import SUCCESS, Task

LINKS = "/links"
_LINK_LIFE = 20 * 60


class Jobs:
    """Handlers of the endpoints under /api/v1.

    Args:
        service: What they act on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._download_schema = judge.request_schema("getDownloadUrl")

    async def create_task(self, request: Request, account: Account) -> Answer:
        """Begin a task, as the plan for it, what was armed, and its prompt say."""
        service = self._service
        body, wrong = judge.body_of(request.body)
        if service.settings.lenient:
            body = judge.leniently(body)
        wrong = wrong or judge.create_task(body)
        if wrong:
            return self._error("VALIDATION_FAILED", wrong)
        model, prompt = body["model"], body.get("input", {}).get("prompt", "")
        fault, wish = None, wish_of(prompt) if "[" in prompt else None
        if wish:
            fault = wish.fault
            if wish.wrong:
                return self._error("VALIDATION_FAILED", wish.wrong)
            if fault and fault.stage == "before":
                return self.refused(fault)
        price = service.settings.prices.get(model, service.settings.price)
        if not account.pay(price):
            return self._error("INSUFFICIENT_CREDITS")
        # A plan is used up by a task alone: from here on, nothing keeps this one from being made.
        plan = service.plan_for(model)
        if service.plans:
            changes = service.plans.take({"model": model, "prompt": prompt, "account": account.name})
            plan = plan.changed(changes) if changes else plan
        plan = plan.changed(wish.plan) if wish else plan
        task = service.engine.create(model, request.body, account, plan, service.clock.now())
        task.price, task.paid = price, account.credits is not None
        task.base_url = request.base_url
        task.callback_url = body.get("callBackUrl")
        if plan.ends_at_once:
            await self._end_at_once(task)
        service.wake()
        answer = answers.created(task.id)
        answer.fault = fault
        return answer

    async def get_task_details(self, request: Request, account: Account) -> Answer:
        """Say how a task is; every account sees its own only."""
        task_id = request.query.get("taskId")
        if not task_id:
            return self._error("VALIDATION_FAILED", "taskId: missing, but required")
        service = self._service
        now = service.clock.now()
        task = service.engine.find(task_id, now)
        if task is None or task.account is not account:
            answer = self._error("NOT_FOUND")
        else:
            service.engine.look(task, now)
            service.wake()
            answer = answers.success(shapes.record(task, now))
        answer.task_id = task_id
        return answer

    async def get_credits(self, _: Request, account: Account) -> Answer:
        """Say what is left; as a whole number where it is one."""
        left = shapes.balance(account.credits)
        return answers.success(int(left) if left == int(left) else left)

    async def get_download_url(self, request: Request, account: Account) -> Answer:
        """Give a link of 20 minutes for a result of this account."""
        body, wrong = judge.body_of(request.body)
        wrong = wrong or judge.findings(self._download_schema, body)
        if wrong:
            return self._error("VALIDATION_FAILED", wrong)
        now = self._service.clock.now()
        task = self._service.engine.find(_task_of(body["url"]), now)
        if task is None or task.account is not account or shapes.result_url(task) != body["url"]:
            return self._error("VALIDATION_FAILED", "url: not a result of this service")
        link = f"{task.base_url}{LINKS}/{task.id}.mp4?expires={int(now) + _LINK_LIFE}"
        answer = answers.success(link)
        answer.task_id = task.id
        return answer

    async def result(self, request: Request) -> Answer:
        """Serve a task's video, while its link works."""
        service = self._service
        now = service.clock.now()
        task = service.engine.find(_task_of(request.path), now)
        if request.method not in ("GET", "HEAD") or task is None or task.state(now)[0] != SUCCESS:
            return Answer(404, b"no such result\n", b"text/plain")
        ttl = task.plan.result_ttl
        expires = request.query.get("expires", "") if request.path.startswith(LINKS) else None
        if expires is not None:
            expired = not expires.isdecimal() or now >= int(expires[:18])
        else:
            expired = ttl is not None and now >= task.completed + ttl
        if expired:
            answer = Answer(403, b"this link has expired\n", b"text/plain")
        else:
            answer = media.served(media.video(), "video/mp4", request.headers.get(b"range", b""))
        answer.task_id = task.id
        return answer

    def refused(self, fault: Fault) -> Answer:
        """What a fault answers before anything is accepted."""
        return faults.refused(fault, answers.error(fault.code, fault.msg, self._service.settings.error_style))

    async def _end_at_once(self, task: Task) -> None:
        service = self._service
        service.engine.end(task, task.plan, service.clock.now())
        service.tick()
        await service.deliveries.settled(task)

    def _error(self, name: str, msg: str | None = None) -> Answer:
        return answers.error(CODES[name], msg, self._service.settings.error_style)


def _task_of(url: Any) -> str:
    """The task's id in a result's URL or path."""
    return str(url).rsplit("/", 1)[-1].removesuffix(".mp4")
