"""What the tools do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import apikley_contract
from apikley import AsyncApikley, TaskInfo
from apikley._flows.clock import Clock
from apikley._model.names import nearest_names
from apikley.batch import Batch
from apikley.errors import GenerationFailed, NoResult, RequestInvalid, Violation, WaitTimeout
from apikley.mcp.creating import Creates
from apikley.mcp.documents import model_documents, row_document, task_document, violation_document
from apikley.mcp.failures import ToolError, failure_text
from apikley.mcp.files import Root, result_name
from apikley.mcp.options import Options


class Call(Protocol):
    """One call of a tool.

    Attributes:
        arguments: Its arguments, which fit the tool's schema.
    """

    arguments: dict[str, Any]

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Tell the client how far the call is."""

    async def confirm(self, message: str) -> None:
        """Ask a person; raises ToolError if they do not agree, or cannot be asked."""


Handler = Callable[[Call], Awaitable[dict[str, Any]]]


class Tools:
    """The tools, by their names.

    Args:
        api: The client.
        creates: The tasks of this server.
        options: What an agent may do.
        clock: The clock.
    """

    def __init__(self, api: AsyncApikley, creates: Creates, options: Options, clock: Clock) -> None:
        self.options = options
        self._api = api
        self._creates = creates
        self._root = Root(options.root)
        self._clock = clock

    async def list_models(self, call: Call) -> dict[str, Any]:
        """Return models with their fields and limits."""
        search = call.arguments.get("search", "")
        if found := model_documents(search):
            return {"models": found}
        near = nearest_names(search, apikley_contract.models())
        hint = f"did you mean {near}?" if near else "call list_models without a search"
        raise ToolError(f"There is no model with {search!r}; {hint}")

    async def check_request(self, call: Call) -> dict[str, Any]:
        """Validate a request without sending it."""
        violations: tuple[Violation, ...] = ()
        try:
            await self._api.check(_body(call))
        except RequestInvalid as error:
            violations = error.violations
        return {"valid": not violations, "violations": [violation_document(each) for each in violations]}

    async def create_video(self, call: Call) -> dict[str, Any]:
        """Create a task, or return the one of an earlier call with the same key."""
        return await self._creates.create(call.arguments.get("idempotency_key"), _body(call), call.confirm)

    async def wait_for_task(self, call: Call) -> dict[str, Any]:
        """Poll until a task has ended, or the time of one call is over."""
        seconds = min(call.arguments.get("seconds", self.options.wait), self.options.wait)
        start = self._clock.monotonic()

        async def report(task: TaskInfo) -> None:
            await call.progress(self._clock.monotonic() - start, seconds, task.state or "not polled yet")

        failure = None
        try:
            task: TaskInfo = await self._api.wait(call.arguments["task_id"], seconds, on_progress=report)
        except GenerationFailed as error:
            task = error.task
        except WaitTimeout as error:
            task, failure = error.task, error.failure
        await self._creates.note_end(task)
        return task_document(task) | ({"last_poll": failure_text(failure)} if failure else {})

    async def get_task(self, call: Call) -> dict[str, Any]:
        """Poll a task once."""
        task = await self._api.get_task(call.arguments["task_id"])
        await self._creates.note_end(task)
        return task_document(task)

    async def download_result(self, call: Call) -> dict[str, Any]:
        """Save a result in the allowed folder. A file is never replaced."""
        index, name = call.arguments.get("index", 0), call.arguments.get("file")
        target = None if name is None else self._root.inside(name)
        task = await self._api.get_task(call.arguments["task_id"])
        await self._creates.note_end(task)
        if task.failed:
            raise ToolError("The task has failed, so it has no result. get_task says why.")
        if not task.finished:
            raise ToolError("The task has not ended yet. Call wait_for_task first.")
        if index >= len(task.result_urls):
            raise NoResult(f"task {task.id} has {len(task.result_urls)} results")
        target = target or self._root.inside(result_name(task.id, task.result_urls[index], index))

        async def report(received: int, total: int | None) -> None:
            await call.progress(received, total, "downloading")

        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            await self._api.download(task, target, index=index, overwrite=False, on_progress=report)
        except FileExistsError as error:
            shown = self._root.shown(target)
            raise ToolError(f"{shown} exists and is not replaced. Name another file.") from error
        return {"file": self._root.shown(target), "bytes": target.stat().st_size, "results": len(task.result_urls)}

    async def upload_file(self, call: Call) -> dict[str, Any]:
        """Upload a file of the allowed folder."""
        url = await self._api.upload(self._root.inside(call.arguments["file"]))
        return {"url": url, "next": "Use the URL in the input of create_video within three days."}

    async def get_credits(self, _: Call) -> dict[str, Any]:
        """Return the credits that the account has left."""
        return {"credits": await self._api.get_credits()}

    async def list_tasks(self, call: Call) -> dict[str, Any]:
        """Return the latest tasks of this server."""
        return {"tasks": [row_document(row) for row in await self._creates.latest(call.arguments.get("limit", 20))]}


def _body(call: Call) -> dict[str, Any]:
    return {name: call.arguments[name] for name in ("model", "input") if name in call.arguments}


@asynccontextmanager
async def open_tools(
    options: Options, api_key: str | None, base_url: str | None, clock: Clock | None = None
) -> AsyncIterator[Tools]:
    """Open the ledger and a client.

    Args:
        options: What an agent may do.
        api_key: As for `Apikley`.
        base_url: As for `Apikley`.
        clock: The clock, for tests.

    Raises:
        ConfigurationError: The key or an option is missing or invalid.
        LedgerUnavailable: The ledger cannot be opened.
    """
    async with AsyncApikley(api_key, base_url=base_url, clock=clock) as api:
        address = api._driver.connection.base_url  # noqa: SLF001 - of the same library
        # The tasks of a simulator have a batch of their own, so that their credits do not count.
        is_service = address == str(apikley_contract.openapi()["servers"][0]["url"])
        batch = Batch(
            "mcp" if is_service else f"mcp {address}",
            database=options.database,
            out=options.root,
            price=options.price,
            api_key=api_key,
            base_url=base_url,
            clock=clock,
        )
        with batch:
            async with batch.jobs() as jobs:
                creates = Creates(batch, jobs, api, options, clock or Clock())
                try:
                    yield Tools(api, creates, options, clock or Clock())
                finally:
                    await creates.aclose()
