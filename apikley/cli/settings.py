"""Where the API key, the base URL and the model come from: flags, then the environment, then a file."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import platformdirs

import apikley_contract
from apikley.cli import constants
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley import Apikley

_VARIABLES = constants.SETTINGS_VARIABLES
_PAIR = {"api_key", "base_url"}
_ENVIRONMENT = "environment variable "


class Setting(NamedTuple):
    """A setting and its source."""

    value: str | None
    source: str


@dataclass(frozen=True, repr=False)
class Settings:
    """The settings of a command. They have no repr, because one of them is the API key."""

    api_key: Setting
    base_url: Setting
    model: Setting
    file: Path
    profile: str | None  # None if the file has no such profile
    paired: bool  # whether key and base URL come from the profile only, because --profile names it
    key_for: str | None  # the only base URL that a profile's key may be sent to; None for any

    @property
    def address(self) -> str:
        """The base URL; by default the contract's server."""
        return self.base_url.value or default_server()

    def client(self) -> Apikley:
        """Return a client with these settings.

        Raises:
            ConfigurationError: The key is missing or belongs to another base URL, or the base URL is invalid.
        """
        from apikley import Apikley  # noqa: PLC0415 - loads the network stack

        api_key, base_url = self.credentials()
        return Apikley(api_key, base_url=base_url)

    def credentials(self) -> tuple[str | None, str | None]:
        """Return the API key and the base URL for a client; None for what it reads from the environment itself.

        Raises:
            ConfigurationError: The key is missing or belongs to another base URL.
        """
        if self.api_key.value is None:
            raise ConfigurationError(
                f"profile {self.profile!r} has no api_key: write it into {self.file}; "
                "a profile's base_url is not used with the key of the environment"
                if self.paired
                else f"no API key: set {constants.API_KEY_VARIABLE}, or write api_key into a profile in {self.file}; "
                "keys are made at https://app.apikley.ru/keys"
            )
        if self.key_for is not None and self.key_for.rstrip("/") != self.address.rstrip("/"):
            alternative = " and omit --profile" if self.paired else ""
            raise ConfigurationError(
                f"the key from {self.api_key.source} is not sent to the base URL from {self.base_url.source}: write "
                f"that URL and its key into another profile, or set {constants.API_KEY_VARIABLE}{alternative}"
            )
        # The library reads the environment itself, where that is right, so that its errors name the variable.
        unset = self.base_url.value is None and not os.environ.get(_VARIABLES["base_url"])
        return (
            None if self.api_key.source.startswith(_ENVIRONMENT) else self.api_key.value,
            None if unset or self.base_url.source.startswith(_ENVIRONMENT) else self.address,
        )


def resolve(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    profile: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Collect the settings from flags, environment and file.

    A profile that a flag names comes before the environment. If it has an API key or a base URL, neither is
    taken from the environment, so that `--profile mock` never sends the environment's key to the simulator.
    A profile's key is sent to the profile's base URL or, without one, to the contract's server only.

    Raises:
        ConfigurationError: The file is invalid, or has no such profile.
    """
    file = config_file(environment)
    name = profile or environment.get(constants.PROFILE_VARIABLE) or constants.DEFAULT_PROFILE
    profiles = _read_profiles(file)
    if name not in profiles and name != constants.DEFAULT_PROFILE:
        known = ", ".join(profiles) or "none"
        raise ConfigurationError(f"there is no profile {name!r} in {file}; known profiles: {known}")
    flags = {"api_key": api_key, "base_url": base_url, "model": model}
    given = {key: Setting(value, f"--{key.replace('_', '-')}") for key, value in flags.items() if value is not None}
    stored = {key: Setting(value, f"profile {name!r} of {file}") for key, value in profiles.get(name, {}).items()}
    paired = bool(profile and _PAIR & stored.keys())
    from_environment = {
        key: Setting(environment[variable], f"{_ENVIRONMENT}{variable}")
        for key, variable in _VARIABLES.items()
        if environment.get(variable) and not (paired and key in _PAIR)
    }
    layers = [from_environment, stored] if profile else [stored, from_environment]
    chosen = dict.fromkeys(_VARIABLES, Setting(None, "not set")) | layers[0] | layers[1] | given
    key_for = None
    if chosen["api_key"] is stored.get("api_key"):
        _require_private(file)
        key_for = stored["base_url"].value if "base_url" in stored else default_server()
    return Settings(**chosen, file=file, profile=name if name in profiles else None, paired=paired, key_for=key_for)


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file: APIKLEY_CONFIG, or `config.toml` in the platform's configuration folder."""
    given = environment.get(constants.CONFIG_VARIABLE)
    if given:
        return Path(given)
    try:
        return platformdirs.user_config_path("apikley", appauthor=False) / "config.toml"
    except RuntimeError:  # this user has no home folder, as in some containers
        return platformdirs.site_config_path("apikley", appauthor=False) / "config.toml"


def default_server() -> str:
    """Return the contract's server."""
    return str(apikley_contract.openapi()["servers"][0]["url"])


def _read_document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        # PowerShell and Notepad may write UTF-16.
        raise ConfigurationError(f"{file} is not UTF-8 text; save it as UTF-8") from error
    except ValueError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from error


def _read_profiles(file: Path) -> dict[str, dict[str, str]]:
    document = _read_document(file)
    profiles = document.pop("profiles", {})
    if document or not isinstance(profiles, dict):
        raise ConfigurationError(f"{file} may contain only tables named [profiles.NAME]")
    for name, profile in profiles.items():
        where = f"{file}: profile {name!r}"
        if not isinstance(profile, dict):
            raise ConfigurationError(f"{where} is not a table")
        for key, value in profile.items():
            if key not in _VARIABLES:
                raise ConfigurationError(f"{where} has an unknown key {key!r}; known keys: {', '.join(_VARIABLES)}")
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"{where}: {key} is not a non-empty string")
    return profiles


def _require_private(file: Path) -> None:
    """Refuse a key that other users can read. Windows has no file modes; there the user's folder protects it."""
    if os.name != "posix":
        return
    status = file.stat()
    if (mode := stat.S_IMODE(status.st_mode)) & 0o077:
        raise ConfigurationError(
            f"{file} contains a key, but other users can open it (mode {mode:03o}); run: chmod 600 {file}"
        )
    if status.st_uid not in (os.getuid(), 0):
        raise ConfigurationError(f"{file} contains a key, but belongs to another user, so the key is not used")
