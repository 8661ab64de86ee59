"""The MCP server: calls of tools, and the two transports."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import jsonschema_rs
import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

import apikley
from apikley._model.texts import printable
from apikley.mcp.definitions import INSTRUCTIONS, Definition, definitions
from apikley.mcp.documents import printable_document
from apikley.mcp.failures import ToolError, failure_text
from apikley.mcp.tools import Tools

logger = logging.getLogger("apikley.mcp")

Context = ServerRequestContext[Any, Any]
_CONFIRMATION, _ASKED = "confirmation", "asked"
_MAX_MESSAGE = 300  # characters
_PATH = "/mcp"


class _InputRequired(Exception):
    """The client must ask a person, and then call the tool again."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__("input required")
        self.result = result


class _Call:
    """One call of a tool."""

    def __init__(self, context: Context, params: CallToolRequestParams) -> None:
        self.arguments: dict[str, Any] = params.arguments or {}
        self._context = context
        self._params = params
        self._progress = -1.0

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Tell the client how far the call is. The number must increase."""
        self._progress = max(done, self._progress + 0.001)
        await self._context.session.report_progress(self._progress, total, printable(message))

    async def confirm(self, message: str) -> None:
        """Ask a person; raises ToolError if they do not agree, or cannot be asked."""
        capabilities = self._context.session.client_capabilities
        elicitation = capabilities.elicitation if capabilities is not None else None
        if elicitation is None or (elicitation.form is None and elicitation.url is not None):
            raise ToolError(
                "A person must confirm a create of this price, but this client cannot ask one; nothing was sent. Tell "
                "the user, who can restart the server with another --confirm-above."
            )
        request = ElicitRequestFormParams(
            message=printable(message), requested_schema={"type": "object", "properties": {}}
        )
        response = await self._ask(request)
        if response.action != "accept":
            raise ToolError("The user did not confirm the create; nothing was sent. Do not try again unless they ask.")

    async def _ask(self, request: ElicitRequestFormParams) -> ElicitResult:
        session, params = self._context.session, self._params
        if self._context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            # The client asks and calls again. The sealed state proves that it was asked for these arguments.
            response = (params.input_responses or {}).get(_CONFIRMATION)
            if params.request_state == _ASKED and isinstance(response, ElicitResult):
                return response
            requests = {_CONFIRMATION: ElicitRequest(params=request)}
            raise _InputRequired(InputRequiredResult(input_requests={**requests}, request_state=_ASKED))
        try:
            return await session.elicit_form(
                request.message, request.requested_schema, related_request_id=self._context.request_id
            )
        except MCPError as error:
            raise ToolError("The user could not be asked to confirm the create; nothing was sent.") from error


def new_server(tools: Tools) -> Server[Any]:
    """Return a server with the tools that an agent may use."""
    known = definitions(tools)

    async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_tool(each) for each in known.values()])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        try:
            return await _call(known, _Call(context, params), params.name)
        except _InputRequired as required:
            return required.result

    server: Server[Any] = Server(
        "apikley",
        version=apikley.__version__,
        title="Apikley",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience="apikley"))
    return server


def _tool(definition: Definition) -> Tool:
    hints = ToolAnnotations(
        read_only_hint=not definition.writes,
        destructive_hint=False,
        # The same arguments again return the same task, but upload a second file.
        idempotent_hint=definition.name != "upload_file",
        open_world_hint=True,
    )
    return Tool(
        name=definition.name,
        description=definition.description,
        input_schema=definition.input_schema,
        annotations=hints,
    )


async def _call(known: Mapping[str, Definition], call: _Call, name: str) -> CallToolResult:
    if name not in known:
        return _failed(f"There is no tool {name!r}. The tools are: {', '.join(known)}.")
    if invalid := _argument_error(known[name], call.arguments):
        return _failed(invalid)
    try:
        document = printable_document(await known[name].handler(call))
    except Exception as error:
        text = failure_text(error)
        if text is None:
            if isinstance(error, _InputRequired | MCPError):
                raise
            logger.exception("the tool %s has failed", name)
            text = "The tool has failed because of an error in this server. Tell the user; its log says more."
        return _failed(text)
    content = TextContent(text=json.dumps(document, ensure_ascii=False))
    return CallToolResult(content=[content], structured_content=document)


def _failed(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=printable(text))], is_error=True)


def _argument_error(definition: Definition, arguments: Mapping[str, Any]) -> str | None:
    validator = _validator(json.dumps(definition.input_schema))
    for error in validator.iter_errors(arguments):
        place = ".".join(map(str, error.instance_path))
        message = f"{place}: {error.message}" if place else error.message
        return f"The arguments of {definition.name} are invalid: {message[:_MAX_MESSAGE]}. Nothing was sent."
    return None


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(schema))


async def serve_stdio(tools: Tools) -> bool:
    """Serve one client over stdin and stdout, until it closes stdin or a signal arrives.

    Returns:
        Whether it was SIGINT or SIGTERM. A thread still reads stdin then and cannot be interrupted: close what is to be
        closed, and end the process with `os._exit`.
    """
    server = new_server(tools)

    async def serve() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    with suppress(NotImplementedError):  # on Windows, where Ctrl-C ends the process
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
    serving, stopping = asyncio.create_task(serve()), asyncio.create_task(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        return True
    stopping.cancel()
    await serving
    return False


async def serve_http(tools: Tools, port: int, on_ready: Callable[[str], object]) -> None:
    """Serve clients on this machine over streamable HTTP, until SIGINT or SIGTERM.

    The SDK checks the headers Host and Origin, so that a web page cannot use the server.

    Args:
        tools: The tools.
        port: The port; 0 picks a free one.
        on_ready: Called with the URL when requests are accepted.

    Raises:
        OSError: The port is taken.
    """
    with socket.create_server(("127.0.0.1", port)) as bound:
        app = new_server(tools).streamable_http_app(streamable_http_path=_PATH, host="127.0.0.1")
        server = _HttpServer(app, lambda: on_ready(f"http://127.0.0.1:{bound.getsockname()[1]}{_PATH}"))
        await server.serve([bound])


class _HttpServer(uvicorn.Server):
    """Uvicorn with a callback when it is ready."""

    def __init__(self, app: Any, on_ready: Callable[[], object]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call `on_ready`."""
        await super().startup(sockets)
        self._on_ready()
