"""The energy balance of mixing box and coils: heat that the readings cannot account for, and where it must come from.

Two balances, in kelvin of the air that passes: mixed air is return and outdoor air in the damper's proportion; supply
air is mixed air, the fan's heat and what the valves let through. Each is a law of ``laws``, against the unit's own
healthy period where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bentos.fault.laws import LAWS, error
from bentos.fault.reference import Reference, fitted_laws
from bentos.fault.schema import FaultCode
from bentos.fault.windows import Judged, conditions

BEYOND = 4.0  # expected deviations from which the median of a state no longer balances
LEAST = 8  # quarter-hours of a state from which its median is taken
STATES = ["mixing_low_damper", "mixing_high_damper", "outdoor_share", "coil_idle", "coil_cooling", "coil_heating"]


@dataclass(frozen=True)
class Balance:
    """Median residuals by state, in expected deviations; those of ``broken`` are beyond what is expected."""

    medians: dict[str, float]
    hours: dict[str, float]
    fault: FaultCode | None
    text: str

    @property
    def broken(self) -> list[str]:
        return [state for state, median in self.medians.items() if abs(median) >= BEYOND]


def balance(seen: Judged, reference: Reference | None) -> Balance:
    """Of a window; ``seen`` against the same reference."""
    told = {state: values[np.isfinite(values)] for state, values in conditions(seen).items() if state in STATES}
    medians = {state: round(float(np.median(values)), 2) for state, values in told.items() if len(values) >= LEAST}
    hours = {state: len(told[state]) / 4 for state in medians}
    fault, text = _explained(medians, _follows_weather(seen, reference))
    return Balance(medians, hours, fault, text)


def _follows_weather(seen: Judged, reference: Reference | None) -> bool:
    """Whether what mixed air has beyond its law grows with the outdoor air's distance: then the share is wrong.

    A sensor's error would not; it leaves the smaller rest where a constant is taken off.
    """
    told = np.isfinite(seen.moved["mixing"])
    beyond = error(LAWS["mixing"], fitted_laws(reference)["mixing"], seen.quarters)[told]
    drive = (seen.quarters["outdoor_air_temperature"] - seen.quarters["return_air_temperature"])[told]
    if not len(beyond):
        return False
    rest = beyond - drive * float(beyond @ drive) / max(float(drive @ drive), 1e-9)
    return bool(rest @ rest < np.square(beyond - beyond.mean()).sum())


def _explained(medians: dict[str, float], follows_weather: bool) -> tuple[FaultCode | None, str]:
    """Where the heat must come from: the first cause that fits the states that do not balance."""
    if not medians:
        return None, "No state lasted long enough to balance."
    off = {state: median if abs(median) >= BEYOND else 0.0 for state, median in medians.items()}
    if not any(off.values()):
        return None, "Heat balances in the mixing box and at the coils."
    low, high, share, idle, cooling, heating = (off.get(state, 0.0) for state in STATES)
    mixing = bool(low or high or share)
    causes: list[tuple[bool, FaultCode, str]] = [
        ((low + high) * idle < 0, "F-SEN-BIAS", "Mixed air reads wrong: both balances miss it, oppositely."),
        (mixing and not follows_weather, "F-SEN-BIAS", "The mixing box does not balance: a temperature reads wrong."),
        (bool(low) and not high and share > 0, "F-OAD-LEAK", "A nearly closed damper lets in too much outdoor air."),
        (mixing, "F-OAD-STUCK", "The share of outdoor air is not what the damper's position gives."),
        (idle < 0, "F-CCV-LEAK", "Air loses heat at closed valves."),
        (idle > 0, "F-HCV-LEAK", "Air gains heat at closed valves."),
        (cooling > 0, "F-COIL-FOUL", "Air loses less heat than the cooling valve's position promises."),
        (cooling < 0, "F-CCV-LEAK", "Air loses more heat than the cooling valve's position promises."),
        (heating < 0, "F-HCV-STUCK", "Air gains less heat than the heating valve's position promises."),
        (heating > 0, "F-HCV-LEAK", "Air gains more heat than the heating valve's position promises."),
    ]
    return next((fault, text) for holds, fault, text in causes if holds)
