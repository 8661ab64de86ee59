"""Four validators that share no code give the same verdict on every createTask body, at the same place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley_contract
from contract_tests.conftest import published_example
from contract_tests.contract.conftest import prism_on
from contract_tests.contract.differences import (
    AGREED_URIS,
    DIFFERENCES,
    EMPTY_CALLBACK_URL,
    RULE_DIFFERENCES,
    WITNESSES,
    Difference,
    RuleDifference,
    crashes_prism,
    example_without_callback,
)
from contract_tests.contract.draws import component
from contract_tests.contract.report import RECORD, Subject
from contract_tests.contract.rules import ANNOTATIONS, KEYWORDS, Rule, bodies, keywords, rules
from contract_tests.contract.sample import sampled
from contract_tests.contract.witnesses import (
    Independent,
    Prism,
    Simulated,
    Witness,
    client,
    contract_by_model,
    schema_of,
)

BODY = Subject("bodies of createTask")
EVERY = [
    (model.request, rule)
    for model in apikley_contract.models().values()
    for rule in (None, *rules(component(model.request)))
]
CASES = sampled(EVERY, lambda case: case[1] and case[1].name)
IDS = [f"{schema}-{rule or 'valid'}" for schema, rule in CASES]


@pytest.fixture(scope="session")
def witnesses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Witness]]:
    document = tmp_path_factory.mktemp("prism") / "contract.json"
    document.write_text(json.dumps(contract_by_model()), encoding="utf-8")
    simulated = Simulated()
    with prism_on(document) as prism:
        yield dict(zip(WITNESSES, (client, Independent(), simulated, Prism(prism)), strict=True))
    simulated.close()


@pytest.mark.parametrize(("schema", "rule"), CASES, ids=IDS)
@settings(max_examples=60)
@given(data=st.data())
def test_the_client_jsonschema_and_the_simulator_agree(
    schema: str, rule: Rule | None, witnesses: dict[str, Witness], data: st.DataObject
) -> None:
    check_alike(data.draw(bodies(component(schema), rule)), schema, rule, witnesses, WITNESSES[:-1])


@pytest.mark.parametrize(("schema", "rule"), CASES, ids=IDS)
@settings(max_examples=12)
@given(data=st.data())
def test_prism_agrees(schema: str, rule: Rule | None, witnesses: dict[str, Witness], data: st.DataObject) -> None:
    body = data.draw(bodies(component(schema), rule).filter(lambda body: not crashes_prism(rule, body)))
    check_alike(body, schema, rule, witnesses, WITNESSES[-1:])


def check_alike(
    body: Any, schema: str, rule: Rule | None, witnesses: dict[str, Witness], names: tuple[str, ...]
) -> None:
    """Require that each witness reports the rule's place, or the one in the table of known differences."""
    BODY.case(str(rule or "valid"), *names)
    for name in names:
        verdict, expected = witnesses[name](body, schema), _expected(name, rule)
        message = f"objects to {sorted(verdict)}, the contract to {sorted(expected)}: {json.dumps(body)[:2000]}"
        BODY.require(verdict == expected, str(rule or "valid"), name, message)


def _expected(witness: str, rule: Rule | None) -> set[str]:
    for known in RULE_DIFFERENCES:
        if known.witness == witness and known.applies(rule):
            return {known.reported}
    return {rule.reported} if rule and not rule.valid else set()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: json.dumps(each.change)[:60])
def test_a_known_difference_still_exists(difference: Difference, witnesses: dict[str, Witness]) -> None:
    change, known = json.dumps(difference.change), ", ".join(difference.refusing)
    RECORD.known.append((f"refused: {change}", known, difference.reason))
    for name, witness in witnesses.items():
        refuses = bool(witness(difference.body(), schema_of(difference.body())))
        message = f"{'refuses' if refuses else 'accepts'} {change}; contract/differences.py says refused by {known}"
        BODY.require(refuses == (name in difference.refusing), f"known difference: {difference.reason}", name, message)
    assert 0 < len(difference.refusing) < len(WITNESSES), "all witnesses agree: remove the entry from the table"


def test_an_empty_callback_url_is_refused_except_in_recorded_shapes(witnesses: dict[str, Witness]) -> None:
    RECORD.known.append(('accepted: {"callBackUrl": ""}', "simulator, recorded", EMPTY_CALLBACK_URL))
    body = {**example_without_callback(), "callBackUrl": ""}
    for name, witness in witnesses.items():
        verdict = witness(body, schema_of(body))
        BODY.require(verdict == {"/callBackUrl"}, "format /callBackUrl", name, f"objects to {sorted(verdict)}")


@pytest.mark.parametrize("known", RULE_DIFFERENCES, ids=lambda known: f"{known.witness}-{known.rule}{known.pointer}")
@settings(max_examples=5)
@given(data=st.data())
def test_a_known_difference_in_a_rule_still_exists(
    known: RuleDifference, witnesses: dict[str, Witness], data: st.DataObject
) -> None:
    RECORD.known.append((f"{known.rule} {known.pointer or '/'}", known.witness, known.reason))
    schema, rule = data.draw(st.sampled_from([case for case in EVERY if known.applies(case[1])]))
    verdict = witnesses[known.witness](data.draw(bodies(component(schema), rule)), schema)
    common = {rule.reported} if rule and not rule.valid else set()
    message = f"{known.witness} reports {sorted(verdict)}, as all do: remove the entry from contract/differences.py"
    BODY.require(verdict != common, str(rule), known.witness, message)


@pytest.mark.parametrize("uri", AGREED_URIS)
def test_the_witnesses_agree_on_an_unusual_uri(uri: str, witnesses: dict[str, Witness]) -> None:
    body = {**example_without_callback(), "callBackUrl": uri}
    verdicts = {name: witness(body, schema_of(body)) for name, witness in witnesses.items()}
    (most, _), *_ = Counter(verdicts.values()).most_common()
    for name, verdict in verdicts.items():
        message = f"objects to {sorted(verdict)}, others to {sorted(most)}; contract/differences.py does not list it"
        BODY.require(verdict == most, f"format /callBackUrl {uri!r}", name, message)


def test_all_witnesses_accept_the_published_examples(witnesses: dict[str, Witness]) -> None:
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]["application/json"]
    published = [example["value"] for example in content["examples"].values()]
    assert published_example() in published
    for example in published:
        # Prism sends a real callback to this URL.
        local = {**example, "callBackUrl": "http://127.0.0.1:9/callback"}
        for name, witness in witnesses.items():
            verdict = witness(local, schema_of(local))
            BODY.require(not verdict, "published example", name, f"objects to {sorted(verdict)}: {json.dumps(local)}")


@pytest.mark.parametrize("body", [None, [], "text", 7, True, 1.5])
def test_all_witnesses_refuse_a_body_that_is_not_an_object(body: Any, witnesses: dict[str, Witness]) -> None:
    for name, witness in witnesses.items():
        BODY.require(bool(witness(body, schema_of(body))), "type /", name, f"accepts {body!r}")


def test_every_keyword_of_the_contract_has_a_rule() -> None:
    """Otherwise a rule of the contract would go untested."""
    for model in apikley_contract.models().values():
        unknown = keywords(component(model.request)) - KEYWORDS - ANNOTATIONS
        assert not unknown, f"teach contract_tests/contract/rules.py {sorted(unknown)}"
