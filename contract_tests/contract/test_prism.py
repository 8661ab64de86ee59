"""Prism, which knows nothing of us, judges by the contract as we do."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

import apikley
import apikley_contract
from apikley import Apikley, Hailuo02ImageToVideoPro
from apikley.errors import error_class
from contract_tests.conftest import KEY

CREATE = apikley_contract.operation("createTask").path
ERRORS = [code for name, code in apikley_contract.codes().items() if name != "SUCCESS"]


def test_the_example_of_the_published_page_is_accepted(prism: httpx2.Client, example: dict[str, Any]) -> None:
    del example["callBackUrl"]
    answer = prism.post(CREATE, json=example)
    assert answer.json() == {"code": 200, "msg": "success", "data": {"taskId": "task_hailuo_1765185328412"}}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "hailuo/03"},
        {"model": None},
        {"callBackUrl": "not a uri"},
        {"input": None},
        {"input": {"prompt": "x" * 1501, "image_url": "https://e.test/x.png"}},
        {"input": {"image_url": "https://e.test/x.png"}},
    ],
)
def test_a_wrong_request_is_refused_in_the_apis_own_words(
    prism: httpx2.Client, example: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = prism.post(CREATE, json={**example, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, 422)


def test_without_a_key_nothing_is_done(prism: httpx2.Client, example: dict[str, Any]) -> None:
    answer = httpx2.post(prism.base_url.join(CREATE), json=example)
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


def test_broken_json_is_answered(prism: httpx2.Client) -> None:
    answer = prism.post(CREATE, content=b"{bad", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize("code", ERRORS)
def test_every_documented_error_is_at_hand_and_ends_in_its_exception(prism: httpx2.Client, code: int) -> None:
    with httpx2.Client(headers={"Prefer": f"code={code}"}) as http:
        api = Apikley(KEY, base_url=str(prism.base_url), http_client=http, max_retries=0)
        with pytest.raises(apikley.ApiError) as caught:
            api.create(Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png"))
    assert type(caught.value) is error_class(code)
    assert caught.value.status_code == code


def test_the_client_reads_prisms_task(prism: httpx2.Client) -> None:
    with Apikley(KEY, base_url=str(prism.base_url)) as api:
        task = api.get_task("task_hailuo_1765185328412")
        assert (task.state, task.result_urls) == ("success", ["https://files.example.com/results/starship.mp4"])
        assert api.get_credits() == 100


def test_the_contract_that_prism_reads_is_the_committed_one() -> None:
    from scripts.pipeline.prism import CONTRACT

    assert json.loads(CONTRACT.read_text(encoding="utf-8")) == apikley_contract.openapi()
