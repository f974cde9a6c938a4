"""The load model as it answers: an opened artifact and a question become a month with its peak days."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from bentos.artifact import Artifact, ArtifactError, fingerprint
from bentos.load import baseline, paths
from bentos.load.calendar import RegionError
from bentos.load.features import design_matrix
from bentos.load.known import Known, known_from
from bentos.load.profile import Profile
from bentos.load.schema import ANNUAL_DAYS, MODEL_DAYS, Answer, Day, Model, ModelType, Peak, Question, Reading, Strict
from bentos.serving.graphs import Regressor
from bentos.serving.problems import Refused, invalid
from bentos.serving.tensors import TensorSpec

Floats = NDArray[np.float64]

NAME = "load"
FITTED = NAME + "-[0-9a-f]{32}"  # the name of a model that was fitted for one caller's series
ERRORS = "errors.json"  # trajectories of past errors, one list for short histories and one for whole years
LEVELS = {"p5": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
DIGITS = 6  # significant ones in an answer; the model knows three
LARGEST_LOG = 690.0  # of a load: the mean of all paths must stay a number, whatever the history
LARGEST_CORRECTION = 3.0  # spreads: beyond it a member has left what it was fitted on


def schema_fingerprint() -> str:
    """Of the fields of question and answer; an artifact made for others is refused."""
    speakers = (Question, Reading, Answer, Day, Peak, Model)
    return fingerprint({speaker.__name__: ", ".join(sorted(speaker.model_fields)) for speaker in speakers})


class Parameters(Strict):
    """What is fitted beside the graphs: the ensemble's weights by member; whether it may be asked of other series."""

    weights: dict[str, float]
    cold_start: bool


@dataclass(frozen=True)
class Prepared:
    """A question made ready: its rows [H, features], and the profile they correct; none where the history is short."""

    question: Question
    known: Known
    horizon: int
    profile: Profile | None
    rows: Floats


class LoadModel:
    """Members by name, each an ONNX graph, and the weights of their combination."""

    platform = "onnxruntime_onnx"

    def __init__(self, artifact: Artifact) -> None:
        self.manifest = artifact.manifest
        self.name, self.version = self.manifest.name, self.manifest.version
        self.input = TensorSpec("features", "FP64", (-1, len(self.manifest.features)))
        self.outputs = [TensorSpec(name, "FP64", (-1,)) for name in ("Ensemble", *members())]
        self._graphs = {name: Regressor(artifact.files[f"{name.lower()}.onnx"]) for name in members()}
        self.parameters = Parameters.model_validate(self.manifest.parameters)
        self._errors = {kind: np.array(rows, dtype=float) for kind, rows in json.loads(artifact.files[ERRORS]).items()}

    def answer(self, question: Question) -> Answer:
        """Each local day of the month: mean, quantiles, chance of being a peak; the same question, the same answer.

        Raises ``RegionError`` for an unknown country or subdivision.
        """
        prepared = self.prepare(question)
        return self.finish(prepared, self.predict(prepared.rows) if len(prepared.rows) else [])

    def respond(self, body: bytes) -> bytes:
        """The same in JSON. Raises ``Refused``."""
        try:
            return self.answer(Question.model_validate_json(body)).model_dump_json().encode()
        except ValidationError as wrong:
            raise invalid(wrong) from None
        except RegionError as unknown:
            raise Refused(422, "region_unknown", str(unknown)) from None

    def sample_question(self) -> bytes:
        """The golden one: of its three years few callers have more."""
        return json.dumps(self.manifest.golden.question).encode()

    def prepare(self, question: Question) -> Prepared:
        """All that is done for one question alone, before the rows of many are predicted together."""
        known = known_from(question)
        horizon = (question.days[-1] - question.origin).days
        if len(known.days) < MODEL_DAYS:
            return Prepared(question, known, horizon, None, np.empty((0, len(self.manifest.features))))
        design = design_matrix(known, known.at, horizon)
        return Prepared(question, known, horizon, design.profile, design.rows[self.manifest.features].to_numpy())

    def predict(self, rows: Floats) -> list[Floats]:
        """For rows [N, features] the corrections [N] to the profile, in spreads: an array for each of ``outputs``.

        A row's correction knows no other row.
        """
        said = {name: self._member(name, rows) for name in members()}
        ensemble = np.sum([weight * said[name] for name, weight in self.parameters.weights.items()], axis=0)
        return [np.asarray(ensemble), *said.values()]

    def finish(self, prepared: Prepared, corrections: Sequence[Floats]) -> Answer:
        """The answer, from what ``predict`` said of the prepared rows."""
        known, profile, question = prepared.known, prepared.profile, prepared.question
        ahead = slice(max(prepared.horizon - len(question.days), 0), prepared.horizon)  # of the month asked for
        if profile is None:
            logs = baseline.simulate_weekdays(known, prepared.horizon, _seed(question))[:, ahead]
        else:
            correction = corrections[[spec.name for spec in self.outputs].index(question.model_type)]
            expected = profile.centre + profile.spread * correction
            errors = profile.spread * self._trajectories(known)[:, ahead]
            logs = paths.simulate(expected[ahead], errors, profile.weather_moves[:, ahead], _seed(question))
        return self._worded(question, known, _month_of(logs, known, len(question.days)))

    def examples(self, n: int) -> Floats:
        """[n, features] days that go all ways through the trees."""
        return np.random.default_rng(0).normal(scale=3.0, size=(n, len(self.manifest.features)))

    def prove(self) -> None:
        """Ask the golden question. Raises ``ArtifactError`` where the answer is not the recorded one."""
        golden = self.manifest.golden
        answer = comparable(self.answer(Question.model_validate(golden.question, strict=False)))
        if not _close(answer, golden.answer):
            raise ArtifactError(
                f"Model {self.manifest.version} answers its golden question otherwise than recorded. "
                "Install the library versions of constraints.txt, or train again."
            )

    def _trajectories(self, known: Known) -> Floats:
        return self._errors["years" if len(known.days) >= ANNUAL_DAYS else "short"]

    def _member(self, name: str, features: Floats) -> Floats:
        return np.clip(self._graphs[name](features), -LARGEST_CORRECTION, LARGEST_CORRECTION)

    def _worded(self, question: Question, known: Known, possible: Floats) -> Answer:
        days = _days(question, possible)
        short = len(known.days) < MODEL_DAYS
        model = Model(
            name=self.manifest.name,
            version=self.manifest.version,
            model_type="Baseline" if short else question.model_type,
            cold_start=self.parameters.cold_start,
        )
        return Answer(
            origin=question.origin,
            unit=question.unit,
            days=days,
            top10=_top(days, question.unit),
            model=model,
            weather=question.weather,
            warnings=_warnings(question, known, model),
        )


def members() -> list[str]:
    """The names of the single models."""
    return [name for name in get_args(ModelType) if name != "Ensemble"]


def comparable(answer: Answer) -> list[dict[str, object]]:
    """The part of an answer that a golden question fixes."""
    return [day.model_dump(mode="json") for day in answer.days]


def _close(answer: object, golden: object) -> bool:
    if not isinstance(answer, list) or not isinstance(golden, list) or len(answer) != len(golden):
        return False
    found, recorded = pd.DataFrame(answer).set_index("date"), pd.DataFrame(golden).set_index("date")
    if not found.index.equals(recorded.index) or set(found) != set(recorded):
        return False
    return bool(np.allclose(found, recorded[found.columns], rtol=1e-5, atol=2e-3))


def _seed(question: Question) -> int:
    """From the question's content, so that asking twice is no way to another answer."""
    return int(hashlib.sha256(question.model_dump_json().encode()).hexdigest()[:16], 16)


def _month_of(logs: Floats, known: Known, days: int) -> Floats:
    """[paths, days of the month] of load: what has been measured already is certain."""
    ahead = np.exp(np.clip(logs, -LARGEST_LOG, LARGEST_LOG))
    load = known.days["load"].to_numpy()
    measured = load[len(load) + ahead.shape[1] - days :]
    return np.hstack([np.tile(measured, (len(ahead), 1)), ahead])


def _days(question: Question, possible: Floats) -> list[Day]:
    columns = dict(zip(LEVELS, paths.quantiles(possible, list(LEVELS.values())), strict=True))
    columns |= {"mean": possible.mean(axis=0), "p_top10": paths.chance_of_peak(possible)}
    return [
        Day(date=day, **{name: float(f"{values[i]:.{DIGITS}g}") for name, values in columns.items()})
        for i, day in enumerate(question.days)
    ]


def _top(days: list[Day], unit: str) -> list[Peak]:
    highest = sorted(days, key=lambda day: -day.mean)[: paths.PEAKS]
    return [
        Peak(rank=i, date=d.date, value=d.mean, unit=unit, p10=d.p10, p90=d.p90, probability=d.p_top10)
        for i, d in enumerate(highest, start=1)
    ]


def _warnings(question: Question, known: Known, model: Model) -> list[str]:
    n = len(known.days)
    filled = ", ".join(day.isoformat() for day in known.filled[:10])
    unfinished = question.series[-1].date
    no_air = float(np.isnan(known.days["temperature"].to_numpy()).mean())
    said = [
        (unfinished > question.origin, f"{unfinished} has not ended in {question.timezone} and was left out."),
        (n < MODEL_DAYS, f"Only {n} days: the mean of the same weekdays answers. A model needs {MODEL_DAYS}."),
        (MODEL_DAYS <= n < ANNUAL_DAYS, f"Only {n} days: the time of year cannot be told. It needs {ANNUAL_DAYS}."),
        (bool(known.filled), f"{len(known.filled)} missing days were filled from the same weekday before: {filled}."),
        (question.country is None, "No country is given, so no holidays are known."),
        (no_air == 1, "No temperatures are given, so load cannot respond to them."),
        (0 < no_air < 1, f"Temperatures are missing on {no_air:.0%} of the days: the response to them is less sure."),
        (model.cold_start and n >= MODEL_DAYS, "The model was fitted on another series, not on this one."),
        (question.weather == "forecast", "The weather supplied is taken as certain: the bands leave its error out."),
        (question.weather == "actual", "The weather is what happened: a diagnostic, not a forecast."),
    ]
    return [text for applies, text in said if applies]
