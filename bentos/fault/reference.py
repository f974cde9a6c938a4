"""What one unit looks like when healthy, and how far it has moved since, as the caller carries it from ask to ask."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bentos.fault.laws import LAWS, Fitted, prior

HISTORY_DAYS = 36  # of daily summaries: the longest ramp that a window can show
DIGITS = 8  # significant ones of a coefficient

# A day's summary: the median residual in the hours that tell something of the part.
DAILY = [
    "mixing_low_damper",
    "mixing_high_damper",
    "mixing_still",
    "outdoor_share",
    "coil_idle",
    "coil_cooling",
    "coil_heating",
    "supply_deviation",
    "supply_deviation_open",
    "static_deviation",
    "return_zone",
    "water_rise",
    "coil_units",
    "flow_least",
    "flow_weather",
    "travel",
    "power_flow",
    "speed_flow",
    "power_speed",
    "filter_flow",
    "filter_speed",
]
HOURS = "hours"  # of a day in which something could be judged

Number = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    """Unknown fields are refused: a reference is written here and nowhere else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FittedLaw(Strict):
    """A law's coefficients [P], the lower triangle of their covariance row by row, and the target's deviation."""

    coefficients: list[Number]
    covariance: list[Number]
    noise: Annotated[Number, Field(gt=0)]

    @classmethod
    def of(cls, fitted: Fitted) -> Self:
        lower = fitted.covariance[np.tril_indices(len(fitted.coefficients))]
        return cls(coefficients=_short(fitted.coefficients), covariance=_short(lower), noise=_short([fitted.noise])[0])

    def fitted(self) -> Fitted:
        size = len(self.coefficients)
        covariance = np.zeros((size, size))
        covariance[np.tril_indices(size)] = self.covariance
        return Fitted(np.array(self.coefficients), covariance + np.tril(covariance, -1).T, self.noise)


class Day(Strict):
    """One UTC day in the order of ``DAILY``, in expected standard deviations; none where nothing could be judged."""

    day: date
    hours: Annotated[Number, Field(ge=0, le=24)]
    medians: Annotated[list[Number | None], Field(min_length=len(DAILY), max_length=len(DAILY))]


class Reference(Strict):
    """A unit's healthy period, its laws, and the last days since; JSON of a few kB that only ``windows`` reads."""

    format: Literal[1] = 1
    healthy_from: date
    healthy_until: date
    laws: dict[str, FittedLaw]
    history: Annotated[list[Day], Field(max_length=HISTORY_DAYS)] = []

    @model_validator(mode="after")
    def _fits_the_laws(self) -> Self:
        if set(self.laws) != set(LAWS):
            raise ValueError("the reference was made by another version; make it again from a healthy period")
        for name, law in LAWS.items():
            size, said = len(law.means), self.laws[name]
            if (len(said.coefficients), len(said.covariance)) != (size, size * (size + 1) // 2):
                raise ValueError(f"the law {name} has {size} coefficients; make the reference again")
        return self

    def days(self) -> pd.DataFrame:
        """The history: a row a UTC day, columns ``DAILY`` and ``HOURS``."""
        index = pd.DatetimeIndex([day.day for day in self.history], tz="UTC", dtype="datetime64[us, UTC]")
        rows = [[*day.medians, day.hours] for day in self.history]
        return pd.DataFrame(rows, index=index, columns=[*DAILY, HOURS], dtype=float)

    def with_days(self, days: pd.DataFrame) -> Self:
        """The same unit with its latest ``HISTORY_DAYS`` as in ``days``."""
        latest = days.sort_index().iloc[-HISTORY_DAYS:]
        history = [
            Day(day=at.date(), hours=row[-1], medians=[None if np.isnan(v) else v for v in row[:-1]])
            for at, row in zip(latest.index, latest.to_numpy(float).tolist(), strict=True)
        ]
        return self.model_copy(update={"history": history})


def fitted_laws(reference: Reference | None) -> dict[str, Fitted]:
    """By law; without a reference what is known of any unit."""
    if reference is None:
        return {name: prior(law) for name, law in LAWS.items()}
    return {name: law.fitted() for name, law in reference.laws.items()}


def _short(values: object) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values, float)]
