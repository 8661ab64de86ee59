"""Four that share no validation code give the same verdict on every createTask body, at the same place."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings

import apikley_contract
from contract_tests import strategies
from contract_tests.conftest import published_example
from contract_tests.differences import AGREED_URIS, DIFFERENCES, PLACES, WITNESSES, Difference, without_callback
from contract_tests.report import RECORD, demand
from contract_tests.strategies import Rule
from contract_tests.witnesses import Independent, Prism, Simulated, Witness, client

SUBJECT = "createTask bodies"
# Bodies for each rule; Prism, which is asked over HTTP, sees every sixth of them.
BODIES, PRISMS_SHARE = 96, 6
CASES = [
    (model.request, rule)
    for model in apikley_contract.models().values()
    for rule in (None, *strategies.rules(strategies.named(model.request)))
]
IDS = [f"{schema}-{rule or 'valid'}" for schema, rule in CASES]


@pytest.fixture(scope="session")
def witnesses(prism: httpx.Client) -> Iterator[dict[str, Witness]]:
    simulated = Simulated()
    yield dict(zip(WITNESSES, (client, Independent(), simulated, Prism(prism)), strict=True))
    simulated.close()


@pytest.mark.parametrize(("schema", "rule"), CASES, ids=IDS)
def test_all_judge_a_body_alike_and_name_the_same_place(
    schema: str, rule: Rule | None, witnesses: dict[str, Witness], request: pytest.FixtureRequest
) -> None:
    name = str(rule or "valid")

    @settings(max_examples=BODIES)
    @given(strategies.bodies(strategies.named(schema), rule))
    def judged(body: Any) -> None:
        text = json.dumps(body, sort_keys=True)
        asked = WITNESSES if zlib.crc32(text.encode()) % PRISMS_SHARE == 0 else WITNESSES[:-1]
        RECORD.case(SUBJECT, name, *asked)
        for witness in asked:
            expected = {_place(witness, rule)} if rule and not rule.valid else set()
            verdict = witnesses[witness](body)
            demand(
                verdict == expected,
                request,
                subject=SUBJECT,
                rule=name,
                witness=witness,
                message=f"objects to {sorted(verdict)}, the contract to {sorted(expected)}: {text[:2000]}",
            )

    judged()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: json.dumps(each.change)[:60])
def test_a_known_difference_is_still_one(difference: Difference, witnesses: dict[str, Witness]) -> None:
    refusing = {name for name, witness in witnesses.items() if witness(difference.body())}
    RECORD.known.append((json.dumps(difference.change), ", ".join(difference.refusing), difference.reason))
    assert refusing == set(difference.refusing), (
        f"{json.dumps(difference.change)} is refused by {sorted(refusing) or 'nobody'}, and "
        f"contract_tests/differences.py says by {sorted(difference.refusing)}: {difference.reason}"
    )
    assert 0 < len(refusing) < len(WITNESSES), "this is no difference any more: take it out of the table"


@pytest.mark.parametrize("uri", AGREED_URIS)
def test_no_difference_is_missing_from_the_table(uri: str, witnesses: dict[str, Witness]) -> None:
    verdicts = {
        name: sorted(witness({**without_callback(), "callBackUrl": uri})) for name, witness in witnesses.items()
    }
    assert len({str(verdict) for verdict in verdicts.values()}) == 1, f"{uri!r} is judged differently: {verdicts}"


@pytest.mark.parametrize(("witness", "rule", "pointer"), PLACES)
def test_a_place_that_one_names_differently_is_still_named_so(
    witness: str, rule: str, pointer: str, witnesses: dict[str, Witness]
) -> None:
    place, reason = PLACES[witness, rule, pointer]
    seen = Rule(rule, pointer, False)
    (verdict,) = witnesses[witness](strategies.body(strategies.named(CASES[0][0]), seen, 0))
    assert verdict == place != seen.reported, reason


def test_the_published_examples_are_accepted_by_all(witnesses: dict[str, Witness]) -> None:
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]["application/json"]
    published = [example["value"] for example in content["examples"].values()]
    assert published_example() in published
    for example in published:
        # Prism calls whom it is told to call.
        local = {**example, "callBackUrl": "http://127.0.0.1:9/callback"}
        assert {name: witness(local) for name, witness in witnesses.items()} == dict.fromkeys(WITNESSES, frozenset())


@pytest.mark.parametrize("body", [None, [], "text", 7, True, 1.5])
def test_what_is_no_object_is_refused_by_all(body: Any, witnesses: dict[str, Witness]) -> None:
    assert all(witness(body) for witness in witnesses.values())


def test_every_rule_of_the_contract_is_tried() -> None:
    """A keyword that no strategy knows would otherwise pass unseen."""
    known = {"type", "enum", "format", "maxLength", "required", "properties"}
    said = {"description", "default", "example", "title", "$ref"}
    for model in apikley_contract.models().values():
        for schema in (strategies.named(model.request), strategies.named(model.input)):
            keywords = set(schema).union(*map(set, schema["properties"].values()))
            assert keywords <= known | said, f"teach contract_tests/strategies.py {sorted(keywords - known - said)}"


def _place(witness: str, rule: Rule) -> str:
    known = PLACES.get((witness, rule.name, rule.pointer))
    return known[0] if known else rule.reported
