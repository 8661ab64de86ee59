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
    from apikley._client import Apikley, AsyncApikley, AsyncTask, Task
    from apikley._local import LocalFile
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
        Finding,
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
        WaitTimeout,
    )
    from apikley_client.models import *  # noqa: F403 - one class for each model

_CLIENT = ("Apikley", "AsyncApikley", "AsyncTask", "Task")
_LOCAL = ("LocalFile",)
_GENERATED = ("Code", "TaskDetails", "TaskState")

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
    "Code",
    "ConfigurationError",
    "CreateOutcomeUnknown",
    "FeatureDisabled",
    "Finding",
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
    "WaitTimeout",
]


def __getattr__(name: str) -> Any:
    if name in _CLIENT:
        home = "apikley._client"
    elif name in _LOCAL:
        home = "apikley._local"
    elif name in _GENERATED or (not name.startswith("_") and name in _inputs()):
        home = "apikley_client.models"
    elif name in __all__:
        home = "apikley.errors"
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_inputs()})


def _inputs() -> set[str]:
    contract = importlib.import_module("apikley_contract")
    return {model.input for model in contract.models().values()}
