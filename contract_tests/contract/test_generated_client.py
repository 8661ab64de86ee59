"""The generated client works without `apikley` and parses unknown codes and states."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest

from apikley_client import AuthenticatedClient
from apikley_client.api.account import get_credits
from apikley_client.api.files import upload_file_stream
from apikley_client.api.jobs import create_task, get_task_details
from apikley_client.models import (
    Code,
    CreatedTask,
    CreateTaskResponse,
    FileStreamUpload,
    Hailuo02ImageToVideoPro,
    Hailuo02ImageToVideoProRequest,
    TaskDetails,
    TaskDetailsResponse,
    TaskState,
)
from apikley_client.types import File
from contract_tests.conftest import KEY
from scripts.pipeline import client as generator
from scripts.pipeline import generated
from scripts.pipeline.io import GENERATED
from scripts.pipeline.issues import SpecError


def _client(response: httpx2.Response) -> AuthenticatedClient:
    transport = httpx2.MockTransport(lambda _: response)
    return AuthenticatedClient(base_url="http://service.test", token=KEY, httpx_args={"transport": transport})


def _create(response: httpx2.Response) -> Any:
    body = Hailuo02ImageToVideoProRequest(input_=Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png"))
    return create_task.sync_detailed(client=_client(response), body=body)


def test_codes_have_names_and_states_are_text() -> None:
    assert Code(402) is Code.INSUFFICIENT_CREDITS
    assert set(get_args(TaskState)) == {"waiting", "queuing", "generating", "success", "fail"}


def test_the_response_of_a_create_is_typed() -> None:
    response = _create(httpx2.Response(200, json={"code": 200, "msg": "success", "data": {"taskId": "task_1"}}))
    assert isinstance(response.parsed, CreateTaskResponse)
    assert isinstance(response.parsed.data, CreatedTask)
    assert response.parsed.data.task_id == "task_1"


def test_http_455_is_parsed() -> None:
    response = _create(httpx2.Response(455, json={"code": 455, "msg": "maintenance", "data": None}))
    assert response.status_code == 455
    assert response.parsed.code is Code.MAINTENANCE


def test_null_data_is_parsed() -> None:
    response = httpx2.Response(200, json={"code": 402, "msg": "broke", "data": None})
    assert _create(response).parsed.code is Code.INSUFFICIENT_CREDITS
    details = get_task_details.sync_detailed(client=_client(response), task_id="task_1").parsed
    assert details is not None
    assert details.code is Code.INSUFFICIENT_CREDITS


def test_an_unknown_code_is_parsed() -> None:
    response = httpx2.Response(200, json={"code": 466, "msg": "limit", "data": None})
    code = _create(response).parsed.code
    assert (code, code.name) == (466, "UNKNOWN_466")


def test_an_unknown_state_is_parsed() -> None:
    response = httpx2.Response(200, json={"code": 200, "data": {"taskId": "task_1", "state": "paused"}})
    details = get_task_details.sync(client=_client(response), task_id="task_1")
    assert isinstance(details, TaskDetailsResponse)
    assert isinstance(details.data, TaskDetails)
    assert str(details.data.state) == "paused"


def test_the_repr_hides_the_api_key() -> None:
    client = _client(httpx2.Response(200, json={"code": 200, "data": 1}))
    get_credits.sync(client=client)
    assert KEY not in repr(client)


def test_a_stream_upload_has_its_own_boundary(tmp_path: Path) -> None:
    sent: list[httpx2.Request] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={"success": True, "code": 200, "msg": "ok"})

    client = AuthenticatedClient("http://service.test", KEY, httpx_args={"transport": httpx2.MockTransport(respond)})
    (tmp_path / "a.png").write_bytes(b"--+++--")
    with (tmp_path / "a.png").open("rb") as file:
        upload = FileStreamUpload(file=File(file, "a.png", "image/png"), upload_path="images")
        upload_file_stream.sync(client=client, body=upload)
    assert sent[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert "+++" not in sent[0].headers["content-type"]
    assert b'name="uploadPath"' in sent[0].content


def test_the_package_can_be_imported_alone() -> None:
    code = "import sys, apikley_client.models, apikley_client.api; print('apikley' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(GENERATED)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
    assert (GENERATED / "apikley_client" / "py.typed").exists()


def test_generating_reproduces_the_committed_files_in_any_environment(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    generated.make(tmp_path)
    assert generated.diff(GENERATED, tmp_path) == []


def test_a_difference_is_shown_as_a_diff(tmp_path: Path) -> None:
    (tmp_path / "apikley_contract").mkdir()
    lines = generated.diff(GENERATED, tmp_path)
    assert "--- generated/apikley_contract/openapi.json (committed)\n" in lines


def test_a_patch_whose_text_is_missing_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    patches = tmp_path / "patches.yaml"
    patches.write_text("[{template: types.py.jinja, why: x, replace: 'no such text', with: y}]", encoding="utf-8")
    monkeypatch.setattr(generator, "PATCHES", patches)
    with pytest.raises(SpecError, match=r"types\.py\.jinja contains the text to replace 0 times, expected once"):
        generator.patch_templates(tmp_path)


def test_an_override_of_an_unknown_class_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("class_overrides: {NoSuch: {class_name: X, module_name: x}}", encoding="utf-8")
    monkeypatch.setattr(generator, "CONFIG", config)
    with pytest.raises(SpecError, match="the override of NoSuch matches no generated class"):
        generator.generate(GENERATED / "apikley_contract" / "openapi.json", tmp_path)
