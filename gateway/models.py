"""The models fitted on a caller's days: how good each is, whether it was kept and why not, and its card."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from gateway import fits, inference, store
from gateway.auth import at_least
from gateway.errors import Problem, documented
from gateway.inference import Inference
from gateway.owner import Owner
from gateway.settings import Knobs, Settings
from gateway.store import Database
from gateway.tables import Fit

router = APIRouter(tags=["models"], responses=documented(422, 500, 503))

PATH = "/api/v1/models"
Version = Annotated[str, Path(pattern="^[0-9]{8}-[0-9a-f]{16}$")]
RELEASED = "load"


class FittedModel(BaseModel):
    """A fit: on which history, how good by its backtest, whether it was kept, and whether it is the current one."""

    model_config = ConfigDict(from_attributes=True, protected_namespaces=())

    model_name: str
    model_version: str | None
    series: str = Field(description="The series, and the region whose holidays count.")
    history_hash: str
    first: date
    last: date
    created_at: datetime
    seconds: float
    kept: bool = Field(description="Whether it is good enough to be asked; else the released model answers.")
    reason: str | None = Field(description="Why it was not kept, or why it is not the current one.")
    scores: dict[str, Any]
    current: bool = Field(False, description="The newest that was no worse than the one before.")


class ModelWithCard(FittedModel):
    """The same with its card in Markdown."""

    card: str | None


One = TypeVar("One", bound=FittedModel)


class ReleasedModel(BaseModel):
    """The model that answers where there is no other; the version is not known while nobody says."""

    model_name: str = RELEASED
    model_version: str | None

    model_config = ConfigDict(protected_namespaces=())


class Asked(BaseModel):
    """How many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(50, ge=1, le=500)
    before: AwareDatetime | None = Field(None, description="The created_at of the last model of the page before.")


class Models(BaseModel):
    """Some of the fits, the newest first; the Link header leads to the next of them. And the released model."""

    items: list[FittedModel]
    released: ReleasedModel


async def _released(settings: Knobs, client: Inference) -> ReleasedModel:
    """As the registry says, where this gateway sees it; else what the inference server has loaded."""
    version = await asyncio.to_thread(fits.current, settings, RELEASED)
    return ReleasedModel(model_version=version or await inference.released(client))


@router.get(PATH, dependencies=[at_least("viewer")])
def listed(  # noqa: PLR0913, PLR0917 - what the framework hands over
    asked: Annotated[Asked, Query()],
    owner: Owner,
    settings: Knobs,
    database: Database,
    released: Annotated[ReleasedModel, Depends(_released)],
    response: Response,
) -> Models:
    """Your models, the newest first, and the released one."""
    wanted = select(Fit).where(Fit.owner == owner).order_by(Fit.created_at.desc()).limit(asked.limit + 1)
    if asked.before:
        wanted = wanted.where(Fit.created_at < asked.before)
    with store.transaction(database) as session:
        found = session.scalars(wanted).all()
    if len(found) > asked.limit:
        query = urlencode({"limit": asked.limit, "before": found[asked.limit - 1].created_at.isoformat()})
        response.headers["Link"] = f'<{PATH}?{query}>; rel="next"'
    return Models(items=[_shown(fit, settings, FittedModel) for fit in found[: asked.limit]], released=released)


@router.get(PATH + "/{version}", dependencies=[at_least("viewer")], responses=documented(404))
def one(version: Version, owner: Owner, settings: Knobs, database: Database) -> ModelWithCard:
    """One of your models by its version, with its card."""
    wanted = select(Fit).where(Fit.owner == owner, Fit.model_version == version).order_by(Fit.created_at.desc())
    with store.transaction(database) as session:
        found = session.scalars(wanted.limit(1)).first()
    if found is None:
        raise Problem(404, "model-unknown", f"There is no such model of yours. Use a model_version that {PATH} lists.")
    return _shown(found, settings, ModelWithCard)


def _shown(fit: Fit, settings: Settings, kind: type[One]) -> One:
    shown = kind.model_validate(fit)
    shown.current = fit.kept and fits.current(settings, fit.model_name) == fit.model_version
    return shown
