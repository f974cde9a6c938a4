"""Ask for a month's forecast: with the history in the body, or with a file of the uploads folder."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from datetime import UTC, datetime
from uuid import uuid4

from fastapi import APIRouter
from pydantic import AliasChoices, Field, StrictInt, ValidationError
from sqlalchemy import Engine

from bentos.load.schema import Answer, Day, ModelType, Question, Strict, Weather, WeatherMode
from gateway import inference, store, uploads
from gateway.bodies import JsonRoute
from gateway.errors import documented, refused
from gateway.inference import DeadlineMs, Inference
from gateway.owner import LOCAL
from gateway.settings import Knobs, Settings
from gateway.store import Database
from gateway.tables import Forecast

router = APIRouter(
    route_class=JsonRoute, tags=["forecasts"], responses=documented(400, 413, 415, 422, 500, 502, 503, 504)
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


@router.post("/api/v1/forecasts")
async def forecast(question: Question, client: Inference, deadline_ms: DeadlineMs) -> Answer:
    """The month after the history, or the one asked for: its days and its ten peaks."""
    return await inference.ask(client, question, deadline_ms)


@router.post("/api/predict")
@router.post("/api/predict/", include_in_schema=False)
async def predict(
    asked: FileQuestion, settings: Knobs, client: Inference, database: Database, deadline_ms: DeadlineMs
) -> StoredAnswer:
    """The same for an uploaded CSV; the answer is kept in the database and as CSV."""
    question = await asyncio.to_thread(_from_file, asked, settings)
    answer = await inference.ask(client, question, deadline_ms)
    return await asyncio.to_thread(_keep, question, answer, database, settings)


def _from_file(asked: FileQuestion, settings: Settings) -> Question:
    table = uploads.read(settings.uploads, asked.new_data_path, settings.body_limit_bytes)
    options = asked.model_dump(exclude={"new_data_path"}, exclude_none=True)
    try:
        return Question.model_validate({"series": table.rows, **options})
    except ValidationError as wrong:
        raise refused(wrong.errors(include_url=False, include_input=False), table.lines) from None


def _keep(question: Question, answer: Answer, database: Engine, settings: Settings) -> StoredAnswer:
    number, month = uuid4(), question.days[0]
    stored = StoredAnswer(**dict(answer), stored_csv=f"results/{number}.csv")
    store.write_whole(settings.data / stored.stored_csv, _as_csv(answer.days))
    row = Forecast(
        id=number,
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
        stored_csv=stored.stored_csv,
        owner=LOCAL,
    )
    store.keep(database, row)
    return stored


def _as_csv(days: list[Day]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(Day.model_fields), lineterminator="\n")
    table.writeheader()
    table.writerows(day.model_dump(mode="json") for day in days)
    return text.getvalue()
