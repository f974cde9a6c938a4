"""What Forewatt answers. Fields that a later server adds are ignored."""

from __future__ import annotations

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, protected_namespaces=())


class Day(_Answer):
    """A local day: expected load and quantiles in the month's unit, and the chance of being among the ten highest."""

    date: datetime.date
    mean: float
    p5: float
    p10: float
    p50: float
    p90: float
    p95: float
    p_top10: float


class Peak(_Answer):
    """One of the ten days of highest expected load; p10 to p90 holds the load in four cases of five."""

    rank: int
    date: datetime.date
    value: float
    unit: str
    p10: float
    p90: float
    probability: float


class Model(_Answer):
    """Which model answered; ``cold_start`` says that it was not fitted on this history."""

    name: str
    version: str
    model_type: str
    cold_start: bool


class Month(_Answer):
    """A month, day by day, with its ten peaks, as it was foreseen at the end of ``origin``."""

    origin: datetime.date
    unit: str
    days: list[Day]
    top10: list[Peak]
    model: Model
    weather: str
    warnings: list[str]


class Received(_Answer):
    """What became of readings: of the accepted some are quarantined or came late; ``errors`` are the first refused."""

    accepted: int
    duplicates: int
    quarantined: int
    late: int
    refused: int
    errors: list[dict[str, Any]] = []


class Task(_Answer):
    """Long work and how far it is; ``progress`` in percent."""

    id: UUID = Field(alias="taskId")
    status: Literal["PENDING", "RUNNING", "COMPLETED", "FAILED"]
    progress: int = 0
    month: Month | None = None
    error: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ("COMPLETED", "FAILED")


class Measured(_Answer):
    """A measured local day: °C, % relative humidity, mm of rain, and the load in the unit that it was given in."""

    date: datetime.date
    temperature: float | None = None
    humidity: float | None = None
    rainfall: float | None = None
    load: float


class Imported(_Answer):
    """What became of a workbook: rows stored, days that were there before, and what is wrong with the others."""

    id: UUID = Field(alias="importId")
    imported: int
    duplicates: int
    errors: list[dict[str, Any]] = []
