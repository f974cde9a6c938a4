"""Every knob of the gateway, typed and frozen, read from FOREWATT_… once at start-up."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator, AnyHttpUrl, Field, FilePath, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MEBIBYTE = 1024 * 1024
LONGEST_SOCKET_PATH = 107  # bytes; the system takes no more
MAX_DEADLINE_MS = 60_000  # longer than this is a task, not a request


def _database_url(url: SecretStr) -> SecretStr:
    try:
        make_url(url.get_secret_value())
    except ArgumentError:
        raise ValueError("write a database URL such as sqlite:////srv/forewatt/forewatt.db") from None
    return url


def _api_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ValueError("a key is letters, digits and signs of ASCII, without spaces")
    return key


class Settings(BaseSettings):
    """The gateway's configuration; the names in the environment have the prefix FOREWATT_."""

    model_config = SettingsConfigDict(env_prefix="FOREWATT_", env_ignore_empty=True, frozen=True)

    data: Path = Path(".forewatt")
    # A secret because it may carry a password; without it the database lies in the data folder.
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = None
    inference_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:3000")
    inference_socket: Path | None = None  # the same server's, where it is on this host
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    api_key_file: FilePath | None = None
    body_limit_bytes: int = Field(default=8 * MEBIBYTE, ge=1024)
    deadline_ms: int = Field(default=10_000, ge=1, le=MAX_DEADLINE_MS)
    pool_size: int = Field(default=64, ge=1, le=1024)
    drain_s: int = Field(default=15, ge=0)
    import_rows: int = Field(default=200_000, ge=1)
    import_unpacked_bytes: int = Field(default=128 * MEBIBYTE, ge=MEBIBYTE)
    imports_at_once: int = Field(default=1, ge=1, le=64)

    @field_validator("api_key_file")
    @classmethod
    def _has_a_key(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        if path is not None:
            if others.data.get("api_key") is not None:
                raise ValueError("FOREWATT_API_KEY is set too; keep one of them")
            _api_key(SecretStr(path.read_text().strip()))
        return path

    @property
    def key(self) -> str | None:
        """The key that callers need, if they need one."""
        if self.api_key_file is not None:
            return self.api_key_file.read_text().strip()
        return self.api_key.get_secret_value() if self.api_key else None

    @property
    def socket(self) -> str | None:
        """The inference server's Unix socket, if there is one; its path may be too long for the system."""
        path = self.inference_socket
        return str(path) if path and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else None

    @property
    def database(self) -> str:
        """The URL of the database, with its password."""
        if self.database_url is None:
            return f"sqlite:///{self.data / 'forewatt.db'}"
        return self.database_url.get_secret_value()

    @property
    def uploads(self) -> Path:
        """The only folder that a caller's path may name."""
        return self.data / "uploads"

    @property
    def results(self) -> Path:
        """Where answers are kept as CSV."""
        return self.data / "results"


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Knobs = Annotated[Settings, Depends(_settings)]
