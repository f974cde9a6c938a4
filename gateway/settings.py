"""Every knob of the gateway, typed and frozen, read from FOREWATT_… once at start-up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator, AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MEBIBYTE = 1024 * 1024
MAX_DEADLINE_MS = 60_000  # longer than this is a task, not a request


def _database_url(url: SecretStr) -> SecretStr:
    try:
        make_url(url.get_secret_value())
    except ArgumentError:
        raise ValueError("write a database URL such as sqlite:////srv/forewatt/forewatt.db") from None
    return url


class Settings(BaseSettings):
    """The gateway's configuration; the names in the environment have the prefix FOREWATT_."""

    model_config = SettingsConfigDict(env_prefix="FOREWATT_", env_ignore_empty=True, frozen=True)

    data: Path = Path(".forewatt")
    # A secret because it may carry a password; without it the database lies in the data folder.
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = None
    inference_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:3000")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    body_limit_bytes: int = Field(default=8 * MEBIBYTE, ge=1024)
    deadline_ms: int = Field(default=10_000, ge=1, le=MAX_DEADLINE_MS)
    pool_size: int = Field(default=64, ge=1, le=1024)
    drain_s: int = Field(default=15, ge=0)

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
