"""The simulator as an ASGI application.

A request passes: key, faults, rate limits, validation, the world. The journal records it, and its response is written
unless a fault loses it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import apikley_contract
from apikley_mock.control.rules import Armed
from apikley_mock.control.vocabulary import Fault, FaultRule, Settings
from apikley_mock.journal.entry import Entry, header_lines
from apikley_mock.service import Service
from apikley_mock.web import events, faults, hosts, responses
from apikley_mock.web.admin import Admin, page_redirect
from apikley_mock.web.admin_document import EVENTS, PREFIX
from apikley_mock.web.endpoints import LINKS, Jobs
from apikley_mock.web.http import (
    MAX_HEAD,
    Bodies,
    BodyRefusedError,
    DisconnectedError,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    read,
    write,
)
from apikley_mock.web.responses import CODES, UPLOADS
from apikley_mock.web.uploads import FILES, Uploads
from apikley_mock.world.accounts import Account
from apikley_mock.world.records import RESULTS

__all__ = ["Settings", "Simulator"]

Handler = Callable[[Request, Account], Awaitable[Response]]
_SHOWN = (b"application/json", b"text/plain")  # not the content of files
_BODIES = 6  # uploads of the maximum size at a time
_GZIP = 31  # the window bits of zlib that make a gzip stream
_logger = logging.getLogger("apikley_mock")
_PREFERRED_CODE = re.compile(rb'(?:^|[,;\s])code="?(\d{3})"?(?:$|[,;\s])', re.IGNORECASE)


def _as_recorded(request: Request, response: Response) -> None:
    """Give a JSON response the recorded headers, and compress it if the client accepts that."""
    if response.content_type != b"application/json":
        return
    response.content_type = b"application/json;charset=UTF-8"
    if b"gzip" in request.headers.get(b"accept-encoding", b""):
        response.body = zlib.compress(response.body, 1, wbits=_GZIP)
        response.headers.append((b"content-encoding", b"gzip"))


class _Route(NamedTuple):
    operation: str
    handler: Handler
    max_body: int
    responses: dict[str, Any]


class Simulator:
    """The simulated API.

    Args:
        service: The service, or its settings.
    """

    def __init__(self, service: Service | Settings | None = None) -> None:
        self.service = service if isinstance(service, Service) else Service(service)
        self._admin = Admin(self.service, self._create)
        self._bodies = Bodies(_BODIES * self.service.settings.max_upload)
        jobs = Jobs(self.service)
        uploads = Uploads(self.service)
        self._downloads = {
            f"{RESULTS}/": ("result", jobs.result),
            f"{LINKS}/": ("link", jobs.result),
            f"{FILES}/": ("file", uploads.file),
        }
        self._routes = self._route_table(
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

        self._envelope_paths = {
            path
            for path, methods in self._routes.items()
            if not any(route.operation in responses.UPLOADS for route in methods.values())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope)
        state = scope.get("state") or {}
        # Requests that arrive over no socket have no state, and come from no browser.
        if state and (refused := hosts.refusal(request.headers.get(b"host", b""), self.service.settings.hosts)):
            await write(refused, send)
            return
        if request.path == EVENTS:
            await events.stream(self.service, request, receive, send)
            return
        await self._serve(request, state, receive, send)

    async def _serve(self, request: Request, state: Any, receive: Receive, send: Send) -> None:
        try:
            response = await self._respond(request, receive)
            if response.fault is not None and response.fault.stage == "after":
                await asyncio.sleep(response.fault.latency)
        except DisconnectedError:
            return
        except asyncio.CancelledError:
            if "close" in state:  # the server stops; a task may exist or not, so there is no response
                state["close"]()
            raise
        if self.service.shapes == "recorded" and request.path in self._envelope_paths:
            _as_recorded(request, response)
        if response.fault is None:
            await write(response, send)
        else:
            await faults.write_damaged(response.fault, response, state, receive, send)

    async def _create(self, request: Request, body: bytes) -> Response:
        """Create a task for the page, which does not know the key."""
        operation, key = apikley_contract.operation("createTask"), self.service.settings.api_key
        headers = [(b"host", request.headers.get(b"host", b"localhost")), (b"authorization", f"Bearer {key}".encode())]
        scope = {"method": operation.method, "path": operation.path, "headers": headers, "query_string": b""}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        return await self._respond(Request({**scope, "scheme": "http"}), receive)

    async def _respond(self, request: Request, receive: Receive) -> Response:
        if request.path.startswith(PREFIX):
            return await self._admin.respond(request, receive)
        if request.path == "/" and b"text/html" in request.headers.get(b"accept", b""):
            return page_redirect()
        start = time.monotonic()
        account = self.service.accounts.of(request.headers.get(b"authorization", b""))
        era = self.service.journal.era
        try:
            response = await self._check(request, account, receive)
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of the simulator must not look like the client's mistake
            response = self._internal_error(request, error)
        if response.fault is not None:
            response = faults.damaged(response.fault, response)
        if self.service.journal.era != era:
            return response  # the simulator was reset meanwhile
        entry = Entry(
            self.service.clock.now(),
            "request",
            request.method,
            request.path,
            None if response.fault and response.fault.fault == "reset" else response.status,
            code=response.code,
            note=response.note,
            task_id=response.task_id,
            account=account.name if account else None,
            body=request.body,
            warnings=request.warnings,
            took=time.monotonic() - start,
            query=request.query_string,
            headers=header_lines([each for each in request.headers.items() if each[0] != b"authorization"]),
            response_headers=header_lines([(b"content-type", response.content_type), *response.headers]),
            response=response.body if response.content_type in _SHOWN else b"",
        )
        self.service.journal.add(entry, request.headers.get(b"authorization", b"").rpartition(b" ")[2])
        return response

    async def _check(self, request: Request, account: Account | None, receive: Receive) -> Response:
        if request.head_size() > MAX_HEAD:
            return self._error("VALIDATION_FAILED", f"The request's headers are larger than {MAX_HEAD:,} bytes")
        methods = self._routes.get(request.path)
        route = methods.get(request.method) if methods else None
        if route is None:
            return await self._other_path(request)
        if account is None and route.operation in UPLOADS:
            return self._refusal(route, "UNAUTHORIZED")  # before its body, which may be large
        try:
            body = await read(receive, route.max_body, self._bodies)
        except BodyRefusedError as error:
            return self._refusal(route, "MAINTENANCE", str(error))
        request.body = body or b""
        try:
            if account is None or body is None:
                too_large = f"The request body is larger than {route.max_body:,} bytes"
                name, text = ("UNAUTHORIZED", None) if account is None else ("VALIDATION_FAILED", too_large)
                return self._refusal(route, name, text)
            return await self._accepted(route, request, account)
        finally:
            self._bodies.release(len(request.body))

    async def _accepted(self, route: _Route, request: Request, account: Account) -> Response:
        """Respond to a request with a known key and a whole body."""
        if b"prefer" in request.headers:
            preferred = self._preferred(route, request.headers[b"prefer"])
            if preferred is not None:
                return preferred

        async def handle() -> Response:
            return await self._handle(route, request, account)

        armed = None
        if self.service.faults:
            armed = self.service.faults.take({"operation": route.operation, "account": account.name})
        return await handle() if armed is None else await self._with_fault(route.operation, armed, handle)

    async def _handle(self, route: _Route, request: Request, account: Account) -> Response:
        retry_after = account.admit(route.operation, self.service.clock.now())
        if retry_after is not None:
            response = self._refusal(route, "RATE_LIMITED")
            response.headers.append((b"retry-after", b"%d" % retry_after))
            return response
        self.service.tick()
        return await route.handler(request, account)

    async def _with_fault(
        self, operation: str, armed: Armed[FaultRule], handle: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return the response to a request that a fault is armed for."""
        fault, service = armed.rule, self.service
        if fault.stage == "before":
            era = self.service.journal.era
            await asyncio.sleep(fault.latency)
            if self.service.journal.era != era:
                text = "The simulator was reset meanwhile"
                reset = Fault(fault="error", code=CODES["MAINTENANCE"], message=text)
                return faults.error(reset, operation, service)
            if fault.fault != "latency":
                return faults.error(fault, operation, service)
        response = await handle()
        if fault.stage == "after" and responses.is_refusal(response):
            self.service.faults.give_back(armed)  # it is for an accepted request
            return response
        if fault.fault == "error":
            task_id = response.task_id
            response = faults.error(fault, operation, service)
            response.task_id = task_id
        response.fault = fault
        return response

    def _preferred(self, route: _Route, header: bytes) -> Response | None:
        """Return the documented response that the header `Prefer` asks for, as Prism does."""
        found = _PREFERRED_CODE.search(header)
        if found is None:
            return None
        code = int(found[1])
        if str(code) not in route.responses:
            return responses.error(CODES["NOT_FOUND"], f"The contract has no response {code} here", "http")
        if code == CODES["SUCCESS"]:
            return responses.documented(route.operation)
        response = responses.error_of(route.operation, code, None, "http")
        if code == CODES["RATE_LIMITED"]:
            response.headers.append((b"retry-after", b"1"))
        return response

    async def _other_path(self, request: Request) -> Response:
        methods = self._routes.get(request.path)
        if methods is not None:
            if next(iter(methods.values())).operation in UPLOADS:
                response = responses.upload_error(405, None)
            else:
                response = self._error("NOT_FOUND", f"{request.path} does not accept {request.method}")
                response.status = 405
            response.headers.append((b"allow", ", ".join(methods).encode()))
            return response
        folder, slash, _ = request.path[1:].partition("/")
        download = self._downloads.get(f"/{folder}{slash}")
        if download is None:
            path = self.service.journal.redact(request.path)[:200]
            return self._error("NOT_FOUND", f"No such endpoint: {path}")
        operation, serve = download
        # Faults without an operation are for the API's requests only.
        armed = self.service.faults.take({"operation": operation}, required="operation")
        if armed is None:
            return await serve(request)
        return await self._with_fault(operation, armed, lambda: serve(request))

    def _internal_error(self, request: Request, error: Exception) -> Response:
        """Log a bug of the simulator, and return the response."""
        redact = self.service.journal.redact
        _logger.error("%s", redact("".join(traceback.format_exception(error))))
        text = redact("".join(traceback.format_exception_only(error)).strip())
        message = f"The simulator itself failed: {text}"
        route = self._routes.get(request.path, {}).get(request.method)
        return self._refusal(route, "SERVER_ERROR", message) if route else self._error("SERVER_ERROR", message)

    def _refusal(self, route: _Route, name: str, message: str | None = None) -> Response:
        if route.operation not in UPLOADS:
            return self._error(name, message)
        # The uploads do not know 422.
        return responses.upload_error(400 if name == "VALIDATION_FAILED" else CODES[name], message)

    def _error(self, name: str, message: str | None = None) -> Response:
        style, shapes = self.service.settings.error_style, self.service.shapes
        return responses.error(CODES[name], message, style, shapes=shapes)

    def _route_table(self, handlers: dict[str, Handler]) -> dict[str, dict[str, _Route]]:
        settings = self.service.settings
        routes: dict[str, dict[str, _Route]] = {}
        for operation_id, handler in handlers.items():
            operation = apikley_contract.operation(operation_id)
            # Base64 text is a third longer than its content.
            max_body = settings.max_upload * 3 // 2 if operation_id in UPLOADS else settings.max_body
            route = _Route(operation_id, handler, max_body, operation.description["responses"])
            routes.setdefault(operation.path, {})[operation.method] = route
        return routes

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.service.wake()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.close()
        await send({"type": "lifespan.shutdown.complete"})
