"""The simulator in-process, for httpx: no port, no thread."""

from __future__ import annotations

import httpx

from apikley_mock.web.app import Simulator
from apikley_mock.web.faults import ConnectionLostError


class SimulatorTransport(httpx.ASGITransport):
    """A transport for `httpx.AsyncClient`; a simulated broken connection is httpx's own error.

    Args:
        simulator: What answers.

    Attributes:
        service: What is simulated: its journal, its clock, what can be armed.
    """

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.service = simulator.service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.ReadError: The connection is simulated to break.
        """
        try:
            return await super().handle_async_request(request)
        except ConnectionLostError as error:
            raise httpx.ReadError(str(error), request=request) from error
