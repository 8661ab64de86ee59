"""Where the key, the base URL and the model come from: flags, then environment, then a file."""

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
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley import Apikley

CONFIG, PROFILE = "APIKLEY_CONFIG", "APIKLEY_PROFILE"
DEFAULT_PROFILE = "default"
API_KEY = "APIKLEY_API_KEY"
_VARIABLES = {"api_key": API_KEY, "base_url": "APIKLEY_BASE_URL", "model": "APIKLEY_MODEL"}
_PAIR = {"api_key", "base_url"}


class Setting(NamedTuple):
    """A setting, and where it comes from."""

    value: str | None
    source: str


@dataclass(frozen=True, repr=False)
class Settings:
    """What a command works with. Without a repr: one of them is the key.

    Attributes:
        api_key: The key.
        base_url: Where the API is, if that is said.
        model: The model, if that is said.
        file: The settings file.
        profile: The profile of it that was read; None if there is none of that name.
        paired: Whether key and base URL are that profile's alone, because a flag names it.
        key_for: The only address that the key is for, because it is a profile's; None for any.
    """

    api_key: Setting
    base_url: Setting
    model: Setting
    file: Path
    profile: str | None
    paired: bool = False
    key_for: str | None = None

    @property
    def address(self) -> str:
        """Where the API is: the contract's server, if nothing else is said."""
        return self.base_url.value or _published()

    def client(self) -> Apikley:
        """A client for these settings.

        Raises:
            ConfigurationError: There is no key, it is for another address, or the base URL is none.
        """
        from apikley import Apikley  # noqa: PLC0415 - loads the network stack

        if self.api_key.value is None:
            raise ConfigurationError(self._no_key())
        if self.key_for is not None and self.key_for.rstrip("/") != self.address.rstrip("/"):
            raise ConfigurationError(self._not_for_it())
        # Said even where it is the contract's: the library would take the environment's.
        return Apikley(self.api_key.value, base_url=self.address)

    def _no_key(self) -> str:
        if self.paired:
            return (
                f"profile {self.profile!r} has no api_key: write it into {self.file}; "
                "the environment's is not used with a profile's base_url"
            )
        return (
            f"no API key: set {API_KEY}, or write api_key into the profile of {self.file}; "
            "keys are made at https://app.apikley.ru/keys"
        )

    def _not_for_it(self) -> str:
        leave = " and leave --profile out" if self.paired else ""
        return (
            f"the key of {self.api_key.source} is not sent to the address that {self.base_url.source} names: "
            "write that address and its key into a profile of their own, "
            f"or set {API_KEY} to its key{leave}"
        )


def resolve(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    profile: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Put the settings together.

    A profile that is named by a flag is as good as flags: its values come before the environment's. Its key
    and its base URL belong together: where it has either, the environment is asked for neither, so that
    `--profile mock` never sends the key of the environment to the mock.

    A profile's key is for that profile's base URL or, where it has none, for the contract's server, however the
    profile was named. Another base URL, be it a flag's, needs a key from elsewhere.

    Args:
        api_key: The flag's value; so for the others.
        base_url: As above.
        model: As above.
        profile: As above.
        environment: The environment variables.

    Raises:
        ConfigurationError: The file is not what it should be, or has no such profile.
    """
    file = config_file(environment)
    name = profile or environment.get(PROFILE) or DEFAULT_PROFILE
    profiles = _profiles(file)
    if name not in profiles and name != DEFAULT_PROFILE:
        known = ", ".join(profiles) or "none"
        raise ConfigurationError(f"there is no profile {name!r} in {file}; there are: {known}")
    stored = {key: Setting(value, f"profile {name!r} of {file}") for key, value in profiles.get(name, {}).items()}
    from_environment = {
        key: Setting(environment[variable], f"environment variable {variable}")
        for key, variable in _VARIABLES.items()
        if environment.get(variable)
    }
    flags = {"api_key": api_key, "base_url": base_url, "model": model}
    given = {key: Setting(value, f"--{key.replace('_', '-')}") for key, value in flags.items() if value is not None}
    paired = bool(profile and _PAIR & stored.keys())
    if paired:
        from_environment = {key: setting for key, setting in from_environment.items() if key not in _PAIR}
    layers = [given, stored, from_environment] if profile else [given, from_environment, stored]
    chosen = {
        key: next((layer[key] for layer in layers if key in layer), Setting(None, "not set")) for key in _VARIABLES
    }
    key_for = None
    if chosen["api_key"] is stored.get("api_key"):
        _demand_private(file)
        key_for = stored["base_url"].value if "base_url" in stored else _published()
    return Settings(**chosen, file=file, profile=name if name in profiles else None, paired=paired, key_for=key_for)


def _published() -> str:
    return str(apikley_contract.openapi()["servers"][0]["url"])


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the settings file is: in the platform's configuration folder, or where APIKLEY_CONFIG says."""
    given = environment.get(CONFIG)
    return Path(given) if given else platformdirs.user_config_path("apikley", appauthor=False) / "config.toml"


def _profiles(file: Path) -> dict[str, dict[str, str]]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from error
    profiles = document.pop("profiles", {})
    if document or not isinstance(profiles, dict):
        raise ConfigurationError(f"{file} holds more than tables named [profiles.NAME]")
    for name, profile in profiles.items():
        _demand_known(profile, f"{file}: profile {name!r}")
    return profiles


def _demand_known(profile: Any, where: str) -> None:
    if not isinstance(profile, dict):
        raise ConfigurationError(f"{where} is no table")
    for key, value in profile.items():
        if key not in _VARIABLES:
            raise ConfigurationError(f"{where} holds {key!r}; known are {', '.join(_VARIABLES)}")
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{where}: {key} is no text")


def _demand_private(file: Path) -> None:
    """Refuse a key that others can read. Where files have no modes, the user's folder has to do."""
    if os.name != "posix":
        return
    status = file.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise ConfigurationError(
            f"{file} holds a key and is open to others (mode {mode:03o}), so the key is not used; run: chmod 600 {file}"
        )
    if status.st_uid not in (os.getuid(), 0):
        raise ConfigurationError(f"{file} holds a key and belongs to another user, so the key is not used")
