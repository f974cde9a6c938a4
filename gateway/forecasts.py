"""Ask for a month's forecast and wait: with the history in the body, or with a file of one's uploads folder."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from datetime import UTC, date, datetime
from uuid import uuid4

from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, Field, StrictInt, ValidationError
from sqlalchemy import Engine

from bentos.load.schema import Answer, Day, ModelType, Question, Strict, Weather, WeatherMode
from gateway import inference, snapshots, store, uploads
from gateway.auth import at_least
from gateway.errors import documented, refused
from gateway.inference import DeadlineMs, Inference
from gateway.once import ONCE, OnceJsonRoute
from gateway.owner import LOCAL, Owner
from gateway.series import POWER
from gateway.settings import Knobs, Settings
from gateway.snapshots import Rows
from gateway.store import Database
from gateway.tables import Forecast

STORED = "/uploads/power_data.csv"

router = APIRouter(
    route_class=OnceJsonRoute, tags=["forecasts"], responses=documented(400, 413, 415, 422, 500, 502, 503, 504)
)


class FileQuestion(Strict):
    """A history by its file; what the other fields may hold is judged where the question is made of them."""

    new_data_path: str
    model_type: ModelType = Field("RandomForestRegressor", validation_alias=AliasChoices("model_type", "modelType"))
    year: StrictInt | None = None
    month: StrictInt | None = None
    unit: str = "MW"
    weather: WeatherMode = "climatology"
    weather_ahead: list[Weather] | None = None
    timezone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None


class StoredAnswer(Answer):
    """The answer and where it lies, seen from the data folder."""

    stored_csv: str


class HighDay(BaseModel):
    """One of the ten days of highest expected load."""

    date: date
    load: float


@router.post("/api/v1/forecasts", dependencies=[at_least("operator")])
async def forecast(question: Question, client: Inference, deadline_ms: DeadlineMs) -> Answer:
    """The month after the history, or the one asked for: its days and its ten peaks."""
    return await inference.ask(client, question, deadline_ms)


@router.post("/api/predict", dependencies=[at_least("operator"), ONCE])
@router.post("/api/predict/", dependencies=[at_least("operator"), ONCE], include_in_schema=False)
async def predict(  # noqa: PLR0913, PLR0917 - what the framework hands over
    asked: FileQuestion,
    owner: Owner,
    settings: Knobs,
    client: Inference,
    database: Database,
    deadline_ms: DeadlineMs,
) -> StoredAnswer:
    """The same for a CSV in the caller's uploads folder; the answer is kept in the database and as CSV.

    Where `power_data.csv` is not in it, the caller's stored days are what that name means.
    """
    question = await asyncio.to_thread(_question, asked, owner, settings, database)
    answer = await inference.ask(client, question, deadline_ms)
    return await asyncio.to_thread(_keep, question, answer, owner, database, settings)


def highest(answer: Answer) -> list[HighDay]:
    """The ten days, the highest first."""
    return [HighDay(date=peak.date, load=peak.value) for peak in answer.top10]


def row(question: Question, answer: Answer, owner: str, series: str = POWER.name) -> Forecast:
    """An answer as it is kept."""
    month = question.days[0]
    return Forecast(
        id=uuid4(),
        created_at=datetime.now(UTC),
        request_hash=hashlib.sha256(question.model_dump_json().encode()).hexdigest(),
        model_name=answer.model.name,
        model_version=answer.model.version,
        model_type=answer.model.model_type,
        weather=answer.weather,
        origin=answer.origin,
        year=month.year,
        month=month.month,
        answer=answer.model_dump(mode="json"),
        owner=owner,
        series=series,
    )


def _question(asked: FileQuestion, owner: str, settings: Settings, database: Engine) -> Question:
    options = asked.model_dump(exclude={"new_data_path"}, exclude_none=True)
    rows, lines = _history(asked.new_data_path, owner, settings, database)
    try:
        return Question.model_validate({"series": rows, **options})
    except ValidationError as wrong:
        raise refused(wrong.errors(include_url=False, include_input=False), lines) from None


def _history(named: str, owner: str, settings: Settings, database: Engine) -> tuple[Rows, list[int] | None]:
    """Its rows, and where they come from a file the line of each."""
    folder = settings.uploads if owner == LOCAL else settings.uploads / owner
    if (
        named == STORED
        and not uploads.there(folder, named)
        and (stored := snapshots.rows(database, (owner, POWER.name)))
    ):
        return stored, None
    table = uploads.read(folder, named, settings.body_limit_bytes)
    return table.rows, table.lines


def _keep(question: Question, answer: Answer, owner: str, database: Engine, settings: Settings) -> StoredAnswer:
    kept = row(question, answer, owner)
    kept.stored_csv = f"results/{kept.id}.csv"
    store.write_whole(settings.data / kept.stored_csv, _as_csv(answer.days))
    store.keep(database, kept)
    return StoredAnswer(**dict(answer), stored_csv=kept.stored_csv)


def _as_csv(days: list[Day]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(Day.model_fields), lineterminator="\n")
    table.writeheader()
    table.writerows(day.model_dump(mode="json") for day in days)
    return text.getvalue()
