"""The simulator as an ASGI application.

A request goes through: journal, key, faults, limits, the contract, the engine; then its answer is
written, unless a fault has it lost.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import apikley_contract
from apikley_mock.control.admin import PREFIX, Admin
from apikley_mock.control.admin_document import FILES
from apikley_mock.control.settings import Settings
from apikley_mock.service import Service
from apikley_mock.web import faults
from apikley_mock.web import responses as answers
from apikley_mock.web.endpoints import LINKS, Jobs
from apikley_mock.web.http import LARGEST_HEAD, Answer, ClientGoneError, Receive, Request, Scope, Send, read, write
from apikley_mock.web.responses import CODES, UPLOADS
from apikley_mock.web.uploads import FILES as UPLOADED
from apikley_mock.web.uploads import Uploads
from apikley_mock.world.accounts import Account
from apikley_mock.world.records import RESULTS

__all__ = ["Settings", "Simulator"]

Handler = Callable[[Request, Account], Awaitable[Answer]]
_logger = logging.getLogger("apikley_mock")
_PREFERRED_CODE = re.compile(rb'(?:^|[,;\s])code="?(\d{3})"?(?:$|[,;\s])', re.IGNORECASE)


class _Route(NamedTuple):
    operation: str
    handler: Handler
    largest: int
    responses: dict[str, Any]


class Simulator:
    """The Apikley API, simulated.

    Args:
        service: What is simulated, or the settings for it.
    """

    def __init__(self, service: Service | Settings | None = None) -> None:
        self.service = service if isinstance(service, Service) else Service(service)
        self._admin = Admin(self.service)
        self._jobs = jobs = Jobs(self.service)
        self._uploads = uploads = Uploads(self.service)
        self._served = {
            f"{RESULTS}/": ("result", jobs.result),
            f"{LINKS}/": ("link", jobs.result),
            f"{UPLOADED}/": ("file", uploads.file),
        }
        self._routes = self._routed(
            {
                "createTask": jobs.create_task,
                "getTaskDetails": jobs.get_task_details,
                "getCredits": jobs.get_credits,
                "getDownloadUrl": jobs.get_download_url,
                "uploadFileStream": uploads.stream,
                "uploadFileBase64": uploads.base64,
                "uploadFileUrl": uploads.url,
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope)
        state = scope.get("state") or {}
        try:
            answer = await self._answer(request, receive)
            if answer.fault is not None and answer.fault.stage == "after":
                await asyncio.sleep(answer.fault.latency)
        except ClientGoneError:
            return
        except asyncio.CancelledError:
            if "close" in state:  # the server ends; a task may have been made or not, so nothing is said
                state["close"]()
            raise
        if answer.fault is None:
            await write(answer, send)
        else:
            await faults.write_spoiled(answer.fault, answer, state, receive, send)

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        if request.path.startswith(PREFIX):
            return await self._admin.answer(request, receive)
        account = self.service.accounts.of(request.headers.get(b"authorization", b""))
        era = self.service.journal.era
        try:
            answer = await self._judged(request, account, receive)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours shall not pass for one of the client's
            answer = self._failed(request, error)
        if answer.fault is not None:
            answer = faults.spoiled(answer.fault, answer)
        if self.service.journal.era != era:
            return answer  # a reset overtook it: it belongs to a world that is gone
        self.service.journal.note(
            self.service.clock.now(),
            "request",
            request.method,
            request.path,
            None if answer.fault and answer.fault.fault == "reset" else answer.status,
            code=answer.code,
            note=answer.note,
            task_id=answer.task_id,
            account=account.name if account else None,
            body=request.body,
            secret=request.headers.get(b"authorization", b"").rpartition(b" ")[2],
        )
        return answer

    async def _judged(self, request: Request, account: Account | None, receive: Receive) -> Answer:
        if request.head_size() > LARGEST_HEAD:
            return self._error("VALIDATION_FAILED", f"The request's headers are larger than {LARGEST_HEAD:,} bytes")
        methods = self._routes.get(request.path)
        route = methods.get(request.method) if methods else None
        if route is None:
            return await self._other(request)
        body = await read(receive, route.largest)
        request.body = body or b""
        if account is None:
            return self._refusal(route, "UNAUTHORIZED")
        if body is None:
            return self._refusal(route, "VALIDATION_FAILED", f"The request body is larger than {route.largest:,} bytes")
        if b"prefer" in request.headers:
            preferred = self._preferred(route, request.headers[b"prefer"])
            if preferred is not None:
                return preferred
        facts = {"operation": route.operation, "account": account.name}
        return await (
            self._struck(facts, lambda: self._handled(route, request, account))
            if self.service.faults
            else self._handled(route, request, account)
        )

    async def _handled(self, route: _Route, request: Request, account: Account) -> Answer:
        wait = account.admit(route.operation, self.service.clock.now())
        if wait is not None:
            answer = self._refusal(route, "RATE_LIMITED")
            answer.headers.append((b"retry-after", b"%d" % wait))
            return answer
        self.service.tick()
        return await route.handler(request, account)

    async def _struck(
        self, facts: dict[str, str], handle: Callable[[], Awaitable[Answer]], named: str | None = None
    ) -> Answer:
        """The answer to a request, struck by the fault that is armed for it, if one is."""
        armed = self.service.faults
        rule = armed.draw(facts, named)
        if rule is None:
            return await handle()
        fault, operation = rule.what, facts["operation"]
        if fault.stage == "before":
            era = self.service.journal.era
            await asyncio.sleep(fault.latency)
            if self.service.journal.era != era:
                reset = faults.Fault("error", code=CODES["MAINTENANCE"], msg="The simulator was reset meanwhile")
                return self._fault_answer(operation, reset)
            if fault.fault != "latency":
                return self._fault_answer(operation, fault)
        answer = await handle()
        if fault.stage == "after" and answers.refuses(answer):
            armed.give_back(rule)  # it was meant for a request that is accepted
            return answer
        if fault.fault == "error":
            task_id = answer.task_id
            answer = self._fault_answer(operation, fault)
            answer.task_id = task_id
        answer.fault = fault
        return answer

    def _fault_answer(self, operation: str, fault: faults.Fault) -> Answer:
        if operation in UPLOADS:
            return faults.refused(fault, answers.upload_error(fault.code, fault.msg))
        if operation in FILES:
            return faults.refused(fault, answers.plain_error(fault.code, fault.msg))
        return self._jobs.refused(fault)

    def _preferred(self, route: _Route, header: bytes) -> Answer | None:
        """The documented response that is asked for by the header `Prefer`, as Prism gives it."""
        found = _PREFERRED_CODE.search(header)
        if found is None:
            return None
        code = int(found[1])
        if str(code) not in route.responses:
            return answers.error(CODES["NOT_FOUND"], f"The contract has no response {code} here", "http")
        if code == CODES["SUCCESS"]:
            return answers.documented(route.operation)
        answer = answers.upload_error(code) if route.operation in UPLOADS else answers.error(code, None, "http")
        if code == CODES["RATE_LIMITED"]:
            answer.headers.append((b"retry-after", b"1"))
        return answer

    async def _other(self, request: Request) -> Answer:
        methods = self._routes.get(request.path)
        if methods is not None:
            answer = self._error("NOT_FOUND", f"{request.path} does not take {request.method}")
            answer.status = 405
            answer.headers.append((b"allow", ", ".join(methods).encode()))
            return answer
        folder, slash, _ = request.path[1:].partition("/")
        served = self._served.get(f"/{folder}{slash}")
        if served is None:
            path = self.service.journal.without_keys(request.path)[:200]
            return self._error("NOT_FOUND", f"No such endpoint: {path}")
        operation, serve = served
        # Faults for any request are meant for those of the API, not for what they lead to.
        return await self._struck({"operation": operation}, lambda: serve(request), named="operation")

    def _failed(self, request: Request, error: Exception) -> Answer:
        """The answer where the simulator is at fault itself, with the traceback in the log."""
        without_keys = self.service.journal.without_keys
        _logger.error("%s", without_keys("".join(traceback.format_exception(error))))
        words = "".join(traceback.format_exception_only(error)).strip()
        msg = f"The simulator itself failed: {without_keys(words)}"
        route = self._routes.get(request.path, {}).get(request.method)
        return self._refusal(route, "SERVER_ERROR", msg) if route else self._error("SERVER_ERROR", msg)

    def _refusal(self, route: _Route, name: str, msg: str | None = None) -> Answer:
        if route.operation not in UPLOADS:
            return self._error(name, msg)
        # The uploads know no 422.
        return answers.upload_error(400 if name == "VALIDATION_FAILED" else CODES[name], msg)

    def _error(self, name: str, msg: str | None = None) -> Answer:
        return answers.error(CODES[name], msg, self.service.settings.error_style)

    def _routed(self, handlers: dict[str, Handler]) -> dict[str, dict[str, _Route]]:
        settings = self.service.settings
        routes: dict[str, dict[str, _Route]] = {}
        for operation_id, handler in handlers.items():
            operation = apikley_contract.operation(operation_id)
            # Base64 text is a third longer than what it stands for.
            largest = settings.largest_upload * 3 // 2 if operation_id in UPLOADS else settings.largest_body
            route = _Route(operation_id, handler, largest, operation.description["responses"])
            routes.setdefault(operation.path, {})[operation.method] = route
        return routes

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.service.wake()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.close()
        await send({"type": "lifespan.shutdown.complete"})
