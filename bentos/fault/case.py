"""A question made ready: its readings in our units, cut off at the moment of asking, and what is seen in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import ValidationError

from bentos.fault.balance import Balance, balance
from bentos.fault.inspection import Fired, judge
from bentos.fault.operation import Operation, observe
from bentos.fault.points import CONVERSIONS, POINTS
from bentos.fault.reference import Reference
from bentos.fault.schema import Question, Readings
from bentos.fault.windows import SPAN, STEP, Window, judged, known_days, packed
from bentos.serving.problems import Refused


@dataclass(frozen=True)
class Case:
    """``window`` [STEPS, CHANNELS] for the network; what rules and balance say of the same 72 hours."""

    question: Question
    at: pd.Timestamp
    reference: Reference | None
    carried: Reference | None  # with the window's days in its history: for the next question
    window: Window
    operation: Operation
    fired: list[Fired]
    rules_judged: list[str]
    balance: Balance
    late_hours: float  # from the last reading to the moment of asking


def readings_of(said: Readings) -> pd.DataFrame:
    """[R, points] in °C, %, Pa, m³/s and kW by UTC time; NaN where null."""
    stamps = pd.DatetimeIndex(pd.to_datetime(said.times, utc=True))
    columns = {}
    for name, series in said.points.given().items():
        factor, offset = CONVERSIONS[POINTS[name].quantity][getattr(series, "unit")]  # noqa: B009
        columns[name] = np.array(series.values, dtype=float) * factor + offset
    return pd.DataFrame(columns, stamps)


def open_reference(said: Mapping[str, object] | None) -> Reference | None:
    """Raises ``Refused`` 422 for one that was not written here."""
    try:
        return None if said is None else Reference.model_validate(said)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        place = "".join(f"/{part}" for part in ("reference", *first["loc"]))
        errors = [{"pointer": place, "code": "reference_invalid", "message": first["msg"]}]
        remedy = "Send it as it was answered, or make it again by POST /diagnose/reference."
        raise Refused(422, "reference_invalid", f"{place}: {first['msg']}. {remedy}", errors) from None


def prepare_case(question: Question) -> Case:
    """Nothing after the moment of asking is looked at. Raises ``Refused`` 422."""
    at = pd.Timestamp(question.asked_at).tz_convert("UTC").floor(STEP)
    reference = open_reference(question.reference)
    readings = readings_of(question)
    readings = readings[readings.index < at]
    late = (at - readings.index[-1]) / pd.Timedelta(hours=1)
    if readings.index[-1] < at - STEP:
        readings.loc[at - STEP] = np.nan  # silence is seen too
    seen = judged(readings, reference)
    recent = seen.last(int((seen.stamps >= at - SPAN).sum()))
    days = known_days(seen, reference)
    operation = observe(readings[readings.index >= at - SPAN], recent, reference)
    fired, rules_judged = judge(operation)
    return Case(
        question=question,
        at=at,
        reference=reference,
        carried=reference and reference.with_days(days),
        window=packed(seen, reference, days).window(at),
        operation=operation,
        fired=fired,
        rules_judged=rules_judged,
        balance=balance(recent, reference),
        late_hours=late,
    )
