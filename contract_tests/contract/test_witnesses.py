"""Four that share no validation code give the same verdict on every createTask body, at the same place."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings

import apikley_contract
from contract_tests.conftest import published_example
from contract_tests.contract import strategies
from contract_tests.contract.differences import (
    AGREED_URIS,
    DIFFERENCES,
    PLACES,
    WITNESSES,
    Difference,
    without_callback,
)
from contract_tests.contract.report import RECORD, Subject
from contract_tests.contract.strategies import Rule
from contract_tests.contract.witnesses import Independent, Prism, Simulated, Witness, client

BODY = Subject("bodies of createTask")
# Bodies for each rule; Prism, which is asked over HTTP, sees every eighth of them.
BODIES, PRISMS_SHARE = 136, 8
CASES = [
    (model.request, rule)
    for model in apikley_contract.models().values()
    for rule in (None, *strategies.rules(strategies.named(model.request)))
]
IDS = [f"{schema}-{rule or 'valid'}" for schema, rule in CASES]


@pytest.fixture(scope="session")
def witnesses(prism: httpx2.Client) -> Iterator[dict[str, Witness]]:
    simulated = Simulated()
    yield dict(zip(WITNESSES, (client, Independent(), simulated, Prism(prism)), strict=True))
    simulated.close()


@pytest.mark.parametrize(("schema", "rule"), CASES, ids=IDS)
def test_all_judge_a_body_alike_and_name_the_same_place(
    schema: str, rule: Rule | None, witnesses: dict[str, Witness]
) -> None:
    name = str(rule or "valid")

    @settings(max_examples=BODIES)
    @given(strategies.bodies(strategies.named(schema), rule))
    def judged(body: Any) -> None:
        text = json.dumps(body, sort_keys=True)
        asked = WITNESSES if zlib.crc32(text.encode()) % PRISMS_SHARE == 0 else WITNESSES[:-1]
        BODY.case(name, *asked)
        for witness in asked:
            expected = {_place(witness, rule)} if rule and not rule.valid else set()
            verdict = witnesses[witness](body)
            said = f"objects to {sorted(verdict)}, the contract to {sorted(expected)}: {text[:2000]}"
            BODY.demand(verdict == expected, name, witness, said)

    judged()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: json.dumps(each.change)[:60])
def test_a_known_difference_is_still_one(difference: Difference, witnesses: dict[str, Witness]) -> None:
    change, known = json.dumps(difference.change), ", ".join(difference.refusing)
    RECORD.known.append((f"refused: {change}", known, difference.reason))
    for name, witness in witnesses.items():
        refuses = bool(witness(difference.body()))
        said = f"{'refuses' if refuses else 'accepts'} {change}; contract_tests/differences.py says refused by {known}"
        BODY.demand(refuses == (name in difference.refusing), f"known difference: {difference.reason}", name, said)
    assert 0 < len(difference.refusing) < len(WITNESSES), "where all agree, nothing differs: take it out of the table"


@pytest.mark.parametrize("uri", AGREED_URIS)
def test_no_difference_is_missing_from_the_table(uri: str, witnesses: dict[str, Witness]) -> None:
    verdicts = {name: witness({**without_callback(), "callBackUrl": uri}) for name, witness in witnesses.items()}
    (most, _), *_ = Counter(verdicts.values()).most_common()
    for name, verdict in verdicts.items():
        said = f"objects to {sorted(verdict)}, others to {sorted(most)}; contract_tests/differences.py does not know it"
        BODY.demand(verdict == most, f"format /callBackUrl {uri!r}", name, said)


@pytest.mark.parametrize(("witness", "rule", "pointer"), PLACES)
def test_a_place_that_one_names_differently_is_still_named_so(
    witness: str, rule: str, pointer: str, witnesses: dict[str, Witness]
) -> None:
    place, reason = PLACES[witness, rule, pointer]
    seen = Rule(rule, pointer, False)
    verdict = witnesses[witness](strategies.body(strategies.named(CASES[0][0]), seen, 0))
    BODY.demand(verdict == {place}, str(seen), witness, f"names {sorted(verdict)}, by the table {place}: {reason}")
    assert place != seen.reported, "this is the place that everybody names: take it out of the table"


def test_the_published_examples_are_accepted_by_all(witnesses: dict[str, Witness]) -> None:
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]["application/json"]
    published = [example["value"] for example in content["examples"].values()]
    assert published_example() in published
    for example in published:
        # Prism calls whom it is told to call.
        local = {**example, "callBackUrl": "http://127.0.0.1:9/callback"}
        for name, witness in witnesses.items():
            verdict = witness(local)
            BODY.demand(not verdict, "published example", name, f"objects to {sorted(verdict)}: {json.dumps(local)}")


@pytest.mark.parametrize("body", [None, [], "text", 7, True, 1.5])
def test_what_is_no_object_is_refused_by_all(body: Any, witnesses: dict[str, Witness]) -> None:
    for name, witness in witnesses.items():
        BODY.demand(bool(witness(body)), "type /", name, f"accepts {body!r}")


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
