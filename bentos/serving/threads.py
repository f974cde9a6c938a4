"""How many threads a model's library may use for one batch."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Threads(BaseSettings):
    """From FOREWATT_… in the environment. One is a core for each model, and the same answer to the last digit."""

    model_config = SettingsConfigDict(env_prefix="FOREWATT_", env_ignore_empty=True, frozen=True)

    model_threads: int = Field(default=1, ge=1, le=256)
