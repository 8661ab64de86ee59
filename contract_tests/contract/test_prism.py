"""Prism, an independent mock server, validates with the contract, and the client understands its responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley
import apikley_contract
from apikley import Apikley, Hailuo02ImageToVideoPro
from apikley.errors import error_class
from contract_tests.conftest import KEY
from contract_tests.contract.conftest import prism_on
from contract_tests.other_models import contract_with, page_of
from scripts.pipeline.prism import CONTRACT

CREATE = apikley_contract.operation("createTask").path
# A create that ends in a timeout has no known outcome.
ERRORS = [code for name, code in apikley_contract.codes().items() if name not in ("SUCCESS", "PROVIDER_TIMEOUT")]


def test_a_request_without_a_key_is_unauthorized(prism: httpx2.Client, example: dict[str, Any]) -> None:
    response = httpx2.post(prism.base_url.join(CREATE), json=example)
    assert (response.status_code, response.json()["code"]) == (401, 401)


@pytest.mark.parametrize("code", ERRORS)
def test_every_documented_error_raises_its_exception(prism: httpx2.Client, code: int) -> None:
    with httpx2.Client(headers={"Prefer": f"code={code}"}) as http:
        api = Apikley(KEY, base_url=str(prism.base_url), http_client=http, max_retries=0)
        with pytest.raises(apikley.ApiError) as caught:
            api.create(Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png"))
    assert type(caught.value) is error_class(code)
    assert caught.value.status_code == code


def test_the_client_parses_prisms_task(prism: httpx2.Client) -> None:
    with Apikley(KEY, base_url=str(prism.base_url)) as api:
        task = api.get_task("task_hailuo_1765185328412")
        assert (task.state, task.result_urls) == ("success", ["https://files.example.com/results/starship.mp4"])
        assert api.get_credits() == 5916.25


def test_prism_validates_a_nullable_enum(tmp_path: Path) -> None:
    style = {"type": "string", "enum": ["photo", "ink", None], "nullable": True}
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps(contract_with(page_of("acme/1-image", {"style": style}))), encoding="utf-8")
    with prism_on(contract) as prism:
        statuses = [
            prism.post(CREATE, json={"model": "acme/1-image", "input": {"style": style}}).status_code
            for style in ("ink", None, "oil", 7)
        ]
    assert statuses == [200, 200, 422, 422]


def test_prism_still_ends_on_a_forbidden_key_that_a_header_cannot_hold(tmp_path: Path) -> None:
    closed = {"type": "object", "additionalProperties": False, "properties": {"x": {"type": "number"}}}
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps(contract_with(page_of("acme/1-image", {"camera": closed}))), encoding="utf-8")
    body = {"model": "acme/1-image", "input": {"camera": {"ключ": 1}}}
    with prism_on(contract) as prism, pytest.raises(httpx2.TransportError):
        prism.post(CREATE, json=body)


def test_prism_serves_the_committed_contract() -> None:
    assert json.loads(CONTRACT.read_text(encoding="utf-8")) == apikley_contract.openapi()
