"""Every model of the contract can be created by its class, and its task ends with a result of its kind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import apikley_client.inputs
import apikley_contract
from apikley_mock.plugin import MockService
from contract_tests.contract.draws import component, values

ENDINGS = {"video": ".mp4", "image": ".png", "audio": ".mp3"}


@pytest.mark.parametrize("model", apikley_contract.models().values(), ids=lambda model: model.name)
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_task_of_each_model_has_a_result_of_its_kind(
    model: apikley_contract.Model, apikley_mock: MockService, data: st.DataObject
) -> None:
    body = data.draw(values(component(model.request), ("input", "")))
    cls: Any = getattr(apikley_client.inputs, model.input)
    with apikley_mock.client() as api:
        task = api.create(cls.from_dict(body["input"]), callback_url=body.get("callBackUrl")).wait()
    if model.output == "text":
        assert (task.result_urls, task.succeeded) == ([], True)
    else:
        assert [url[url.rindex(".") :] for url in task.result_urls] == [ENDINGS[model.output]]
