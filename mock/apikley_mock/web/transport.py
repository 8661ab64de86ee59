"""The simulator in-process for httpx2, without a port or a thread."""

from __future__ import annotations

import httpx2

from apikley_mock.web.app import Simulator
from apikley_mock.web.faults import ConnectionLostError


class SimulatorTransport(httpx2.ASGITransport):
    """A transport for `httpx2.AsyncClient`. A simulated broken connection raises httpx2's own error.

    Args:
        simulator: The simulator.

    Attributes:
        service: The simulated service, with its journal and clock.
    """

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.service = simulator.service

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Respond to one request.

        Raises:
            httpx2.ReadError: The simulated connection breaks.
        """
        try:
            return await super().handle_async_request(request)
        except ConnectionLostError as error:
            raise httpx2.ReadError(str(error), request=request) from error
