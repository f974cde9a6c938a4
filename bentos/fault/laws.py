"""What physics expects of an air-handling unit, as linear laws whose few coefficients each unit shows while healthy.

A law says ``target ≈ terms · coefficients``. Before a unit was seen, prior knowledge stands for its coefficients; a
healthy period narrows it (Bayesian linear regression, Bishop 2006, chapter 3.3). A residual is divided by the standard
deviation that is expected where the unit is now: it counts little where the healthy period never was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAMPER_KNOTS = np.array([0.0, 10.0, 20.0, 40.0, 70.0, 100.0])  # %
VALVE_KNOTS = np.array([0.0, 15.0, 40.0, 100.0])  # %; nothing flows at the first
TYPICAL_CHILLED_WATER, TYPICAL_HOT_WATER = 7.0, 60.0  # °C, where it is not measured
CLOSED = 2.0  # % of valve travel that still counts as closed
NEEDED = 96  # quarter-hours below which a period says nothing of a law
ONE_OF = 16  # quarter-hours follow each other: so many count as one observation
HUBER = 2.0  # standard deviations beyond which an observation loses weight
LARGEST = 20.0  # of a residual, in standard deviations
UNKNOWN = 30.0  # standard deviation of a coefficient of which nothing is known beforehand


@dataclass(frozen=True)
class Law:
    """``target`` [T] from readings, ``terms`` [T, P] beside it; NaN where it cannot be judged.

    ``means`` and ``deviations`` [P] are what is known of any unit, ``noise`` the target's least
    standard deviation.
    """

    target: Callable[[pd.DataFrame], pd.Series]
    terms: Callable[[pd.DataFrame], Floats]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    noise: float


@dataclass(frozen=True)
class Fitted:
    """A law's coefficients [P], their covariance [P, P] and the target's own standard deviation."""

    coefficients: Floats
    covariance: Floats
    noise: float


def hats(position: pd.Series, knots: Floats) -> Floats:
    """[T, K]: how near each position is to each knot; rows sum to one (a piecewise linear curve's basis)."""
    x = position.to_numpy(float)
    return np.column_stack([np.interp(x, knots, unit) for unit in np.eye(len(knots))])


def prior(law: Law) -> Fitted:
    """What is known of any unit."""
    return Fitted(np.array(law.means), np.diag(np.square(law.deviations)), law.noise)


def fit(law: Law, readings: pd.DataFrame, judged: pd.Series) -> Fitted:
    """The law where ``judged`` in a healthy period; the prior where that is too short."""
    y, x = law.target(readings).to_numpy(float), law.terms(readings)
    usable = np.isfinite(y) & np.isfinite(x).all(axis=1) & judged.to_numpy()
    if usable.sum() < NEEDED:
        return prior(law)
    y, x = y[usable], x[usable]
    found, weights = prior(law), np.ones(len(y))
    for _ in range(4):
        found = _posterior(law, (y, x), weights, found.noise)
        errors = y - x @ found.coefficients
        noise = max(1.4826 * float(np.median(np.abs(errors))), law.noise)
        found = Fitted(found.coefficients, found.covariance, noise)
        weights = 1 / np.maximum(np.abs(errors) / (HUBER * noise), 1)
    return found


def error(law: Law, fitted: Fitted, readings: pd.DataFrame) -> Floats:
    """[T] what the target has beyond the law, in its own unit."""
    beyond: Floats = law.target(readings).to_numpy(float) - law.terms(readings) @ fitted.coefficients
    return beyond


def residual(law: Law, fitted: Fitted, readings: pd.DataFrame) -> Floats:
    """[T] the same in expected standard deviations, within ± ``LARGEST``; NaN where it cannot be judged."""
    x = law.terms(readings)
    variance = fitted.noise**2 + np.einsum("ti,ij,tj->t", x, fitted.covariance, x).clip(min=0)
    scaled: Floats = (law.target(readings).to_numpy(float) - x @ fitted.coefficients) / np.sqrt(variance)
    return scaled.clip(-LARGEST, LARGEST)


def _posterior(law: Law, seen: tuple[Floats, Floats], weights: Floats, noise: float) -> Fitted:
    y, x = seen
    precision = np.diag(1 / np.square(law.deviations))
    weighted = x * (weights / (ONE_OF * noise**2))[:, None]
    covariance = np.linalg.inv(precision + weighted.T @ x)
    return Fitted(
        np.asarray(covariance) @ (precision @ np.array(law.means) + weighted.T @ y),
        np.asarray(covariance, float),
        noise,
    )


def _ones(readings: pd.DataFrame) -> Floats:
    return np.ones((len(readings), 1))


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values.where(values > 0)), values.index)


def _with_log(name: str, typical: float) -> Callable[[pd.DataFrame], Floats]:
    def terms(readings: pd.DataFrame) -> Floats:
        return np.column_stack([np.ones(len(readings)), _log(readings[name] / typical)])

    return terms


def _mixing_terms(readings: pd.DataFrame) -> Floats:
    """Mixed air is return air and so much of the way to outdoor air as the damper lets in."""
    drive = readings["outdoor_air_temperature"] - readings["return_air_temperature"]
    shares = hats(readings["outdoor_damper_position"], DAMPER_KNOTS) * drive.to_numpy(float)[:, None]
    return np.hstack([_ones(readings), shares])


def _coil_terms(readings: pd.DataFrame) -> Floats:
    """The fan warms; each valve draws the air towards its water, the further the slower the air passes."""
    mixed = readings["mixed_air_temperature"].to_numpy(float)
    water = readings["chilled_water_supply_temperature"].clip(4, 15).fillna(TYPICAL_CHILLED_WATER).to_numpy(float)
    slow = (0.6 - readings["supply_fan_speed"] / 100).to_numpy(float)[:, None]
    cooling = hats(readings["cooling_valve_position"], VALVE_KNOTS)[:, 1:] * (water - mixed)[:, None]
    heating = hats(readings["heating_valve_position"], VALVE_KNOTS)[:, 1:] * (TYPICAL_HOT_WATER - mixed)[:, None]
    return np.hstack([_ones(readings), cooling, cooling * slow, heating])


def _temperature_rise(readings: pd.DataFrame) -> pd.Series:
    return readings["supply_air_temperature"] - readings["mixed_air_temperature"]


def _travel(readings: pd.DataFrame) -> pd.Series:
    """% that valves and damper travelled in the last hour."""
    moved = readings[["cooling_valve_position", "heating_valve_position", "outdoor_damper_position"]].diff().abs()
    return moved.sum(axis=1).rolling(4, min_periods=4).sum()


def _static_error(readings: pd.DataFrame) -> pd.Series:
    wanted = readings["duct_static_pressure_setpoint"]
    return (readings["duct_static_pressure"] - wanted) / wanted.where(wanted > 10)


def _water_rise(readings: pd.DataFrame) -> pd.Series:
    rise = readings["chilled_water_return_temperature"] - readings["chilled_water_supply_temperature"]
    return rise.where(readings["cooling_valve_position"] > 5)


LAWS = {
    "mixing": Law(
        lambda r: r["mixed_air_temperature"] - r["return_air_temperature"],
        _mixing_terms,
        (0.0, 0.05, 0.12, 0.22, 0.42, 0.7, 0.95),
        (0.3, 0.1, 0.1, 0.12, 0.15, 0.15, 0.1),
        0.3,
    ),
    "coil": Law(
        _temperature_rise,
        _coil_terms,
        (0.6, 0.3, 0.55, 0.8, 0.0, 0.0, 0.0, 0.1, 0.2, 0.35),
        (0.6, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.1, 0.15, 0.2),
        0.3,
    ),
    "supply_deviation": Law(
        lambda r: r["supply_air_temperature"] - r["supply_air_temperature_setpoint"], _ones, (0.0,), (0.5,), 0.3
    ),
    "static_deviation": Law(_static_error, _ones, (0.0,), (0.05,), 0.03),
    "return_zone": Law(lambda r: r["return_air_temperature"] - r["zone_temperature"], _ones, (0.5,), (1.0,), 0.3),
    "water_rise": Law(_water_rise, _ones, (5.0,), (2.0,), 0.5),
    "travel": Law(_travel, _ones, (15.0,), (15.0,), 10.0),
    # Fan laws: flow with speed, power with its third power; a filter's pressure drop with the flow squared. The scales
    # are the unit's own, so that without a healthy period nothing is said.
    "power_flow": Law(
        lambda r: _log(r["supply_fan_power"]), _with_log("supply_air_flow", 1), (0.0, 2.2), (UNKNOWN, 0.7), 0.03
    ),
    "speed_flow": Law(
        lambda r: _log(r["supply_fan_speed"]), _with_log("supply_air_flow", 1), (4.0, 0.8), (UNKNOWN, 0.4), 0.02
    ),
    "power_speed": Law(
        lambda r: _log(r["supply_fan_power"]), _with_log("supply_fan_speed", 50), (0.0, 2.6), (UNKNOWN, 0.7), 0.03
    ),
    "filter_flow": Law(
        lambda r: _log(r["filter_pressure_drop"]), _with_log("supply_air_flow", 1), (5.0, 1.8), (UNKNOWN, 0.4), 0.03
    ),
    "filter_speed": Law(
        lambda r: _log(r["filter_pressure_drop"]), _with_log("supply_fan_speed", 50), (5.0, 1.8), (UNKNOWN, 0.6), 0.05
    ),
}
