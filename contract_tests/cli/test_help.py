"""Help, version and completion."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import apikley_contract
from apikley import _client
from apikley.cli.constants import COMMANDS, WAIT_TIMEOUT
from contract_tests.cli.command_line import CommandLine, run_process
from contract_tests.simulator.simulators import MODEL

OWN = [name for name in COMMANDS if name not in ("mock", "inbox")]
GROUPS = {
    "inbox": ("list", "expected", "replay"),
    "batch": ("plan", "run", "work", "status", "pause", "resume", "retry", "resolve", "export"),
}
HELP = [(), *((name,) for name in OWN), *((group, name) for group, names in GROUPS.items() for name in names)]


def test_help_loads_neither_the_network_stack_nor_the_contract() -> None:
    code = (
        "import sys, apikley.cli; apikley.cli.main(['--help']); "
        "heavy = {'httpx2', 'attrs', 'jsonschema_rs', 'asyncio', 'rich', 'sqlalchemy', 'apikley_contract'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


@pytest.mark.parametrize("name", OWN)
def test_every_command_has_help_with_an_example(cli: CommandLine, name: str) -> None:
    ended = cli(name, "--help")
    assert ended.code == 0
    assert f"apikley {name}" in ended.out.partition("For example:")[2].replace("task=$(", "")
    assert ended.out.split("\n\n")[1].strip() == COMMANDS[name][1]


@pytest.mark.parametrize("name", GROUPS["batch"])
def test_every_batch_command_has_help_with_an_example(cli: CommandLine, name: str) -> None:
    assert f"apikley batch {name} " in cli("batch", name, "--help").out.partition("For example:")[2]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_no_example_is_wrapped_in_80_columns(cli: CommandLine, words: tuple[str, ...]) -> None:
    cli.patch.setenv("COLUMNS", "80")
    shown = cli(*words, "--help").out
    assert max(map(len, shown.splitlines())) <= 80
    examples = shown.partition("xample")[2].partition("\nOptions:")[0]
    for paragraph in examples.split("\n\n")[1:] if words else ():
        for line in paragraph.replace("\\\n", "").splitlines():
            assert re.match(r" +(apikley \w|task=|echo )", line), f"{line!r} is only a part of a command"


def test_the_version_is_printed(cli: CommandLine) -> None:
    assert re.fullmatch(r"apikley \d+\.\d+\.\d+\S*\n", cli("--version").out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("apikley do", ["plain,download", "plain,doctor"]),
        ("apikley run --prompt-", ["plain,--prompt-optimizer"]),
        ("apikley run --model ha", [f"plain,{name}" for name in apikley_contract.models() if name.startswith("ha")]),
        ("apikley run --profile none --fol", ["plain,--follow"]),
    ],
)
def test_the_shell_completes(words: str, expected: list[str]) -> None:
    place = str(len(words.split()) - 1)
    run = run_process(APIKLEY_MODEL=MODEL, COMP_WORDS=words, COMP_CWORD=place, _APIKLEY_COMPLETE="bash_complete")
    assert (run.stdout.split(), run.stderr) == (expected, "")


def test_the_command_waits_as_long_as_the_library() -> None:
    assert _client.WAIT_TIMEOUT == WAIT_TIMEOUT
