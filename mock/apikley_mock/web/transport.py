"""The simulator in-process, for httpx2: no port, no thread."""

from __future__ import annotations

import httpx2

from apikley_mock.web.app import Simulator
from apikley_mock.web.faults import ConnectionLostError


class SimulatorTransport(httpx2.ASGITransport):
    """A transport for `httpx2.AsyncClient`; a simulated broken connection is httpx2's own error.

    Args:
        simulator: What answers.

    Attributes:
        service: What is simulated: its journal, its clock, what can be armed.
    """

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.service = simulator.service

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request.

        Raises:
            httpx2.ReadError: The connection is simulated to break.
        """
        try:
            return await super().handle_async_request(request)
        except ConnectionLostError as error:
            raise httpx2.ReadError(str(error), request=request) from error
