"""Errors survive copying, pickling and other processes."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

import httpx2
import pytest

import apikley
from apikley import Apikley, ApikleyError, CreateOutcomeUnknown, TransportError, Violation
from apikley._model.task import TaskInfo
from contract_tests.client.fake_service import BOTH, Service, call_create, created, details
from contract_tests.conftest import KEY
from contract_tests.simulator.simulators import MODEL

# The arguments that errors are created with here, by parameter name.
VALUES: dict[str, Any] = {
    "message": "messages",
    "reason": "messages",
    "code": 501,
    "status_code": 200,
    "task_id": "task_1",
    "task_ids": ["task_1", "task_2"],
    "task": TaskInfo("task_1", {"state": "waiting"}, "token"),
    "timeout": 7.5,
    "violations": [Violation("/input/prompt", "maxLength", 1500, "too long")],
    "raw": b"x",
    "body": {"code": 501},
    "retry_after": 3.0,
    "request": {"model": MODEL},
    "sent_at": datetime(2026, 1, 1, tzinfo=UTC),
    "token": "token",
    "failure": TransportError("no connection", task_id="task_1"),
    "field": "state",
    "claimed": "success",
    "confirmed": "fail",
    "kind": "cap",
    "is_transient": False,
}


def _tree(root: type[ApikleyError]) -> Iterator[type[ApikleyError]]:
    yield root
    for branch in root.__subclasses__():
        yield from _tree(branch)


def _made(cls: type[ApikleyError]) -> ApikleyError:
    own = inspect.isfunction(cls.__init__)
    error = cls(**{name: VALUES[name] for name in inspect.signature(cls).parameters}) if own else cls("messages")
    error.add_note("and this")
    return error


def _facts(error: BaseException) -> dict[str, Any]:
    return {name: _fact(value) for name, value in vars(error).items()}


def _fact(value: object) -> object:
    match value:
        case TaskInfo():
            return value.id, value.raw, value.token
        case ApikleyError():
            return type(value), value.args, _facts(value)
    return value


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - what was pickled just here


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, _pickled])
@pytest.mark.parametrize("cls", [*_tree(ApikleyError)])
def test_every_error_survives_copying_and_pickling(cls: type[ApikleyError], again: Callable[[Any], Any]) -> None:
    error = _made(cls)
    came = again(error)
    assert type(came) is cls
    assert (str(came), came.args, _facts(came)) == (str(error), error.args, _facts(error))
    assert came.__notes__ == ["and this"]


@pytest.mark.parametrize("run", BOTH)
def test_an_error_about_a_task_of_a_client_is_pickled_without_the_client(run: Any) -> None:
    task, _ = run(Service(details("fail", failMsg="no")), lambda api: api.get_task("task_hailuo_1"))
    with pytest.raises(apikley.GenerationFailed) as caught:
        task.raise_for_failure()
    assert KEY.encode() not in pickle.dumps(caught.value)
    came = _pickled(caught.value).task
    assert (type(came), came.id, came.raw) == (TaskInfo, task.id, task.raw)
    assert copy.copy(task) is copy.deepcopy(task) is task, "a copy is the same task of the same client"


def test_create_outcome_unknown_survives_a_process_pool() -> None:
    # A new interpreter without the threads of these tests.
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with pool, pytest.raises(CreateOutcomeUnknown) as caught:
        pool.submit(_lost_create).result()
    assert caught.value.request["input"]["prompt"] == "a ship"
    assert caught.value.sent_at.tzinfo is UTC
    assert caught.value.raw == b"bad gateway"


def _lost_create() -> None:
    response = httpx2.MockTransport(Service(httpx2.Response(502, text="bad gateway")))
    with Apikley(KEY, base_url="http://service.test", http_client=response) as api:
        call_create(api)


class _Text(str):
    """A subclass of str that another process cannot import."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


@pytest.mark.parametrize("run", BOTH)
def test_create_outcome_unknown_holds_the_sent_request(run: Any) -> None:
    body: dict[str, Any] = {"model": MODEL, "input": {"prompt": _Text("a ship"), "image_url": "https://e.test/a.png"}}
    with pytest.raises(CreateOutcomeUnknown) as caught:
        run(Service(httpx2.Response(502)), lambda api: api.create_raw(body))
    body["input"] = None
    came = _pickled(caught.value)
    assert came.request["input"] == {"prompt": "a ship", "image_url": "https://e.test/a.png"}


def test_a_pickled_task_works_with_any_client() -> None:
    task, _ = BOTH[0](Service(created()), call_create)
    done, _ = BOTH[0](Service(details("success")), lambda api: api.wait(_pickled(task)))
    assert (done.id, done.state) == ("task_hailuo_1", "success")
