"""What may be asked about an air-handling unit and what is answered; every refusal that needs no model is made here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, JsonValue, PrivateAttr, model_validator

from bentos.fault.series import REQUIRED, Points, Series, Strict, refusal

HORIZONS = (1, 6, 24, 72, 168, 336)  # hours
STEP = timedelta(minutes=15)
WINDOW = timedelta(hours=72)
MAX_SPAN = timedelta(hours=96)  # a little more than a window: what is older is left out
LEAST_QUARTERS = 96  # of the window's 288; fewer and nothing is told
MAX_DEAD = 2  # required points that may be silent
MAX_HEALTHY_DAYS = 62

FaultCode = Literal[
    "F-FILTER", "F-FAN-BELT", "F-FAN-FAIL", "F-OAD-STUCK", "F-OAD-LEAK", "F-ECON", "F-CCV-LEAK", "F-CCV-STUCK",
    "F-HCV-LEAK", "F-HCV-STUCK", "F-COIL-FOUL", "F-SIMUL", "F-SEN-BIAS", "F-SEN-DRIFT", "F-SEN-STUCK", "F-HUNT",
    "F-DUCT-LEAK", "F-SCHED", "F-COMMS",
]  # fmt: skip
Probability = Annotated[float, Field(ge=0, le=1)]
UnitId = Annotated[str, Field(min_length=1, max_length=128)]


def _written_as_time(value: object) -> object:
    """Only RFC 3339: pydantic would also take seconds since 1970."""
    if isinstance(value, int | float):
        raise refusal("time_form", "Write a time as text with its offset, as in 2026-05-01T08:00:00+02:00.")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_as_time)]


class Readings(Strict):
    """A unit's points on one axis of ascending times, one a minute to one a quarter-hour; averaged by quarter-hour."""

    unit_id: UnitId
    times: Annotated[list[Moment], Field(min_length=2, max_length=MAX_HEALTHY_DAYS * 1440 + 1)]
    points: Points

    @model_validator(mode="after")
    def _one_ascending_axis(self) -> Self:
        for before, after in zip(self.times, self.times[1:], strict=False):
            if after <= before:
                word = "repeated" if after == before else "reversed"
                raise refusal(
                    "times_not_ascending",
                    "times: {after} is {word} after {before}. Send each time once, oldest first.",
                    after=after.isoformat(),
                    word=word,
                    before=before.isoformat(),
                )
        for name, series in self.points.given().items():
            if len(series.values) != len(self.times):
                raise refusal(
                    "lengths_differ",
                    "points.{point} has {found} values for {wanted} times. Send one value or null for each time.",
                    point=name,
                    found=len(series.values),
                    wanted=len(self.times),
                )
        return self

    def _check_span(self, most: timedelta) -> None:
        if self.times[-1] - self.times[0] > most:
            raise refusal(
                "span_too_long",
                "times reach over {found} hours; send at most {most}.",
                found=round((self.times[-1] - self.times[0]) / timedelta(hours=1)),
                most=round(most / timedelta(hours=1)),
            )


class Question(Readings):
    """72 hours of one unit, the moment of asking, and what the unit looks like when healthy.

    Only quarter-hours that have ended ``at`` that moment are looked at; without it that is the end of the last reading.
    ``reference`` comes from an answer, or from ``/diagnose/reference``, and goes back as it came.
    """

    at: Moment | None = None
    reference: dict[str, JsonValue] | None = None

    _at: datetime = PrivateAttr()

    @property
    def asked_at(self) -> datetime:
        """The moment of asking."""
        return self._at

    @model_validator(mode="after")
    def _enough_at_the_moment(self) -> Self:
        self._check_span(MAX_SPAN)
        self._at = self.at or self.times[-1] + STEP
        until, since = self._at.timestamp(), (self._at - WINDOW).timestamp()
        stamps = [time.timestamp() for time in self.times]
        quarters = [
            int(stamp // 900) if since <= stamp and stamp // 900 * 900 + 900 <= until else None for stamp in stamps
        ]
        known = {name: _quarters_known(quarters, series) for name, series in self.points.given().items()}
        dead = [name for name in REQUIRED if known[name] < LEAST_QUARTERS]
        if known["supply_fan_status"] < LEAST_QUARTERS or len(dead) > MAX_DEAD:
            raise refusal(
                "too_little",
                "Of the 72 hours before {at} the quarter-hours known are {known}. "
                "Send at least {least} of each of these points, or a later moment.",
                at=self._at.isoformat(),
                known=", ".join(f"{name}: {known[name]}" for name in dead),
                least=LEAST_QUARTERS,
            )
        return self


class HealthyPeriod(Readings):
    """Two weeks to two months in which the unit worked as it should; from them its reference is made."""

    @model_validator(mode="after")
    def _not_too_long(self) -> Self:
        self._check_span(timedelta(days=MAX_HEALTHY_DAYS))
        return self


def _quarters_known(quarters: list[int | None], series: Series) -> int:
    said = zip(quarters, series.values, strict=True)
    return len({quarter for quarter, value in said if quarter is not None and value is not None})


class Chance(Strict):
    """That the unit loses a function within so many hours."""

    within_hours: int
    probability: Probability


class Suspect(Strict):
    """A type of fault and how likely it is the one."""

    fault: FaultCode
    probability: Probability


class Evidence(Strict):
    """Points and hours that made a difference, and by which rule, law or part of the window."""

    source: Literal["model", "rule", "balance"]
    code: str
    points: list[str]
    since: datetime
    until: datetime
    hours: float  # in which it held
    weight: float  # model: loss of the 336-hour probability without it; rule and balance: share of judged hours
    text: str


class Action(Strict):
    """What to do, where to look, and how soon: the level of a fault that is there already."""

    en: str
    zh: str
    urgency: Annotated[int, Field(ge=1, le=4)]
    look_at: list[str]


class Verdict(Strict):
    """What one of the three judges says."""

    judged: bool  # whether it had what it needs
    faulty: bool
    fault: FaultCode | None
    text: str


class Verdicts(Strict):
    """The network, the rules, and the energy balance of mixing box and coils; ``differences`` say where they part."""

    model: Verdict
    rules: Verdict
    balance: Verdict
    agree: bool
    differences: list[str]


class Validity(Strict):
    """How much of a point could be used, and what is wrong with the rest."""

    point: str
    known: Probability
    defects: list[str]


class Missing(Strict):
    """A point that was not sent or is silent, and what it would let us see."""

    point: str
    unlocks: list[str]


class Model(Strict):
    """Which model answered; ``simulated_training`` says that the faults it learnt from were simulated."""

    name: str
    version: str
    simulated_training: bool


class Answer(Strict):
    """What is likely to go wrong with the unit, when, how that is known, and what to do.

    ``level`` is 0 for nothing, 1 notice, 2 warning, 3 urgent, 4 critical; ``unsure`` that it is too little for a notice
    and too much to end one. ``predicted_time`` is when a loss of function becomes more likely than not, none where that
    is beyond two weeks. Keep ``reference`` for the next question.
    """

    unit_id: UnitId
    at: datetime
    chances: list[Chance]
    fault: FaultCode | None
    alternatives: list[Suspect]
    severity: Probability
    level: Annotated[int, Field(ge=0, le=4)]
    level_from: Literal["model", "rules"]
    unsure: bool
    predicted_time: datetime | None
    lead_hours: float | None
    evidence: list[Evidence]
    action: Action | None
    verdicts: Verdicts
    validity: list[Validity]
    missing: list[Missing]
    has_reference: bool
    reference: dict[str, JsonValue] | None
    simulated_training: bool
    model: Model
    warnings: list[str]


class ReferenceAnswer(Strict):
    """A unit's reference, to be kept and sent with every question about it."""

    unit_id: UnitId
    reference: dict[str, JsonValue]
