"""What must hold of any honest forecast: nothing from later, nothing from nothing, and all that is known ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.load.calendar import Region
from bentos.load.known import WEATHER, Known, known_from_table
from bentos.load.model import LoadModel
from bentos.load.schema import Answer, Question
from training.backtest import MODELS, ask_at, backtest, question_at, records
from training.load import Recipe, fit, tune
from training.moments import replay
from training.publish import description, write_artifact
from training.scores import seasonal_scale

ORIGIN = pd.Timestamp("2014-01-31")


def trained(folder: Path, known: Known, recipe: Recipe, origin: pd.Timestamp) -> LoadModel:
    """As the backtest trains at one origin."""
    seen = replay(known, recipe.step_days).until(origin)
    tuned = tune(seen, recipe)
    said = description(known.until(origin), recipe, tuned, {})
    return LoadModel(write_artifact(folder, fit(seen, tuned, recipe), seen, said))


def noisy_after(known: Known, origin: pd.Timestamp) -> Known:
    """Every load and every weather after ``origin`` overwritten."""
    dice = np.random.default_rng(5)
    days = known.days.copy()
    later = days.index > origin
    days.loc[later, "load"] = dice.uniform(1, 20_000, later.sum())
    days.loc[later, "temperature"] = dice.uniform(-30, 50, later.sum())
    return known_from_table(days, known.region)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, victoria: Known, tiny: Recipe) -> LoadModel:
    return trained(tmp_path_factory.mktemp("canary") / "model", victoria, tiny, ORIGIN)


def test_noise_over_everything_after_the_origin_leaves_the_forecast_as_it_was(monkeypatch, victoria, tiny, model):
    noisy = noisy_after(victoria, ORIGIN)
    asked: list[tuple[LoadModel, Question, Answer]] = []
    answer = LoadModel.answer

    def listened(self: LoadModel, question: Question) -> Answer:
        asked.append((self, question, answer(self, question)))
        return asked[-1][2]

    replayed = replay(noisy, tiny.step_days)
    tuned = tune(replayed.until(ORIGIN), tiny)
    monkeypatch.setattr(LoadModel, "answer", listened)
    table = backtest(noisy, [ORIGIN], replayed, tuned, tiny)
    monkeypatch.undo()

    trained_on_noise = asked[-1][0].manifest
    assert trained_on_noise.files == model.manifest.files  # members and error trajectories, byte by byte
    assert trained_on_noise.parameters == model.manifest.parameters
    assert trained_on_noise.recipe == model.manifest.recipe
    forecasts = {
        q.model_type: found for _, q, found in asked if found.origin == ORIGIN.date() and q.weather != "actual"
    }
    assert set(forecasts) == set(MODELS)
    for name, found in forecasts.items():
        question = question_at(victoria, ORIGIN, model_type=name)
        assert question == question_at(noisy, ORIGIN, model_type=name)
        assert found.days == model.answer(question).days
    assert (table["mase"] > 2).all()  # what came is noise: the table does look at it


def test_noise_before_the_origin_changes_the_forecast(victoria, model):
    a_week_before = noisy_after(victoria, ORIGIN - pd.Timedelta(days=7))
    assert model.answer(question_at(a_week_before, ORIGIN)).days != model.answer(question_at(victoria, ORIGIN)).days


def test_load_shuffled_over_the_days_leaves_no_skill(tmp_path, victoria, tiny):
    days = victoria.days.assign(load=np.random.default_rng(0).permutation(victoria.days["load"]))
    shuffled = known_from_table(days, victoria.region)
    origins = list(pd.date_range("2013-12-31", "2014-11-30", freq="2ME"))
    model = trained(tmp_path / "model", shuffled, tiny, origins[0])
    table = pd.concat([ask_at(model, shuffled, origin) for origin in origins])
    constant = []
    for origin in origins:
        history = shuffled.until(origin).days["load"]
        came = shuffled.days.loc[origin + pd.Timedelta(days=1) : origin + pd.offsets.MonthEnd(1), "load"]
        constant.append((came - history.median()).abs().mean() / seasonal_scale(history))
    for (name, weather), scores in table.groupby(["model", "weather"]):
        # Two hundred days tell an error of the mean to about 5 %; a leak of the target tells far more.
        assert scores["mase"].mean() > 0.97 * np.mean(constant), (name, weather)
        assert scores["r2"].mean() < 0.05
        assert scores["recall"].mean() < 10 / 30 + 0.12
        assert 0.68 <= scores["coverage_80"].mean() <= 0.92


def test_the_weather_known_ahead_changes_the_forecast_of_a_trained_model(victoria, model):
    came = victoria.days[WEATHER].loc["2014-02-01":"2014-02-28"]

    def asked(**options) -> np.ndarray:
        return np.array([day.mean for day in model.answer(question_at(victoria, ORIGIN, **options)).days])

    forecast = asked(weather="forecast", weather_ahead=records(came))
    warmer = asked(weather="forecast", weather_ahead=records(came.assign(temperature=came["temperature"] + 5)))
    assert (warmer > forecast).mean() > 0.9  # February is summer there
    assert np.abs(asked() - forecast).max() > 50


def test_the_holidays_of_the_country_change_the_forecast_of_a_trained_model(victoria, model):
    origin = pd.Timestamp("2013-12-31")
    elsewhere = known_from_table(victoria.days, Region())
    with_holidays, without = (model.answer(question_at(known, origin)).days for known in (victoria, elsewhere))
    by_day = {day.date.day: (day.mean, other.mean) for day, other in zip(with_holidays, without, strict=True)}
    for holiday in (1, 27):  # New Year, Australia Day
        assert by_day[holiday][0] < 0.97 * by_day[holiday][1]
    assert by_day[22][0] == pytest.approx(by_day[22][1], rel=0.05)
