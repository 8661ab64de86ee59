"""`apikley check`, and whole request bodies with --json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apikley.cli.exit_codes import Exit
from apikley.cli.request_body import expand_text
from contract_tests.cli.command_line import CommandLine
from contract_tests.conftest import published_example


def encoded(**changes: Any) -> bytes:
    return json.dumps(published_example() | changes).encode()


INVALID = encoded(input={"prompt": "x" * 1812, "prompt_optimizer": "yes"})
UNKNOWN = encoded(callbackUrl="https://me.example.com/hook", zzz=1)


def test_a_whole_body_can_come_from_a_file_or_stdin(cli: CommandLine) -> None:
    body = encoded(callBackUrl="https://me.example.com/hook")
    (cli.folder / "body.json").write_bytes(body)
    assert cli("create", "--json", "body.json").code == 0
    assert cli("create", "--json", "-", stdin=body).code == 0
    assert [entry.json() for entry in cli.mock.journal.requests("POST")] == [json.loads(body)] * 2


@pytest.mark.parametrize(
    "option", [("--model", "x"), ("--prompt", "x"), ("--image", "cat.png"), ("--no-prompt-optimizer",)]
)
def test_a_body_and_options_of_the_model_exclude_each_other(cli: CommandLine, option: tuple[str, ...]) -> None:
    ended = cli("create", "--json", "-", *option, stdin=encoded())
    assert (ended.code, "omit --model and the model's options" in ended.err) == (Exit.INVALID, True)
    assert cli.requests() == []


def test_check_accepts_a_valid_body(cli: CommandLine) -> None:
    assert cli("check", "-", stdin=encoded()).out == "valid\n"


def test_check_prints_every_violation_and_needs_no_key(cli: CommandLine) -> None:
    cli.patch.delenv("APIKLEY_API_KEY")
    ended = cli("check", "-", stdin=INVALID)
    assert (ended.code, ended.err) == (Exit.INVALID, "apikley: the request is invalid: 3 violations\n")
    assert sorted(ended.out.splitlines()) == [
        "input.image_url: missing, but required",
        "input.prompt: 1,812 characters, at most 1,500",
        'input.prompt_optimizer: "yes" is not of type "boolean"',
    ]
    assert cli.requests() == []


def test_check_prints_violations_as_json(cli: CommandLine) -> None:
    ended = cli("check", "-", "--format", "json", stdin=INVALID)
    assert (ended.document["valid"], len(ended.document["violations"])) == (False, 3)
    assert ended.document["error"]["exit_code"] == ended.code


def test_check_reports_unknown_fields_with_the_nearest_name(cli: CommandLine) -> None:
    ended = cli("check", "-", stdin=UNKNOWN)
    assert (ended.code, ended.out.splitlines()) == (
        Exit.INVALID,
        [
            "callbackUrl: unknown field; did you mean 'callBackUrl'?",
            "zzz: unknown field; --allow-unknown-fields sends it",
        ],
    )


def test_allow_unknown_fields_accepts_them(cli: CommandLine) -> None:
    assert cli("check", "-", "--allow-unknown-fields", stdin=UNKNOWN).code == 0
    assert cli("create", "--json", "-", stdin=UNKNOWN).code == Exit.INVALID
    assert cli("create", "--json", "-", "--allow-unknown-fields", stdin=UNKNOWN).code == 0
    assert cli.mock.assert_created_once().json()["zzz"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "stdin is not JSON"), (b"[]", "stdin is not a JSON object"), (b"\xff", "stdin is not UTF-8 text")],
)
def test_check_reports_what_is_not_a_request_body(cli: CommandLine, content: bytes, message: str) -> None:
    ended = cli("check", "-", stdin=content)
    assert (ended.code, message in ended.out) == (Exit.INVALID, True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1e999", "cannot be encoded as JSON: Out of range float"),
        ('"\\ud800"', "is not UTF-8 text: '\\ud800'"),
        ("[" * 400 + "]" * 400, "cannot be validated"),
    ],
    ids=["infinity", "lone surrogate", "deep"],
)
def test_check_refuses_what_cannot_be_encoded_or_validated(cli: CommandLine, value: str, message: str) -> None:
    model = b'"model": "hailuo/02-image-to-video-pro"'
    ended = cli("check", "-", stdin=b'{%s, "input": {"prompt": 7, "image_url": %s}}' % (model, value.encode()))
    assert (ended.code, message in ended.out) == (Exit.INVALID, True)


def test_a_long_prompt_is_refused_with_its_length_and_the_limit(cli: CommandLine) -> None:
    ended = cli("create", "--prompt", "x" * 1812, "--image", "cat.png", "--format", "json")
    assert ended.code == Exit.INVALID
    assert "  input.prompt: 1,812 characters, at most 1,500\n" in ended.err
    (violation,) = ended.document["error"]["violations"]
    assert (violation["pointer"], violation["limit"]) == ("/input/prompt", 1500)
    assert cli.requests() == []


def test_a_text_file_keeps_no_carriage_return(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_bytes(b"\xef\xbb\xbfa ship\r\nat sea\r\n")
    assert expand_text(f"@{tmp_path / 'prompt.txt'}", "/input/prompt") == "a ship\nat sea"
