"""What physics expects of an air-handling unit, as linear laws whose few coefficients each unit shows while healthy.

A law says ``target ≈ terms · coefficients``. Before a unit was seen, prior knowledge stands for its coefficients; a
healthy period narrows it (Bayesian linear regression, Bishop 2006, chapter 3.3). A residual is divided by the standard
deviation that is expected where the unit is now: it counts little where the healthy period never was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Quarters = Mapping[str, Floats]  # [T] by name: quarter-hours, NaN where unknown

MOVED = ("cooling_valve_position", "heating_valve_position", "outdoor_damper_position")

DAMPER_KNOTS = np.array([0.0, 10.0, 20.0, 40.0, 70.0, 100.0])  # %
VALVE_KNOTS = np.array([0.0, 15.0, 40.0, 100.0])  # %; nothing flows at the first
TYPICAL_CHILLED_WATER, TYPICAL_HOT_WATER = 7.0, 60.0  # °C, where it is not measured
CLOSED, OPEN = 2.0, 5.0  # % of valve travel that still counts as closed, and that surely lets water through
WEATHER_KNOTS = np.array([-5.0, 5.0, 12.0, 18.0, 24.0, 30.0, 36.0])  # °C outdoors
NEEDED = 96  # quarter-hours below which a period says nothing of a law
ONE_OF = 16  # quarter-hours follow each other: so many count as one observation
HUBER = 2.0  # standard deviations beyond which an observation loses weight
LARGEST = 20.0  # of a residual, in standard deviations
FLOW, SPEED = ("supply_air_flow", 1.0), ("supply_fan_speed", 50.0)  # what fan and filter go by, and its usual size
UNKNOWN = 30.0  # standard deviation of a coefficient of which nothing is known beforehand


@dataclass(frozen=True)
class Law:
    """``target`` [T] from quarter-hours, ``terms`` [T, P] beside it; NaN where it cannot be judged.

    ``means`` and ``deviations`` [P] are what is known of any unit, ``noise`` the target's least
    standard deviation.
    """

    target: Callable[[Quarters], Floats]
    terms: Callable[[Quarters], Floats]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    noise: float


@dataclass(frozen=True)
class Fitted:
    """A law's coefficients [P], their covariance [P, P] and the target's own standard deviation."""

    coefficients: Floats
    covariance: Floats
    noise: float


def hats(position: Floats, knots: Floats) -> Floats:
    """[T, K]: how near each position is to each knot; rows sum to one (a piecewise linear curve's basis)."""
    return np.column_stack([np.interp(position, knots, unit) for unit in np.eye(len(knots))])


def prior(law: Law) -> Fitted:
    """What is known of any unit."""
    return Fitted(np.array(law.means), np.diag(np.square(law.deviations)), law.noise)


def fit(law: Law, quarters: Quarters, judged: NDArray[np.bool_]) -> Fitted:
    """The law where ``judged`` in a healthy period; the prior where that is too short."""
    y, x = law.target(quarters), law.terms(quarters)
    usable = np.isfinite(y) & np.isfinite(x).all(axis=1) & judged
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


def error(law: Law, fitted: Fitted, quarters: Quarters) -> Floats:
    """[T] what the target has beyond the law, in its own unit."""
    beyond: Floats = law.target(quarters) - law.terms(quarters) @ fitted.coefficients
    return beyond


def residual(law: Law, fitted: Fitted, quarters: Quarters) -> Floats:
    """[T] the same in expected standard deviations, within ± ``LARGEST``; NaN where it cannot be judged."""
    x = law.terms(quarters)
    variance = fitted.noise**2 + ((x @ fitted.covariance) * x).sum(axis=1).clip(min=0)
    scaled: Floats = (law.target(quarters) - x @ fitted.coefficients) / np.sqrt(variance)
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


def _ones(quarters: Quarters) -> Floats:
    return np.ones((len(quarters["supply_fan_speed"]), 1))


def _log(values: Floats) -> Floats:
    return np.log(np.where(values > 0, values, np.nan))


def _power_law(
    of: str, by: tuple[str, float], means: tuple[float, float], deviations: tuple[float, float], noise: float
) -> Law:
    """How ``of`` grows with a power of ``by``, as the unit's own scale and an exponent with its deviation.

    The exponent may change with size (the second deviation), so that little is claimed of flows that were never seen.
    """
    name, typical = by

    def terms(quarters: Quarters) -> Floats:
        size = _log(quarters[name] / typical)[:, None]
        return np.hstack([_ones(quarters), size, size**2])

    return Law(lambda quarters: _log(quarters[of]), terms, (*means, 0.0), (UNKNOWN, *deviations), noise)


def _mixing_terms(quarters: Quarters) -> Floats:
    """Mixed air is return air and so much of the way to outdoor air as the damper lets in."""
    drive = quarters["outdoor_air_temperature"] - quarters["return_air_temperature"]
    return np.hstack([_ones(quarters), hats(quarters["outdoor_damper_position"], DAMPER_KNOTS) * drive[:, None]])


def _coil_terms(quarters: Quarters) -> Floats:
    """The fan warms; each valve draws the air towards its water, the further the slower the air passes."""
    mixed, water = quarters["mixed_air_temperature"], quarters["chilled_water_supply_temperature"].clip(4, 15)
    water = np.where(np.isnan(water), TYPICAL_CHILLED_WATER, water)
    slow = (0.6 - quarters["supply_fan_speed"] / 100)[:, None]
    cooling = hats(quarters["cooling_valve_position"], VALVE_KNOTS)[:, 1:] * (water - mixed)[:, None]
    heating = hats(quarters["heating_valve_position"], VALVE_KNOTS)[:, 1:] * (TYPICAL_HOT_WATER - mixed)[:, None]
    return np.hstack([_ones(quarters), cooling, cooling * slow, heating])


def _difference(one: str, other: str) -> Callable[[Quarters], Floats]:
    return lambda quarters: quarters[one] - quarters[other]


def _travel(quarters: Quarters) -> Floats:
    """% that valves and damper travelled in the last hour."""
    positions = [quarters[name] for name in MOVED]
    moved = np.sum([np.abs(np.diff(position, prepend=np.nan)) for position in positions], axis=0)
    hour = np.full(len(moved), np.nan)
    if len(moved) >= 4:
        hour[3:] = np.lib.stride_tricks.sliding_window_view(moved, 4).sum(axis=1)
    return hour


def _static_error(quarters: Quarters) -> Floats:
    wanted = quarters["duct_static_pressure_setpoint"]
    return (quarters["duct_static_pressure"] - wanted) / np.where(wanted > 10, wanted, np.nan)


def _water_rise(quarters: Quarters) -> Floats:
    """The share of the way to the air's temperature that the cooling coil's water comes."""
    supply = quarters["chilled_water_supply_temperature"]
    rise, most = quarters["chilled_water_return_temperature"] - supply, quarters["mixed_air_temperature"] - supply
    return np.where((quarters["cooling_valve_position"] > OPEN) & (most > 2), rise / np.maximum(most, 2), np.nan)


def _water_terms(quarters: Quarters) -> Floats:
    open_ = quarters["cooling_valve_position"] / 100
    return np.column_stack([np.ones(len(open_)), open_, open_**2, _log_flow(quarters)])


def _coil_units(quarters: Quarters) -> Floats:
    """Log of the cooling coil's transfer units, from its effectiveness on the air; the fan warms by half a kelvin."""
    mixed, water = quarters["mixed_air_temperature"], quarters["chilled_water_supply_temperature"]
    cooled, most = mixed - quarters["supply_air_temperature"] + 0.6, mixed - water
    used = (quarters["cooling_valve_position"] > OPEN) & (quarters["heating_valve_position"] <= CLOSED) & (most > 3)
    effectiveness = np.where(used & (cooled > 1), cooled / np.maximum(most, 3), np.nan)
    return np.asarray(np.log(-np.log1p(-effectiveness.clip(max=0.97))))


def _coil_units_terms(quarters: Quarters) -> Floats:
    """An equal percentage valve, the air's flow, and, as far as the coil dries the air, the water's rise for it."""
    open_ = quarters["cooling_valve_position"] / 100
    rise = quarters["chilled_water_return_temperature"] - quarters["chilled_water_supply_temperature"]
    cooled = quarters["mixed_air_temperature"] - quarters["supply_air_temperature"] + 0.6
    return np.column_stack([np.ones(len(open_)), open_, _log_flow(quarters), _log(rise / 5), _log(cooled / 10)])


def _log_flow(quarters: Quarters) -> Floats:
    return _log(quarters["supply_air_flow"] / FLOW[1])


def _weather_terms(quarters: Quarters) -> Floats:
    return np.hstack([_ones(quarters), hats(quarters["outdoor_air_temperature"], WEATHER_KNOTS)])


LAWS = {
    "mixing": Law(
        _difference("mixed_air_temperature", "return_air_temperature"),
        _mixing_terms,
        (0.0, 0.05, 0.12, 0.22, 0.42, 0.7, 0.95),
        (0.3, 0.1, 0.1, 0.12, 0.15, 0.15, 0.1),
        0.3,
    ),
    "coil": Law(
        _difference("supply_air_temperature", "mixed_air_temperature"),
        _coil_terms,
        (0.6, 0.3, 0.55, 0.8, 0.0, 0.0, 0.0, 0.1, 0.2, 0.35),
        (0.6, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.1, 0.15, 0.2),
        0.3,
    ),
    "supply_deviation": Law(
        _difference("supply_air_temperature", "supply_air_temperature_setpoint"), _ones, (0.0,), (0.5,), 0.3
    ),
    "static_deviation": Law(_static_error, _ones, (0.0,), (0.05,), 0.03),
    "return_zone": Law(_difference("return_air_temperature", "zone_temperature"), _ones, (0.5,), (1.0,), 0.3),
    "water_rise": Law(_water_rise, _water_terms, (0.4, -0.3, 0.0, 0.0), (0.2, 0.4, 0.3, 0.3), 0.05),
    "coil_units": Law(
        _coil_units, _coil_units_terms, (-1.3, 2.0, -0.4, -0.35, 0.35), (1.0, 0.6, 0.2, 0.25, 0.25), 0.08
    ),
    "travel": Law(_travel, _ones, (15.0,), (15.0,), 10.0),
    "flow_level": Law(_log_flow, _ones, (0.0,), (UNKNOWN,), 0.05),
    "flow_weather": Law(
        _log_flow,
        _weather_terms,
        (0.0, 0.0, 0.0, 0.05, 0.2, 0.45, 0.65, 0.8),
        (UNKNOWN, 0.15, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
        0.1,
    ),
    # Fan laws: flow with speed, power with flow, a filter's pressure drop with the flow squared. A fan that holds a
    # static pressure turns at no flow already, so that exponents of the speed differ much. The scales are the unit's
    # own: without a healthy period nothing is said.
    "power_flow": _power_law("supply_fan_power", FLOW, (0.0, 2.0), (0.7, 0.5), 0.03),
    "speed_flow": _power_law("supply_fan_speed", FLOW, (4.0, 0.6), (0.4, 0.5), 0.02),
    "power_speed": _power_law("supply_fan_power", SPEED, (0.0, 4.0), (2.0, 4.0), 0.03),
    "filter_flow": _power_law("filter_pressure_drop", FLOW, (5.0, 1.9), (0.15, 0.05), 0.03),
    "filter_speed": _power_law("filter_pressure_drop", SPEED, (5.0, 3.0), (2.0, 4.0), 0.05),
}
