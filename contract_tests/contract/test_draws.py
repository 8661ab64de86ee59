"""The strategies draw valid and invalid values for every schema keyword of the published pages."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apikley_contract import draft4
from contract_tests.contract.rules import Rule, bodies, keywords, rules

SCHEMA = draft4(
    {
        "type": "object",
        "required": ["title", "image_urls"],
        "properties": {
            "title": {"type": "string", "minLength": 2, "maxLength": 20, "default": "a title"},
            "story": {"type": "string", "maxLength": 20_000},
            "kind": {"type": "string", "enum": ["std", "pro"], "default": "neither"},
            "version": {"type": "string", "enum": ["v1"]},
            "weight": {"type": "number", "enum": [5, 7.5]},
            "seconds": {"type": "integer", "minimum": 4, "maximum": 15, "default": 5},
            "even": {"type": "integer", "minimum": 2, "maximum": 12, "multipleOf": 2},
            "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
            "scale": {"type": "number", "minimum": 0, "maximum": 2, "multipleOf": 0.25},
            "above": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": True},
            "sound": {"type": "boolean"},
            "ratio": {"type": "string", "pattern": r"^\d+:\d+$"},
            "file_url": {"type": "string", "pattern": "^https?://[^ ]+$", "maxLength": 40},
            "callback": {"type": "string", "format": "uri", "maxLength": 60},
            "note": {"type": "string", "nullable": True},
            "image_urls": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "format": "uri"}},
            "palette": {
                "type": "object",
                "nullable": True,
                "required": ["main"],
                "properties": {"main": {"type": "string", "maxLength": 7}, "rest": {"type": "array", "maxItems": 2}},
            },
            "storyboard": {
                "type": "array",
                "minItems": 2,
                "items": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
            },
            "size": {"oneOf": [{"type": "integer", "minimum": 64}, {"type": "string", "enum": ["auto"]}]},
            "seed": {"nullable": True, "anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
            "exact": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer"}}},
        },
    }
)
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
RULES = list(rules(SCHEMA))


@settings(max_examples=200)
@given(bodies(SCHEMA))
def test_a_valid_draw_satisfies_the_schema(body: Any) -> None:
    VALIDATOR.validate(body)


@pytest.mark.parametrize("rule", RULES, ids=str)
@settings(max_examples=6)
@given(data=st.data())
def test_a_draw_for_a_rule_breaks_that_rule_and_no_other(rule: Rule, data: st.DataObject) -> None:
    errors = list(VALIDATOR.iter_errors(data.draw(bodies(SCHEMA, rule))))
    found = {(error.validator, "".join(f"/{step}" for step in error.absolute_path)) for error in errors}
    if rule.valid:
        assert not found
        return
    if rule.keyword == "type":
        # A value of another type is outside the enum, and 1.5 is less than an integer's minimum.
        found -= {("enum", rule.reported), ("minimum", rule.reported), ("multipleOf", rule.reported)}
    assert found == {(rule.keyword, rule.reported)}


def test_every_keyword_has_a_rule_that_breaks_it() -> None:
    broken = {rule.keyword for rule in RULES if not rule.valid}
    structure = {"properties", "items", "exclusiveMinimum", "exclusiveMaximum", "default"}
    assert broken == keywords(SCHEMA) - structure
