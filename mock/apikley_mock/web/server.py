"""Runs the simulator on a port, in the foreground or in a thread."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

from apikley_mock.web.app import Simulator
from apikley_mock.web.protocol import Protocol

_HANG_TIMEOUT = 600.0  # seconds; a busy machine is slow to start and stop a server


class Server(uvicorn.Server):
    """Uvicorn with a callback when it is ready."""

    def __init__(self, simulator: Simulator, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            simulator,
            http=Protocol,
            ws="none",
            log_config=None,  # its handlers need a standard output, which a process may not have
            log_level="critical",
            access_log=False,
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=0.5,  # type: ignore[arg-type]  # a container is killed soon
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call `on_ready`."""
        await super().startup(sockets)
        self._on_ready()


class ThreadedServer:
    """The simulator on a free loopback port, in its own thread.

    Args:
        simulator: The simulator.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._socket = bind("127.0.0.1", 0)
        self.url = url_of(self._socket)
        self._ready = threading.Event()
        self._server = Server(simulator, self._set_ready)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="apikley-mock")

    def start(self) -> None:
        """Return when requests can be sent."""
        self._thread.start()
        if not self._ready.wait(_HANG_TIMEOUT):
            raise RuntimeError(f"the simulator did not start within {_HANG_TIMEOUT:g} s")

    def stop(self) -> None:
        """Return when everything has ended."""
        self._server.should_exit = True
        self._thread.join(_HANG_TIMEOUT)
        self._socket.close()

    def call(self, coroutine: Any) -> Any:
        """Run a coroutine in the simulator's event loop."""
        assert self._loop is not None, "started"  # noqa: S101
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_HANG_TIMEOUT)

    async def call_async(self, coroutine: Any) -> Any:
        """Run a coroutine in the simulator's event loop without blocking the caller's."""
        assert self._loop is not None, "started"  # noqa: S101
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def _set_ready(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 picks a free one.

    Raises:
        OSError: The port is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows it would share a port that another process listens on
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def url_of(bound: socket.socket) -> str:
    """Return the address of a socket as a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
