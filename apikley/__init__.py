"""A client for the Apikley video generation API that never sends a paid request twice.

    from apikley import Apikley, Hailuo02ImageToVideoPro, LocalFile

    with Apikley() as api:
        task = api.create(Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=LocalFile("cat.png")))
        task.wait().download("clip.mp4")

Besides the names below, this package exports one input class for each model of the contract. Every name is loaded
on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apikley_client.inputs as inputs  # noqa: PLR0402 - pyright reads `inputs.__all__` only in this form
    from apikley._async_client import AsyncApikley, AsyncTask
    from apikley._client import Apikley, Task
    from apikley._flows.clock import Clock
    from apikley._model.local_files import LocalFile
    from apikley._model.task import TaskInfo
    from apikley.errors import (
        ApiError,
        ApikleyError,
        BadPayload,
        BadRequest,
        BadSignature,
        CallbackContradicted,
        CallbackError,
        ConfigurationError,
        CreateNotAdmitted,
        CreateOutcomeUnknown,
        FeatureDisabled,
        GenerationError,
        GenerationFailed,
        InboxUnavailable,
        InsufficientCredits,
        LedgerUnavailable,
        Maintenance,
        NoResult,
        NotFound,
        ProviderTimeout,
        RateLimited,
        RequestInvalid,
        ServerError,
        StaleCallback,
        SubKeyLimitExceeded,
        TransportError,
        Unauthorized,
        UnknownCode,
        ValidationFailed,
        Violation,
        WaitTimeout,
    )
    from apikley_client.inputs import *  # noqa: F403 - one class for each model
    from apikley_client.models import Code

    __version__: str

# Where each name is; the other names of __all__ are in apikley.errors.
_MODULES = {
    "Apikley": "apikley._client",
    "AsyncApikley": "apikley._async_client",
    "AsyncTask": "apikley._async_client",
    "Clock": "apikley._flows.clock",
    "Code": "apikley_client.models",
    "LocalFile": "apikley._model.local_files",
    "Task": "apikley._client",
    "TaskInfo": "apikley._model.task",
}

__all__ = [
    "ApiError",
    "Apikley",
    "ApikleyError",
    "AsyncApikley",
    "AsyncTask",
    "BadPayload",
    "BadRequest",
    "BadSignature",
    "CallbackContradicted",
    "CallbackError",
    "Clock",
    "Code",
    "ConfigurationError",
    "CreateNotAdmitted",
    "CreateOutcomeUnknown",
    "FeatureDisabled",
    "GenerationError",
    "GenerationFailed",
    "InboxUnavailable",
    "InsufficientCredits",
    "LedgerUnavailable",
    "LocalFile",
    "Maintenance",
    "NoResult",
    "NotFound",
    "ProviderTimeout",
    "RateLimited",
    "RequestInvalid",
    "ServerError",
    "StaleCallback",
    "SubKeyLimitExceeded",
    "Task",
    "TaskInfo",
    "TransportError",
    "Unauthorized",
    "UnknownCode",
    "ValidationFailed",
    "Violation",
    "WaitTimeout",
]

if TYPE_CHECKING:
    __all__ += inputs.__all__

# Hidden from type checkers, so that a misspelt import is an error for them.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - on first use

        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - slow to import

            return version("apikley")
        if name in __all__:
            module = _MODULES.get(name, "apikley.errors")
        elif not name.startswith("_") and name in _inputs():
            module = "apikley_client.inputs"
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(module), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, *_inputs(), "__version__"})

    def _inputs() -> list[str]:
        from apikley_client import inputs  # noqa: PLC0415 - on first use

        return inputs.__all__
