"""Made-up services for the client: each answers in its own way and counts what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2

from apikley import Apikley, AsyncApikley, Hailuo02ImageToVideoPro
from apikley.testing import ManualClock
from contract_tests.conftest import KEY

BASE = "http://service.test"
Answer = httpx2.Response | Exception


class Service:
    """Answers with the given answers one after another, the last one again and again."""

    def __init__(self, *answers: Answer | Callable[[httpx2.Request], Answer]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not isinstance(answer, httpx2.Response | Exception):
            made = answer(request)
            if isinstance(made, httpx2.Response):
                return made
            answer = made
        if isinstance(answer, Exception):
            raise answer
        # A fresh one: the client consumes what it is given.
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def answer_async(self, request: httpx2.Request) -> httpx2.Response:
        return self(request)


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
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(service.answer_async)) as http:
            clock = ManualClock()
            api = AsyncApikley(KEY, base_url=BASE, http_client=http, **{"clock": clock, **options})
            coroutine: Coroutine[Any, Any, Any] = call(api)
            return await coroutine, clock

    return asyncio.run(main())


BOTH = [call_sync, call_async]


def ask_create(api: Any) -> Any:
    return api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png"))


def created(task_id: str = "task_hailuo_1") -> httpx2.Response:
    return envelope(data={"taskId": task_id})


def details(state: str, **fields: Any) -> httpx2.Response:
    return envelope(data={"taskId": "task_hailuo_1", "state": state, **fields})


def envelope(code: Any = 200, msg: str = "success", data: Any = None, *, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "msg": msg, "data": data})
