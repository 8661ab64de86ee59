"""Methods that run in a transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import Connection

from apikley._database.database import Database


class Store(Protocol):
    """An object with a database."""

    _database: Database


P = ParamSpec("P")
S = TypeVar("S", bound=Store)
T = TypeVar("T")


def transaction(method: Callable[Concatenate[S, Connection, P], T]) -> Callable[Concatenate[S, P], T]:
    """Run a method of a store in a transaction, which is its first argument."""

    @wraps(method)
    def run(self: S, /, *arguments: P.args, **options: P.kwargs) -> T:
        return self._database.run(lambda connection: method(self, connection, *arguments, **options))

    shown = signature(method)
    parameters = [each for name, each in shown.parameters.items() if name != "connection"]
    vars(run)["__signature__"] = shown.replace(parameters=parameters)
    return cast("Callable[Concatenate[S, P], T]", run)
