"""Where the command takes its key, its base URL and its model from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import apikley_contract
from apikley.cli.command_table import COMMANDS
from apikley.cli.settings import Settings, config_file, resolve
from apikley.errors import ConfigurationError
from contract_tests.cli.command_line import IMAGE, CommandLine, cli_fixture  # noqa: F401 - the fixture
from contract_tests.conftest import KEY

FILE = f"""
[profiles.default]
api_key = "{KEY}"
base_url = "https://default.example.com"

[profiles.mock]
api_key = "mock-key"
base_url = "http://127.0.0.1:8080"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_flags_come_before_the_environment_and_that_before_the_file(file: Path) -> None:
    environment = {"APIKLEY_CONFIG": str(file)}
    stored = resolve(environment=environment)
    assert (stored.api_key.value, stored.base_url.value) == (KEY, "https://default.example.com")
    environment["APIKLEY_BASE_URL"] = "https://environment.example.com"
    assert resolve(environment=environment).base_url.value == "https://environment.example.com"
    flagged = resolve(base_url="https://flag.example.com", environment=environment)
    assert flagged.base_url == ("https://flag.example.com", "--base-url")


def test_each_setting_says_where_it_comes_from(file: Path) -> None:
    settings = resolve(environment={"APIKLEY_CONFIG": str(file), "APIKLEY_MODEL": "m"})
    assert settings.api_key.source == f"profile 'default' of {file}"
    assert settings.model == ("m", "environment variable APIKLEY_MODEL")
    assert resolve(environment={"APIKLEY_CONFIG": "none.toml"}).base_url == (None, "not set")


def test_a_profile_named_by_the_flag_never_mixes_with_the_environment(file: Path) -> None:
    environment = {"APIKLEY_CONFIG": str(file), "APIKLEY_API_KEY": "sk-real"}
    assert resolve(profile="mock", environment=environment).api_key.value == "mock-key"
    assert resolve(environment={**environment, "APIKLEY_PROFILE": "mock"}).api_key.value == "sk-real"


@pytest.mark.skipif(os.name != "posix", reason="files have modes on POSIX only")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"open to others \(mode {mode:03o}\).*chmod 600") as caught:
        resolve(environment={"APIKLEY_CONFIG": str(file)})
    assert KEY not in str(caught.value)
    assert resolve(environment={"APIKLEY_CONFIG": str(file), "APIKLEY_API_KEY": "k"}).api_key.value == "k"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("profiles = [", "is not TOML"),
        ("api_key = 'k'", "holds more than tables named"),
        ("profiles = 1", "holds more than tables named"),
        ("[profiles]\ndefault = 1", "profile 'default' is no table"),
        ("[profiles.default]\nkey = 'k'", "holds 'key'; known are api_key, base_url, model"),
        ("[profiles.default]\nmodel = 7", "model is no text"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_said(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "config.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        resolve(environment={"APIKLEY_CONFIG": str(tmp_path / "config.toml")})


def test_a_profile_that_is_not_there_is_said(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no profile 'prod' in .*; there are: default, mock"):
        resolve(profile="prod", environment={"APIKLEY_CONFIG": str(file)})


def test_the_file_is_in_the_platforms_folder() -> None:
    assert config_file({}).parts[-2:] == ("apikley", "config.toml")


def test_the_settings_show_no_key() -> None:
    assert KEY not in repr(resolve(api_key=KEY, environment={}))
    assert "api_key" in Settings.__annotations__


def test_without_a_key_the_command_says_where_to_put_one(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY")
    ended = cli("credits")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("apikley: no API key: set APIKLEY_API_KEY, or write api_key into the profile of ")


def test_a_key_as_a_flag_works_with_a_warning(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY")
    ended = cli("credits", "--api-key", cli.mock.api_key)
    assert ended.code == 0
    assert ended.err.startswith("warning: a key given by --api-key shows in the process list")
    assert cli.mock.api_key not in ended.out + ended.err


def test_a_profile_serves_every_command(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[profiles.mock]\napi_key = "{cli.mock.api_key}"\nbase_url = "{cli.mock.url}"\n')
    path.chmod(0o600)
    monkeypatch.setenv("APIKLEY_CONFIG", str(path))
    monkeypatch.setenv("APIKLEY_API_KEY", "sk-real")
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://real.invalid")
    assert cli("credits", "--profile", "mock").code == 0
    assert cli.mock.journal.requests()[0].account == "default", "the key is the profile's"


def test_a_broken_file_is_said_in_one_line_wherever_it_is_read(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("[", encoding="utf-8")
    monkeypatch.setenv("APIKLEY_CONFIG", str(tmp_path / "config.toml"))
    for arguments in (("run", "--help"), ("credits",)):
        ended = cli(*arguments)
        assert (ended.code, ended.err.count("\n"), "is not TOML" in ended.err) == (2, 1, True)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory"):
        resolve(environment={"APIKLEY_CONFIG": str(tmp_path)})


@pytest.mark.skipif(os.name != "posix", reason="files have owners on POSIX only")
def test_a_key_in_somebody_elses_file_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = list(file.stat())
    theirs[4] = os.getuid() + 1
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result(theirs))
    with pytest.raises(ConfigurationError, match="belongs to another user, so the key is not used") as caught:
        resolve(environment={"APIKLEY_CONFIG": str(file)})
    assert KEY not in str(caught.value)
    assert resolve(environment={"APIKLEY_CONFIG": str(file), "APIKLEY_API_KEY": "k"}).api_key.value == "k"


@pytest.mark.parametrize("command", ["credits", "doctor"])
def test_the_environments_key_is_never_sent_to_a_profiles_address(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "config.toml").write_text(f'[profiles.mock]\nbase_url = "{cli.mock.url}"\n', encoding="utf-8")
    monkeypatch.setenv("APIKLEY_CONFIG", str(tmp_path / "config.toml"))
    ended = cli(command, "--profile", "mock")
    assert ended.code == 2
    assert "profile 'mock' has no api_key: write it into " in ended.out + ended.err
    _demand_no_key(cli)


def test_a_profiles_key_is_never_sent_to_the_environments_address(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f'[profiles.real]\napi_key = "{KEY}"\n', encoding="utf-8")
    # The library reads the environment, too.
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://elsewhere.invalid")
    environment = {"APIKLEY_CONFIG": str(file), "APIKLEY_BASE_URL": "http://elsewhere.invalid", "APIKLEY_MODEL": "m"}
    settings = resolve(profile="real", environment=environment)
    published = apikley_contract.openapi()["servers"][0]["url"]
    assert (settings.base_url.value, settings.address) == (None, published)
    assert repr(settings.client()) == f"<Apikley {published}>"
    assert settings.model.value == "m", "a model is no secret, and goes anywhere"


@pytest.fixture(name="keys_only")
def _keys_only(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Profiles with a key that the simulator would take, and another address or none."""
    path = tmp_path / "config.toml"
    keyed = f'api_key = "{cli.mock.api_key}"\n'
    path.write_text(
        f'[profiles.default]\n{keyed}[profiles.named]\n{keyed}base_url = "https://named.invalid"\n', encoding="utf-8"
    )
    path.chmod(0o600)
    monkeypatch.setenv("APIKLEY_CONFIG", str(path))
    for name in ("APIKLEY_API_KEY", "APIKLEY_BASE_URL"):
        monkeypatch.delenv(name)
    return path


NETWORK = {
    "run": ("--prompt", "a ship", "--image", IMAGE),
    "create": ("--prompt", "a ship", "--image", IMAGE),
    "wait": ("task_1",),
    "task": ("task_1",),
    "download": ("task_1",),
    "upload": ("cat.png",),
    "credits": (),
    "doctor": (),
    "listen": ("--forward-to", "http://127.0.0.1:9/hook", "--webhook-key", "k", "task_1"),
}


@pytest.mark.parametrize("command", NETWORK)
def test_a_profiles_key_goes_to_no_address_but_its_own(
    cli: CommandLine, keys_only: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert set(NETWORK) == {*COMMANDS} - {"models", "check", "inbox", "mock"}, "these have no need of a key"
    for profile in ("default", "named"):
        ended = cli(command, *NETWORK[command], "--profile", profile, "--base-url", cli.mock.url)
        assert ended.code == 2
        assert (
            f"the key of profile {profile!r} of {keys_only} is not sent to the address that --base-url names: "
            "write that address and its key into a profile of their own, "
            "or set APIKLEY_API_KEY to its key and leave --profile out"
        ) in ended.out + ended.err
    monkeypatch.setenv("APIKLEY_BASE_URL", cli.mock.url)
    for profile in ("default", "named"):
        monkeypatch.setenv("APIKLEY_PROFILE", profile)
        ended = cli(command, *NETWORK[command])
        assert ended.code == 2
        assert (
            "the address that environment variable APIKLEY_BASE_URL names: write that address and its key into a "
            "profile of their own, or set APIKLEY_API_KEY to its key"
        ) in ended.out + ended.err
    _demand_no_key(cli)


def test_a_profiles_key_goes_to_its_own_address_by_whatever_way_that_is_named(
    cli: CommandLine, keys_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_only.write_text(f'[profiles.default]\napi_key = "{cli.mock.api_key}"\nbase_url = "{cli.mock.url}/"\n')
    assert cli("credits").code == 0
    assert cli("credits", "--base-url", cli.mock.url).code == 0
    monkeypatch.setenv("APIKLEY_BASE_URL", cli.mock.url)
    assert cli("credits").code == 0
    keys_only.write_text(f'[profiles.default]\napi_key = "{KEY}"\n')
    published = apikley_contract.openapi()["servers"][0]["url"]
    with resolve(base_url=published).client() as client:
        assert repr(client) == f"<Apikley {published}>"


def test_a_key_of_the_environment_or_a_flag_goes_where_it_is_told_to(
    cli: CommandLine, keys_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys_only.exists()
    given = ("--base-url", cli.mock.url)
    assert cli("credits", *given, "--api-key", cli.mock.api_key).code == 0
    monkeypatch.setenv("APIKLEY_API_KEY", cli.mock.api_key)
    assert cli("credits", *given).code == 0


def _demand_no_key(cli: CommandLine) -> None:
    # `doctor` looks whether anything answers there, without a key.
    assert {(entry.target, entry.account) for entry in cli.mock.journal.requests()} <= {("/", None)}


def test_a_flag_stands_in_for_what_a_profile_lacks(file: Path) -> None:
    file.write_text('[profiles.mock]\nbase_url = "http://127.0.0.1:8080"\n', encoding="utf-8")
    environment = {"APIKLEY_CONFIG": str(file), "APIKLEY_API_KEY": "sk-real"}
    assert resolve(profile="mock", api_key="mock-key", environment=environment).api_key.value == "mock-key"


def test_a_profile_with_neither_key_nor_address_leaves_both_to_the_environment(file: Path) -> None:
    file.write_text('[profiles.fast]\nmodel = "m"\n', encoding="utf-8")
    environment = {"APIKLEY_CONFIG": str(file), "APIKLEY_API_KEY": "k", "APIKLEY_BASE_URL": "http://127.0.0.1:8080"}
    settings = resolve(profile="fast", environment=environment)
    assert (settings.api_key.value, settings.base_url.value) == ("k", "http://127.0.0.1:8080")
