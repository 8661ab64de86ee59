"""Errors outlive the process that met them."""

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
from contract_tests.client.fake_service import BOTH, Service, ask_create, created, details
from contract_tests.conftest import KEY, MODEL

# For each name of a parameter, what an error is made with here.
VALUES: dict[str, Any] = {
    "message": "said",
    "reason": "said",
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
}


def _tree(root: type[ApikleyError]) -> Iterator[type[ApikleyError]]:
    yield root
    for branch in root.__subclasses__():
        yield from _tree(branch)


def _made(cls: type[ApikleyError]) -> ApikleyError:
    own = inspect.isfunction(cls.__init__)
    error = cls(**{name: VALUES[name] for name in inspect.signature(cls).parameters}) if own else cls("said")
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
def test_every_error_comes_through_copying_and_pickling_whole(
    cls: type[ApikleyError], again: Callable[[Any], Any]
) -> None:
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
    assert copy.copy(task) is copy.deepcopy(task) is task, "nothing changes it, and it stays a task of its client"


def test_a_create_of_unknown_outcome_comes_whole_out_of_another_process() -> None:
    # A fresh interpreter, which no thread of the tests' holds up.
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with pool, pytest.raises(CreateOutcomeUnknown) as caught:
        pool.submit(_lost_create).result()
    assert caught.value.request["input"]["prompt"] == "a ship"
    assert caught.value.sent_at.tzinfo is UTC
    assert caught.value.raw == b"bad gateway"


def _lost_create() -> None:
    answer = httpx2.MockTransport(Service(httpx2.Response(502, text="bad gateway")))
    with Apikley(KEY, base_url="http://service.test", http_client=answer) as api:
        ask_create(api)


class _Text(str):
    """A kind of text that no other process knows."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


@pytest.mark.parametrize("run", BOTH)
def test_what_a_lost_create_holds_is_what_was_sent(run: Any) -> None:
    body: dict[str, Any] = {"model": MODEL, "input": {"prompt": _Text("a ship"), "image_url": "https://e.test/a.png"}}
    with pytest.raises(CreateOutcomeUnknown) as caught:
        run(Service(httpx2.Response(502)), lambda api: api.create_raw(body))
    body["input"] = None
    came = _pickled(caught.value)
    assert came.request["input"] == {"prompt": "a ship", "image_url": "https://e.test/a.png"}


def test_a_pickled_task_is_one_that_any_client_takes() -> None:
    task, _ = BOTH[0](Service(created()), ask_create)
    done, _ = BOTH[0](Service(details("success")), lambda api: api.wait(_pickled(task)))
    assert (done.id, done.state) == ("task_hailuo_1", "success")
