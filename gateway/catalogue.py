"""Which series there are, so that a caller knows what to bring and under which names it comes back."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.auth import at_least
from gateway.errors import documented
from gateway.series import Slot
from gateway.settings import Knobs

router = APIRouter(tags=["measurements"], responses=documented(500))


class Header(BaseModel):
    """A column of numbers."""

    name: str
    means: Slot = Field(description="Which of the load model's columns it is; the load is what is forecast.")
    called: list[str] = Field(description="What a workbook's header may say, without case and units.")
    low: float
    high: float
    needed: bool


class Listed(BaseModel):
    """A series: the unit of what is forecast, and its columns beside the day, which stands in `date`."""

    name: str
    unit: str
    columns: list[Header]


class Catalogue(BaseModel):
    """All series."""

    items: list[Listed]


@router.get("/api/v1/series", dependencies=[at_least("viewer")])
def series(settings: Knobs) -> Catalogue:
    """The series that you may keep days of: power, and what else is declared here."""
    items = []
    for known in settings.series.values():
        columns = [Header(means=slot, **asdict(column)) for slot, column in known.slots.items()]
        items.append(Listed(name=known.name, unit=known.unit, columns=columns))
    return Catalogue(items=items)
