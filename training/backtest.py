"""Rolling origins: at each the model is fitted anew on what had been measured, and asked as a caller would ask."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bentos.load.features import design_matrix
from bentos.load.known import WEATHER, Known
from bentos.load.model import LoadModel, members
from bentos.load.schema import Answer, Question
from training.load import Recipe, Tuned, fit
from training.moments import Replay
from training.progress import steps
from training.publish import description, write_unproved
from training.scores import month_scores, seasonal_scale

MODELS = (*members(), "Ensemble")


def backtest(known: Known, origins: list[pd.Timestamp], replayed: Replay, tuned: Tuned, recipe: Recipe) -> pd.DataFrame:
    """A row for each origin and model type: its measures and the ladder's. Leaves nothing on disk."""
    tables = []
    for origin in steps(origins, "backtesting", "origin"):
        seen = replayed.until(origin)
        with tempfile.TemporaryDirectory() as scratch:
            say = description(known.until(origin), recipe, tuned, {})
            artifact = write_unproved(Path(scratch, "model"), fit(seen, tuned, recipe), seen, say)
        tables.append(ask_at(LoadModel(artifact), known, origin))
    return pd.concat(tables, ignore_index=True)


def ask_at(model: LoadModel, known: Known, origin: pd.Timestamp) -> pd.DataFrame:
    """Every model type asked at one origin, and the profile alone; also with the weather that came, a diagnostic."""
    rows = [_scored(model, known, origin, model_type=name, weather="climatology") for name in MODELS]
    month = pd.date_range(origin + pd.Timedelta(days=1), origin + pd.offsets.MonthEnd(1))
    came = known.days[WEATHER].reindex(month)
    if came["temperature"].notna().all():
        weather_ahead = records(came)
        rows.append(_scored(model, known, origin, weather="actual", weather_ahead=weather_ahead))
    return pd.DataFrame(rows)


def _scored(model: LoadModel, known: Known, origin: pd.Timestamp, **options: Any) -> dict[str, object]:  # noqa: ANN401
    answer = model.answer(question_at(known, origin, **options))
    return {
        "origin": origin,
        "model": options.get("model_type", "Ensemble"),
        "weather": answer.weather,
        **month_scores(answer, month_after(known, answer), known.until(origin).days["load"]),
    }


def question_at(known: Known, origin: pd.Timestamp, **options: Any) -> Question:  # noqa: ANN401 - a question's fields
    """What a caller would have asked at the end of ``origin``, for the month after it."""
    region = known.region
    place = {"country": region.country, "subdivision": region.subdivision}
    return Question.model_validate({"series": records(known.until(origin).days), **place, **options})


def records(table: pd.DataFrame) -> list[dict[str, object]]:
    """A table of days as the rows of a question; NaN is not known."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [
        {"date": day.date(), **{str(name): cell for name, cell in row.items()}}
        for day, row in zip(table.index, rows, strict=True)
    ]


def month_after(known: Known, answer: Answer) -> pd.Series:
    """What came on the days of the answer."""
    return known.days["load"].reindex(pd.DatetimeIndex([day.date for day in answer.days]))


def profile_alone(known: Known, origins: list[pd.Timestamp]) -> list[float]:
    """MASE of the regression that the members correct, for the ablation in the card."""
    found = []
    for origin in origins:
        days = pd.date_range(origin + pd.Timedelta(days=1), origin + pd.offsets.MonthEnd(1))
        centre = design_matrix(known, origin, len(days)).profile.centre
        came = known.days["load"].reindex(days).to_numpy()
        found.append(float(np.abs(np.exp(centre) - came).mean() / seasonal_scale(known.until(origin).days["load"])))
    return found
