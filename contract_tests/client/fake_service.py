"""A fake service with given responses, and one call of both clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2

from apikley import Apikley, AsyncApikley, Hailuo02ImageToVideoPro
from apikley.testing import ManualClock
from contract_tests.conftest import KEY

TASK = "task_hailuo_1"
BASE = "http://service.test"
FakeResponse = httpx2.Response | Exception


class Service:
    """Gives its responses in turn, and repeats the last one."""

    def __init__(self, *responses: FakeResponse | Callable[[httpx2.Request], FakeResponse]) -> None:
        self.responses = list(responses)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if not isinstance(response, httpx2.Response | Exception):
            made = response(request)
            if isinstance(made, httpx2.Response):
                return _about_asked_task(request, made)
            response = made
        if isinstance(response, Exception):
            raise response
        # A new one each time, because the client consumes it.
        again = httpx2.Response(response.status_code, headers=response.headers, content=response.content)
        return _about_asked_task(request, again)

    async def respond_async(self, request: httpx2.Request) -> httpx2.Response:
        return self(request)


def _about_asked_task(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """Put the id that the request asks for in the place of the default one, as the service does."""
    asked = request.url.params.get("taskId")
    if asked is None or TASK.encode() not in response.content:
        return response
    content = response.content.replace(json.dumps(TASK).encode(), json.dumps(asked).encode())
    return httpx2.Response(response.status_code, content=content)


Call = Callable[[Any], Any]


def call_sync(service: Service, call: Call, **options: Any) -> tuple[Any, ManualClock]:
    """Make one call with the sync client."""
    with httpx2.Client(transport=httpx2.MockTransport(service)) as http:
        clock = ManualClock()
        api = Apikley(KEY, base_url=BASE, http_client=http, **{"clock": clock, **options})
        return call(api), clock


def call_async(service: Service, call: Call, **options: Any) -> tuple[Any, ManualClock]:
    """Make the same call with the async client."""

    async def main() -> tuple[Any, ManualClock]:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(service.respond_async)) as http:
            clock = ManualClock()
            api = AsyncApikley(KEY, base_url=BASE, http_client=http, **{"clock": clock, **options})
            coroutine: Coroutine[Any, Any, Any] = call(api)
            return await coroutine, clock

    return asyncio.run(main())


BOTH = [call_sync, call_async]


def call_create(api: Any) -> Any:
    return api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png"))


def created(task_id: str = TASK) -> httpx2.Response:
    return envelope(data={"taskId": task_id})


def details(state: str, **fields: Any) -> httpx2.Response:
    return envelope(data={"taskId": TASK, "state": state, **fields})


def envelope(code: Any = 200, msg: str = "success", data: Any = None, *, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "msg": msg, "data": data})
