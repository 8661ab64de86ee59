"""A client for the Apikley video generation API that never pays twice.

    from apikley import Apikley, Hailuo02ImageToVideoPro

    with Apikley() as api:
        task = api.create(Hailuo02ImageToVideoPro(prompt="…", image_url="https://…"))
        task.wait().download("clip.mp4")

Beside the names below there is one class for the input of each model of the contract. Everything is
loaded when it is first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apikley._async_client import AsyncApikley, AsyncTask
    from apikley._client import Apikley, Task
    from apikley._flows.clock import Clock
    from apikley._model.local_files import LocalFile
    from apikley.errors import (
        ApiError,
        ApikleyError,
        BadPayload,
        BadSignature,
        CallbackContradicted,
        CallbackError,
        ConfigurationError,
        CreateOutcomeUnknown,
        FeatureDisabled,
        GenerationFailed,
        InsufficientCredits,
        Maintenance,
        NoResult,
        NotFound,
        RateLimited,
        RequestInvalid,
        ServerError,
        StaleCallback,
        TransportError,
        Unauthorized,
        UnknownCode,
        ValidationFailed,
        Violation,
        WaitTimeout,
    )
    from apikley_client.models import *  # noqa: F403 - one class for each model

# Where each name lives; the errors, which are the rest of __all__, live together.
_HOMES = {
    **dict.fromkeys(("Apikley", "Task"), "apikley._client"),
    **dict.fromkeys(("AsyncApikley", "AsyncTask"), "apikley._async_client"),
    **dict.fromkeys(("Code", "TaskDetails", "TaskState"), "apikley_client.models"),
    "Clock": "apikley._flows.clock",
    "LocalFile": "apikley._model.local_files",
}

__all__ = [
    "ApiError",
    "Apikley",
    "ApikleyError",
    "AsyncApikley",
    "AsyncTask",
    "BadPayload",
    "BadSignature",
    "CallbackContradicted",
    "CallbackError",
    "Clock",
    "Code",
    "ConfigurationError",
    "CreateOutcomeUnknown",
    "FeatureDisabled",
    "GenerationFailed",
    "InsufficientCredits",
    "LocalFile",
    "Maintenance",
    "NoResult",
    "NotFound",
    "RateLimited",
    "RequestInvalid",
    "ServerError",
    "StaleCallback",
    "Task",
    "TaskDetails",
    "TaskState",
    "TransportError",
    "Unauthorized",
    "UnknownCode",
    "ValidationFailed",
    "Violation",
    "WaitTimeout",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None and name in __all__:
        home = "apikley.errors"
    if home is None and not name.startswith("_") and name in _inputs():
        home = "apikley_client.models"
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_inputs()})


def _inputs() -> set[str]:
    contract = importlib.import_module("apikley_contract")
    return {model.input for model in contract.models().values()}
