"""No response costs more memory than it is allowed to, however it is compressed."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import Any

import httpx2
import pytest

from apikley import CreateOutcomeUnknown, TransportError
from apikley._http.bodies import MAX_BODY
from contract_tests.client.fake_service import BASE, BOTH, Service, call_create
from contract_tests.conftest import KEY

BOMB = gzip.compress(bytes(200_000_000), compresslevel=1)
TWICE = gzip.compress(BOMB)


class Raw(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body as it comes from the network, which httpx2 has not unpacked."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Any:
        yield from (self.content[i : i + 4096] for i in range(0, len(self.content), 4096))

    async def __aiter__(self) -> Any:
        for chunk in self:
            yield chunk


def _response(content: bytes, encoding: str, status: int = 200) -> Any:
    headers = {"content-encoding": encoding, "content-type": "application/json"}
    return lambda _: httpx2.Response(status, headers=headers, stream=Raw(content))


CREDITS = gzip.compress(b'{"code": 200, "data": 7}')


@pytest.mark.parametrize("run", BOTH)
def test_a_response_is_asked_for_without_compression(run: Any) -> None:
    service = Service(_response(b'{"code": 200, "data": 7}', "identity"))
    assert run(service, lambda api: api.get_credits())[0] == 7
    assert service.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("run", BOTH)
def test_one_layer_of_gzip_is_unpacked(run: Any) -> None:
    assert run(Service(_response(CREDITS, "gzip")), lambda api: api.get_credits())[0] == 7


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (BOMB, "gzip", f"larger than {MAX_BODY:,} bytes"),
        (TWICE, "gzip, gzip", "in the encoding 'gzip, gzip', no envelope"),
        (TWICE, "gzip", "no envelope"),
        (CREDITS[:-9], "gzip", "not compressed as it says"),
        (CREDITS * 2, "gzip", "not compressed as it says"),
        (b"{}", "gzip", "not compressed as it says"),
        (CREDITS, "br", "in the encoding 'br'"),
        (CREDITS, "zstd", "in the encoding 'zstd'"),
    ],
    ids=["bomb", "twice", "twice, said once", "cut", "members", "plain", "br", "zstd"],
)
def test_any_other_compression_is_an_error_and_costs_no_memory(
    run: Any, content: bytes, encoding: str, reason: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TransportError, match=reason):
            run(Service(_response(content, encoding)), lambda api: api.get_credits(), max_retries=0)
        with pytest.raises(CreateOutcomeUnknown):
            run(Service(_response(content, encoding)), call_create)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * MAX_BODY


@pytest.mark.parametrize("run", BOTH)
def test_a_refusal_in_an_unreadable_encoding_is_still_a_refusal(run: Any) -> None:
    from apikley import ApiError

    with pytest.raises(ApiError) as caught:
        run(Service(_response(CREDITS, "br", 403)), call_create)
    assert caught.value.status_code == 403


def test_a_client_that_reads_by_itself_is_not_unpacked_twice() -> None:
    from apikley import Apikley

    def read(response: httpx2.Response) -> None:
        response.read()

    transport = httpx2.MockTransport(_response(CREDITS, "gzip"))
    with httpx2.Client(transport=transport, event_hooks={"response": [read]}) as http:
        assert Apikley(KEY, base_url=BASE, http_client=http).get_credits() == 7
