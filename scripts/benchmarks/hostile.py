"""Random callbacks that try to make verification or parsing fail with an unexpected exception."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

_TEXTS = ["", " ", "v1", "v1,a,b", "inf", "nan", "-1", "1e9", "9" * 400, "١٧٦٥", "\ud800", "\0", "é", "{", "[[", "null"]
_NUMBERS = [0, -1, 200, 501, 10**400, 1.5, float("nan"), float("inf")]
_SCALARS = [None, True, "success", "fail", "task_1", *_NUMBERS, *_TEXTS]
_FIELDS = ["taskId", "task_id", "state", "code", "data", "msg", "resultJson", "param", "\ud800"]
_HEADER_NAMES = [TIMESTAMP_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER.lower().encode(), "Host", None, 7]
_VALID = json.dumps({"code": 200, "data": {"taskId": "task_1", "state": "success"}}).encode()
_OTHER_BODIES = [
    *(b"[" * 5_000, b'{"data":' * 5_000, b"1" * 5_000, b"\xff\xfe{\0}\0"),
    *(_VALID.decode(), bytearray(_VALID), None, 7, [_VALID], {"code": 200}, object(), _VALID),
]


def hostile_headers(chance: random.Random, webhook_key: str) -> Any:
    """Draw headers: valid, invalid and repeated ones, in several containers."""
    values = [str(int(time.time())), sign("task_1", webhook_key)[SIGNATURE_HEADER], *_TEXTS, b"\xff", None, 7, ["x"]]
    pairs = [(chance.choice(_HEADER_NAMES), chance.choice(values)) for _ in range(chance.randrange(2, 6))]
    kind = chance.randrange(10)
    if kind < 4:
        return pairs if kind < 2 else dict(pairs)
    return [[*pairs, ("one",)], iter(pairs), None, 7, "text", [1]][kind - 4]


def hostile_body(chance: random.Random) -> Any:
    """Draw a body: odd JSON, changed bytes, a truncated body, random bytes, or another type."""
    kind = chance.random()
    if kind < 0.4:
        return json.dumps({"code": _value(chance), "taskId": _value(chance), "data": _value(chance, 3)}).encode()
    if kind < 0.6:
        body = bytearray(_VALID)
        for _ in range(chance.randrange(1, 5)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        return bytes(body)
    if kind < 0.7:
        return _VALID[: chance.randrange(len(_VALID))]
    if kind < 0.8:
        return chance.randbytes(chance.randrange(60))
    return chance.choice(_OTHER_BODIES)


def _value(chance: random.Random, depth: int = 2) -> Any:
    kind = chance.random()
    if depth and kind < 0.15:
        return [_value(chance, depth - 1) for _ in range(chance.randrange(3))]
    if depth and kind < 0.4:
        return {chance.choice(_FIELDS): _value(chance, depth - 1) for _ in range(chance.randrange(5))}
    return chance.choice(_SCALARS)
