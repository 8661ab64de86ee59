"""The envelope, as the service writes it."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from starlette.responses import JSONResponse

import apikley_contract

ErrorStyle = Literal["envelope", "http"]


def success(data: Any) -> JSONResponse:
    """HTTP 200 with the success code."""
    return JSONResponse({"code": apikley_contract.codes()["SUCCESS"], "msg": "success", "data": data})


def error(name: str, msg: str | None, style: ErrorStyle) -> JSONResponse:
    """An error by the contract's name for it.

    Args:
        name: For instance `INSUFFICIENT_CREDITS`.
        msg: The text; the contract's example, if not given.
        style: `envelope` answers HTTP 200 with the code in the body, as real traffic does; `http`
            answers the code as the HTTP status too.
    """
    code = apikley_contract.codes()[name]
    body = {"code": code, "msg": msg or _recorded(code), "data": None}
    return JSONResponse(body, status_code=200 if style == "envelope" else code)


@cache
def _recorded(code: int) -> str:
    """The text of the contract's example of an error."""
    document = apikley_contract.openapi()
    reference = document["paths"]["/api/v1/jobs/recordInfo"]["get"]["responses"][str(code)]["$ref"]
    response = document["components"]["responses"][reference.rsplit("/", 1)[1]]
    return str(response["content"]["application/json"]["example"]["msg"])
