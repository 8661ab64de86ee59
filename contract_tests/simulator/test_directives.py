"""Prompt directives: what they ask for, and what is wrong with them."""

from __future__ import annotations

import httpx2
import pytest

from apikley_mock.control import prompt_directives
from apikley_mock.plugin import MockService
from apikley_mock.world.plan import CallbackChanges, PlanChanges
from contract_tests.simulator.simulators import CREATE, RUNNING, create, poll, request_for

MALFORMED = [
    *("error 399", "error twice", "per_poll 1001", "per_poll 0", "take", "take soon", "take 31536001", "latency 3601"),
    *("fail", "fail a-b", "fail 422 " + "x" * 501, "hidden for long", "manual over", "never more", "reset later"),
    *("callback maybe", "callback twice over", "callback form 2024"),
]
CONTRADICTING = [
    *("latency 2, reset", "never, fail 422", "callback lost, callback twice", "per_poll 2, manual", "take 1, take 2"),
    *("callback early, callback late 60", "manual, take 5", "callback lost, callback early", "error 402, fail 422"),
    *("callback twice, error 402", "reset before, fail 422"),
]


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("[mock: error 402]", 402),
        ("a cat [mock:error 455] at sea", 455),
        ("[mock: fial 422]", 422),
        ("[mock: take]", 422),
    ],
)
def test_a_directive_makes_a_create_fail(
    http: httpx2.Client, apikley_mock: MockService, prompt: str, code: int
) -> None:
    assert http.post(CREATE, json=request_for(prompt)).json()["code"] == code
    assert apikley_mock.journal.created() == []


def test_a_misspelt_directive_lists_the_known_ones(http: httpx2.Client) -> None:
    assert "'fial' is unknown; known: fail, " in http.post(CREATE, json=request_for("[mock: fial]")).json()["msg"]


@pytest.mark.parametrize("kind", ["reset", "cut", "broken-json", "html"])
def test_a_directive_loses_the_response_of_an_existing_task(
    http: httpx2.Client, apikley_mock: MockService, kind: str
) -> None:
    with pytest.raises((httpx2.TransportError, ValueError)):
        http.post(CREATE, json=request_for(f"[mock: {kind}]")).json()
    assert apikley_mock.assert_created_once().note == f"fault {kind} after acceptance"
    with pytest.raises((httpx2.TransportError, ValueError)):
        http.post(CREATE, json=request_for(f"[mock: {kind} before]")).json()
    assert len(apikley_mock.journal.created()) == 1


@pytest.mark.parametrize("prompt", ["a cat [mock: fail 422", "[Mock: fail 422 [mock: never]"])
def test_an_unclosed_directive_is_refused(http: httpx2.Client, apikley_mock: MockService, prompt: str) -> None:
    response = http.post(CREATE, json=request_for(prompt)).json()
    assert (response["code"], response["msg"]) == (
        422,
        "prompt directive: '[mock: fail 422' is not closed; end it with ]",
    )
    assert apikley_mock.journal.created() == []


@pytest.mark.parametrize("prompt", ["[Mock: fail 422]", "[MOCK:fail 422]", "[ mock : fail 422 ]"])
def test_a_directive_may_have_any_case_and_spaces(http: httpx2.Client, apikley_mock: MockService, prompt: str) -> None:
    task_id = create(http, prompt)
    apikley_mock.advance(10)
    assert poll(http, task_id)["failCode"] == "422"


@pytest.mark.parametrize("prompt", ["a [mock", "mock: fail 422", "[mocking: fail 422]", "[a mock: fail 422]"])
def test_other_text_in_brackets_is_not_a_directive(prompt: str) -> None:
    assert prompt_directives.parse(prompt) is None


@pytest.mark.parametrize("directive", MALFORMED)
def test_a_malformed_directive_is_refused_with_an_example(directive: str) -> None:
    example = prompt_directives.WORDS[directive.split(maxsplit=1)[0]].example
    directives = prompt_directives.parse(f"[mock: {directive}]")
    assert directives
    assert directives.error == f"prompt directive: {directive!r} is malformed; write it as [mock: {example}]"


@pytest.mark.parametrize("directive", CONTRADICTING)
def test_directives_that_contradict_each_other_are_refused(http: httpx2.Client, directive: str) -> None:
    envelope = http.post(CREATE, json=request_for(f"[mock: {directive}]")).json()
    last = directive.rpartition(", ")[2]
    message = f"prompt directive: {last!r} contradicts an earlier one; leave out one of them"
    assert (envelope["code"], envelope["msg"]) == (422, message)


@pytest.mark.parametrize(
    "directive", ["reset, fail 422", "hidden 3, callback early", "never, per_poll 2", "manual, disappear"]
)
def test_directives_of_different_kinds_can_be_combined(directive: str) -> None:
    directives = prompt_directives.parse(f"[mock: {directive}]")
    assert directives
    assert directives.error is None


def test_directives_describe_a_plan_and_a_fault() -> None:
    directives = prompt_directives.parse("[mock: fail 422 no, callback twice, callback forged] [mock: reset]")
    assert directives
    callback = CallbackChanges(times=2, signature="wrong")
    assert directives.plan == PlanChanges(fail_code="422", fail_message="no", callback=callback)
    assert directives.fault
    assert directives.fault.stage == "after"


def test_a_directive_takes_precedence_over_an_armed_plan(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(callback={"early": True}, times=None)
    assert poll(http, create(http, "[mock: never]"))["state"] in RUNNING


def test_a_directive_can_delay_the_callback_of_an_early_plan(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(callback={"early": True})
    assert poll(http, create(http, "[mock: callback late 60]"))["state"] == "success"


@pytest.mark.parametrize("word", prompt_directives.WORDS.values(), ids=prompt_directives.WORDS)
def test_every_example_of_a_directive_works(word: prompt_directives.Word) -> None:
    directives = prompt_directives.parse(f"[mock: {word.example}]")
    assert directives
    assert directives.error is None
    assert directives.plan or directives.fault
