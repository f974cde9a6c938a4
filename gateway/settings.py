"""Every knob of the gateway, typed and frozen, read from FOREWATT_… once at start-up."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, Request
from limits import RateLimitItem, parse_many
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    Field,
    FilePath,
    RedisDsn,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway import dialects
from gateway.series import Series, declared

MEBIBYTE = 1024 * 1024
SHORTEST_SECRET = 32  # bytes, as long as what it makes (RFC 7518, 3.2)
LONGEST_SOCKET_PATH = 107  # bytes; the system takes no more
SHORTEST_PASSWORD, LONGEST_PASSWORD = 6, 128  # characters
OFF = "off"
MAX_DEADLINE_MS = 60_000  # longer than this is a task, not a request


def _database_url(url: SecretStr) -> SecretStr:
    dialects.read_url(url.get_secret_value())
    return url


def _broker_url(url: SecretStr) -> SecretStr:
    try:
        TypeAdapter(RedisDsn).validate_python(url.get_secret_value())
        named = re.match(r"rediss?://[^/]", url.get_secret_value())  # that type takes a missing host for this one
    except ValidationError:
        named = None
    if not named:
        raise ValueError(
            "write the URL of a Redis or Valkey such as redis://127.0.0.1:6379/0 or redis://:password@host:6379/0"
        )
    return url


def _api_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ValueError("a key is letters, digits and signs of ASCII, without spaces")
    return key


def _secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise ValueError(f"a secret has {SHORTEST_SECRET} bytes or more; `openssl rand -hex 32` makes one")
    return secret


def _password(password: SecretStr) -> SecretStr:
    if not SHORTEST_PASSWORD <= len(password.get_secret_value()) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return password


def _limit(limit: str) -> str:
    if limit != OFF:
        try:
            (found,) = parse_many(limit)
            possible = found.amount > 0
        except ValueError:
            possible = False
        if not possible:
            raise ValueError(f"write one limit such as 600/minute or 5 per 10 seconds, or {OFF}")
    return limit


FirstRole = Literal["viewer", "operator", "expert", "engineer"]
Limit = Annotated[str, AfterValidator(_limit)]
WORDS = {
    "api_key": _api_key,
    "secret": _secret,
    "admin_password": _password,
    "database_url": _database_url,
}  # those that may lie in a file


class Settings(BaseSettings):
    """The gateway's configuration; the names in the environment have the prefix FOREWATT_."""

    model_config = SettingsConfigDict(
        env_prefix="FOREWATT_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    profile: Literal["embedded", "onprem", "cloud"] = "embedded"
    data: Path = Path(".forewatt")
    models: Path | None = None
    # A secret because it may carry a password; without it the database lies in the data folder.
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = None
    database_url_file: FilePath | None = None
    database_connections: int = Field(default=dialects.CONNECTIONS, ge=1, le=1024)
    # By the name that Celery gives it; without it the gateway starts a worker beside it.
    celery_broker_url: Annotated[SecretStr, AfterValidator(_broker_url)] | None = Field(
        default=None, validation_alias="CELERY_BROKER_URL"
    )
    tasks_at_once: int = Field(default=2, ge=1, le=64)
    fits_at_once: int = Field(default=1, ge=1, le=64)
    lease_s: float = Field(default=20.0, ge=1, le=3600)
    catch_up_days: float = Field(default=7.0, ge=0.01, le=366)
    inference_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:3000")
    inference_socket: Path | None = None  # the same server's, where it is on this host
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    public_url: AnyHttpUrl | None = None
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    api_key_file: FilePath | None = None
    anonymous: bool = False  # counts where no key is set
    local_key: bool | None = None
    registration: bool | None = None
    first_role: FirstRole | None = None
    secret: Annotated[SecretStr, AfterValidator(_secret)] | None = None
    secret_file: FilePath | None = None
    admin_password: Annotated[SecretStr, AfterValidator(_password)] | None = None
    admin_password_file: FilePath | None = None
    body_limit_bytes: int = Field(default=8 * MEBIBYTE, ge=1024)
    deadline_ms: int = Field(default=10_000, ge=1, le=MAX_DEADLINE_MS)
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    pool_size: int = Field(default=64, ge=1, le=1024)
    drain_s: int = Field(default=15, ge=0)
    import_rows: int = Field(default=200_000, ge=1)
    import_unpacked_bytes: int = Field(default=128 * MEBIBYTE, ge=MEBIBYTE)
    imports_at_once: int = Field(default=1, ge=1, le=64)
    series_file: FilePath | None = None
    telemetry_rows: int = Field(default=100_000, ge=1)
    telemetry_unpacked_bytes: int = Field(default=64 * MEBIBYTE, ge=MEBIBYTE)
    retention_days: int = Field(default=400, ge=7, le=36_500)
    late_hours: int = Field(default=72, ge=1, le=8_760)
    rate_limit: Limit = "12000/minute"
    submit_limit: Limit = "3600/minute"
    import_limit: Limit = "120/minute"
    register_limit: Limit = "60/minute"
    limits_url: Annotated[SecretStr, AfterValidator(_broker_url)] | None = None  # may carry a password

    @field_validator("api_key_file", "secret_file", "admin_password_file", "database_url_file")
    @classmethod
    def _has_the_word(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        if path is not None:
            name = str(others.field_name).removesuffix("_file")
            if others.data.get(name) is not None:
                raise ValueError(f"FOREWATT_{name.upper()} is set too; keep one of them")
            try:
                WORDS[name](SecretStr(path.read_text().strip()))
            except OSError as wrong:
                raise ValueError(f"{path} cannot be read: {wrong.strerror}") from None
        return path

    @field_validator("series_file")
    @classmethod
    def _declares(cls, path: Path | None) -> Path | None:
        declared(path)
        return path

    def word(self, name: str) -> str | None:
        """A secret, from the environment or from its file; nothing where neither is set."""
        path, given = getattr(self, f"{name}_file"), getattr(self, name)
        if path is not None:
            return str(path.read_text()).strip()
        return str(given.get_secret_value()) if given is not None else None

    @property
    def strict(self) -> bool:
        """Whether weak words are refused, and what nobody has set is closed; all else is a setting of its own."""
        return self.profile != "embedded"

    @property
    def keeps_key(self) -> bool:
        """Whether who may read the data folder may ask without an account."""
        return not self.strict if self.local_key is None else self.local_key

    @property
    def newcomer(self) -> FirstRole:
        """The role of a new account: all that is his own on one machine, looking where others rely on it."""
        return self.first_role or ("viewer" if self.strict else "engineer")

    @property
    def key(self) -> str | None:
        """The one key that is the same for all callers, where one is set."""
        return self.word("api_key")

    @property
    def open_to_all(self) -> bool:
        """Whether callers without any right are answered."""
        return self.anonymous and self.key is None

    @property
    def registers_all(self) -> bool:
        """Whether who has no right yet may register; a set key would be worth nothing if everybody could."""
        return self.key is None if self.registration is None else self.registration

    @property
    def socket(self) -> str | None:
        """The inference server's Unix socket, if there is one; its path may be too long for the system."""
        path = self.inference_socket
        return str(path) if path and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else None

    @property
    def database(self) -> str:
        """The URL of the database, with its password."""
        return self.word("database_url") or f"sqlite:///{self.data / 'forewatt.db'}"

    @cached_property
    def series(self) -> dict[str, Series]:
        """The tables that an owner may keep, by name."""
        return declared(self.series_file)

    @property
    def quotas(self) -> dict[str, RateLimitItem]:
        """How often one caller may ask, by the name of the policy; none where the first is off."""
        policies = {
            "default": self.rate_limit,
            "submit": self.submit_limit,
            "import": self.import_limit,
            "register": self.register_limit,
        }
        return {name: parse_many(limit)[0] for name, limit in policies.items() if OFF not in (limit, self.rate_limit)}

    @property
    def site(self) -> str:
        """Where people reach this system, for links in what they are told."""
        return str(self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def counters(self) -> str | None:
        """The URL of the Redis in which all gateways count together, with its password."""
        return self.limits_url.get_secret_value() if self.limits_url else None

    @property
    def uploads(self) -> Path:
        """The only folder that a caller's path may name."""
        return self.data / "uploads"

    @property
    def results(self) -> Path:
        """Where answers are kept as CSV."""
        return self.data / "results"

    @property
    def registry(self) -> Path:
        """Where models lie by name and version."""
        return self.models or self.data / "models"

    @property
    def snapshots(self) -> Path:
        """Where histories lie that models were fitted on."""
        return self.data / "snapshots"


def complaints(wrong: ValidationError) -> str:
    """A line for each knob that is wrong, with its name in the environment."""
    knobs = [(str(error["loc"][0]) if error["loc"] else "", error["msg"]) for error in wrong.errors()]
    return "".join(f"{f'FOREWATT_{name.upper()}' if name.islower() else name}: {said}\n" for name, said in knobs)


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Knobs = Annotated[Settings, Depends(_settings)]
