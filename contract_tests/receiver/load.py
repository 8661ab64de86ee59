"""Sends callbacks over persistent connections, as fast as they are acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

import apikley_contract
from apikley.callbacks import sign
from contract_tests.receiver.receiver_process import KEY
from contract_tests.receiver.receivers import body_of

_ACCEPTED = b"HTTP/1.1 %d " % apikley_contract.codes()["SUCCESS"]


def callbacks(task_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the whole callback request of each task."""
    for task_id in task_ids:
        body = body_of(task_id, resultJson='{"resultUrls":["https://files.example.com/1.mp4"]}')
        headers = {"Host": "receiver", "Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = (f"{name}: {value}" for name, value in {**headers, **sign(task_id, KEY)}.items())
        yield task_id, "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode() + body


def send(
    port: int, requests: Iterable[tuple[str, bytes]], *, connections: int, acknowledged: Callable[[str], object]
) -> list[float]:
    """Send requests until there are no more, or the receiver is gone; returns the seconds that each took."""
    return asyncio.run(_send(port, iter(requests), connections, acknowledged))


async def _send(
    port: int, requests: Iterator[tuple[str, bytes]], connections: int, acknowledged: Callable[[str], object]
) -> list[float]:
    times: list[float] = []

    async def connection() -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        try:
            for task_id, request in requests:
                start = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
                times.append(time.perf_counter() - start)
                if not head.startswith(_ACCEPTED):
                    raise RuntimeError(f"not acknowledged: {head!r}")
                acknowledged(task_id)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return times
