"""Where the command takes its API key, base URL and model from, and where it sends the key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import apikley_contract
from apikley.cli.constants import COMMANDS
from apikley.cli.settings import resolve
from apikley.errors import ConfigurationError
from contract_tests.cli.command_line import CLOSED, IMAGE, REQUEST, CommandLine
from contract_tests.conftest import KEY

FILE = f"""
[profiles.default]
api_key = "{KEY}"
base_url = "https://default.example.com"

[profiles.mock]
api_key = "mock-key"
base_url = "http://127.0.0.1:8080"

[profiles.keyless]
base_url = "http://127.0.0.1:8080"

[profiles.fast]
model = "m"
"""
SERVER = apikley_contract.openapi()["servers"][0]["url"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o600)
    return path


REAL = {"APIKLEY_API_KEY": "sk-real", "APIKLEY_BASE_URL": "https://real.example.com"}
PROFILE = {**REAL, "APIKLEY_PROFILE": "mock"}
PRECEDENCE: dict[str, tuple[dict[str, str], dict[str, str], str | None, str]] = {
    "file": ({}, {}, KEY, "https://default.example.com"),
    "environment before file": ({}, REAL, "sk-real", "https://real.example.com"),
    "flags before environment": ({"api_key": "k", "base_url": "https://a.test"}, REAL, "k", "https://a.test"),
    "--profile before environment": ({"profile": "mock"}, REAL, "mock-key", "http://127.0.0.1:8080"),
    "environment before its profile": ({}, PROFILE, "sk-real", "https://real.example.com"),
    "no key with a base URL": ({"profile": "keyless"}, REAL, None, "http://127.0.0.1:8080"),
    "a flag completes": ({"profile": "keyless", "api_key": "k"}, REAL, "k", "http://127.0.0.1:8080"),
    "neither key nor base URL": ({"profile": "fast"}, REAL, "sk-real", "https://real.example.com"),
}


@pytest.mark.parametrize(("flags", "environment", "api_key", "base_url"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_settings_have_a_fixed_precedence(
    file: Path, flags: dict[str, str], environment: dict[str, str], api_key: str | None, base_url: str
) -> None:
    settings = resolve(**flags, environment={"APIKLEY_CONFIG": str(file), **environment})
    assert (settings.api_key.value, settings.base_url.value) == (api_key, base_url)


def test_each_setting_names_its_source(file: Path) -> None:
    settings = resolve(environment={"APIKLEY_CONFIG": str(file), "APIKLEY_MODEL": "m"}, base_url="https://a.test")
    assert settings.api_key.source == f"profile 'default' of {file}"
    assert settings.model == ("m", "environment variable APIKLEY_MODEL")
    assert settings.base_url == ("https://a.test", "--base-url")
    assert resolve(environment={"APIKLEY_CONFIG": "none.toml"}).base_url == (None, "not set")


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has file modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"other users can open it \(mode {mode:03o}\).*chmod 600") as caught:
        resolve(environment={"APIKLEY_CONFIG": str(file)})
    assert KEY not in str(caught.value)
    assert resolve(environment={"APIKLEY_CONFIG": str(file), "APIKLEY_API_KEY": "k"}).api_key.value == "k"


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has file owners")
def test_a_key_in_another_users_file_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = list(file.stat())
    status[4] = os.getuid() + 1
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result(status))
    with pytest.raises(ConfigurationError, match="belongs to another user, so the key is not used") as caught:
        resolve(environment={"APIKLEY_CONFIG": str(file)})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("profiles = [", "is not TOML"),
        ("api_key = 'k'", "may contain only tables named"),
        ("profiles = 1", "may contain only tables named"),
        ("[profiles]\ndefault = 1", "profile 'default' is not a table"),
        ("[profiles.default]\nkey = 'k'", "has an unknown key 'key'; known keys: api_key, base_url, model"),
        ("[profiles.default]\nmodel = 7", "model is not a non-empty string"),
    ],
)
def test_an_invalid_file_is_reported(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        resolve(environment={"APIKLEY_CONFIG": str(tmp_path / "config.toml")})


@pytest.mark.parametrize("arguments", [("run", "--help"), ("credits",)], ids=" ".join)
def test_an_invalid_file_is_one_line_on_stderr(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    cli.use_profiles("[")
    ended = cli(*arguments)
    assert (ended.code, ended.err.count("\n"), "is not TOML" in ended.err) == (2, 1, True)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[profiles.default]\r\nmodel = 'm'\r\n", encoding="utf-8-sig")
    assert resolve(environment={"APIKLEY_CONFIG": str(tmp_path / "config.toml")}).model.value == "m"


def test_a_file_in_utf_16_is_reported(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[profiles.default]\n", encoding="utf-16")
    with pytest.raises(ConfigurationError, match=r"config\.toml is not UTF-8 text; save it as UTF-8$"):
        resolve(environment={"APIKLEY_CONFIG": str(tmp_path / "config.toml")})


def test_an_unknown_profile_is_reported(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no profile 'prod' in .*; known profiles: default, mock,"):
        resolve(profile="prod", environment={"APIKLEY_CONFIG": str(file)})


def test_the_settings_do_not_show_the_key() -> None:
    assert KEY not in repr(resolve(api_key=KEY, environment={}))


def test_without_a_key_the_command_says_where_to_put_one(cli: CommandLine) -> None:
    cli.patch.delenv("APIKLEY_API_KEY")
    ended = cli("credits")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("apikley: no API key: set APIKLEY_API_KEY, or write api_key into a profile in ")


def test_a_key_on_the_command_line_works_with_a_warning(cli: CommandLine) -> None:
    cli.patch.delenv("APIKLEY_API_KEY")
    ended = cli("credits", "--api-key", cli.mock.api_key)
    assert ended.code == 0
    assert ended.err.startswith("warning: --api-key shows the key in the process list")
    assert cli.mock.api_key not in ended.out + ended.err


def test_the_environments_key_is_never_sent_to_a_profiles_base_url(cli: CommandLine) -> None:
    cli.use_profiles(f'[profiles.mock]\nbase_url = "{cli.mock.url}"')
    cli.patch.setenv("APIKLEY_API_KEY", "sk-real")
    for command in ("credits", "doctor"):
        ended = cli(command, "--profile", "mock")
        assert ended.code == 2
        assert "profile 'mock' has no api_key: write it into " in ended.out + ended.err
    assert_no_key_was_sent(cli)


def test_a_profiles_key_is_never_sent_to_the_environments_base_url(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f'[profiles.real]\napi_key = "{KEY}"\n', encoding="utf-8")
    # The library reads the environment, too.
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://elsewhere.invalid")
    environment = {"APIKLEY_CONFIG": str(file), "APIKLEY_BASE_URL": "http://elsewhere.invalid", "APIKLEY_MODEL": "m"}
    settings = resolve(profile="real", environment=environment)
    assert (settings.base_url.value, settings.address) == (None, SERVER)
    assert repr(settings.client()) == f"<Apikley {SERVER}>"
    assert settings.model.value == "m", "a model is not a secret"


@pytest.fixture(name="keys_only")
def _keys_only(cli: CommandLine) -> Path:
    """Profiles with the simulator's key, but without its base URL."""
    key = f'api_key = "{cli.mock.api_key}"'
    return cli.use_profiles(f'[profiles.default]\n{key}\n[profiles.named]\n{key}\nbase_url = "https://named.invalid"')


NETWORK = {
    "run": REQUEST,
    "create": REQUEST,
    "wait": ("task_1",),
    "task": ("task_1",),
    "download": ("task_1",),
    "upload": ("cat.png",),
    "credits": (),
    "doctor": (),
    "listen": ("--forward-to", "http://127.0.0.1:9/hook", "--webhook-key", "k", "task_1"),
    "batch": ("run", "products.csv"),
    "mcp": (),
}


@pytest.mark.parametrize("profile", ["default", "named"])
@pytest.mark.parametrize("command", NETWORK)
def test_a_profiles_key_is_sent_to_no_other_base_url(
    cli: CommandLine, keys_only: Path, command: str, profile: str
) -> None:
    assert {*COMMANDS} - {*NETWORK} == {"models", "check", "inbox", "mock", "tasks"}, "these need no key"
    ended = cli(command, *NETWORK[command], "--profile", profile, "--base-url", cli.mock.url)
    assert ended.code == 2
    assert (
        f"the key from profile {profile!r} of {keys_only} is not sent to the base URL from --base-url: write that URL "
        "and its key into another profile, or set APIKLEY_API_KEY and omit --profile"
    ) in ended.out + ended.err
    cli.patch.setenv("APIKLEY_BASE_URL", cli.mock.url)
    cli.patch.setenv("APIKLEY_PROFILE", profile)
    ended = cli(command, *NETWORK[command])
    assert ended.code == 2
    assert "is not sent to the base URL from environment variable APIKLEY_BASE_URL: " in ended.out + ended.err
    assert_no_key_was_sent(cli)


def test_a_plan_sends_a_profiles_key_to_no_other_base_url(cli: CommandLine, keys_only: Path) -> None:
    (keys_only.parent / "products.csv").write_text(f"prompt,image_url\na ship,{IMAGE}\n", encoding="utf-8")
    ended = cli("batch", "plan", "products.csv", "--base-url", cli.mock.url, "--format", "json")
    assert (ended.code, ended.document["balance"]) == (0, None)
    assert_no_key_was_sent(cli)


def test_a_profiles_key_is_sent_to_its_own_base_url(cli: CommandLine, keys_only: Path) -> None:
    keys_only.write_text(f'[profiles.default]\napi_key = "{cli.mock.api_key}"\nbase_url = "{cli.mock.url}/"\n')
    assert cli("credits").code == 0
    assert cli("credits", "--base-url", cli.mock.url).code == 0
    cli.patch.setenv("APIKLEY_BASE_URL", cli.mock.url)
    assert cli("credits", "--profile", "default").code == 0
    cli.patch.setenv("APIKLEY_API_KEY", "sk-real")
    assert cli("credits", "--profile", "default").code == 0, "a flag precedes the environment"


@pytest.mark.usefixtures("keys_only")
def test_a_key_from_a_flag_or_the_environment_is_sent_to_any_base_url(cli: CommandLine) -> None:
    given = ("--base-url", cli.mock.url)
    assert cli("credits", *given, "--api-key", cli.mock.api_key).code == 0
    cli.patch.setenv("APIKLEY_API_KEY", cli.mock.api_key)
    assert cli("credits", *given).code == 0


def test_errors_name_the_source_of_the_key_and_the_base_url(cli: CommandLine) -> None:
    flags = ("--api-key", "wrong", "--base-url", cli.mock.url)
    assert "the key is from --api-key or the profile" in cli("credits", *flags).err
    assert "from --base-url or the profile) refused" in cli("credits", "--base-url", CLOSED).err
    cli.patch.setenv("APIKLEY_API_KEY", "wrong")
    assert "the key is from the environment variable APIKLEY_API_KEY" in cli("credits").err
    cli.patch.setenv("APIKLEY_BASE_URL", CLOSED)
    assert "from APIKLEY_BASE_URL) refused" in cli("credits").err


def assert_no_key_was_sent(cli: CommandLine) -> None:
    # `doctor` checks the connection without a key.
    assert {(entry.target, entry.account) for entry in cli.requests()} <= {("/", None)}
