"""Units of measure: which ones a point may come in, by UCUM code, and what others call them."""

from __future__ import annotations

import re
from functools import cache
from typing import get_args

from bentos.fault.series import Points, Series

NAMES = list(Points.model_fields)

# As QUDT, older Brick and labels call them, in small letters.
_CALLED = {
    "Cel": "cel deg_c degc °c ℃ celsius degree_celsius degrees_celsius c",
    "K": "k kelvin deg_k",
    "[degF]": "[degf] deg_f degf °f ℉ fahrenheit degree_fahrenheit degrees_fahrenheit f",
    "%": "% percent per_cent percentage",
    "1": "1 unitless num no_units fraction bool boolean binary",
    "Pa": "pa pascal pascals",
    "kPa": "kpa kilopa kilopascal kilopascals",
    "[in_i'H2O]": "[in_i'h2o] in_h2o inh2o in-h2o inwg inwc inch_h2o inches_of_water inch_of_water inh₂o in.w.c. in.wc",
    "[psi]": "[psi] psi lb_f-per-in2 pound_force_per_square_inch",
    "m3/s": "m3/s m3-per-sec m³/s cubic_meters_per_second",
    "m3/h": "m3/h m3-per-hr m³/h cubic_meters_per_hour",
    "L/s": "l/s l-per-sec litre_per_second liters_per_second",
    "[cft_i]/min": "[cft_i]/min ft3-per-min cfm cubic_feet_per_minute ft3/min ft³/min",
    "kW": "kw kilow kilowatt kilowatts",
    "W": "w watt watts",
}
_CODES = {name: code for code, names in _CALLED.items() for name in names.split()}


@cache
def allowed(point: str) -> tuple[str, ...]:
    """The UCUM codes of a point, the one that is assumed where nothing is said first. Raises ``KeyError``."""
    annotation = Points.model_fields[point].annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    (kind,) = (kind for kind in kinds if issubclass(kind, Series))
    codes: tuple[str, ...] = get_args(kind.model_fields["unit"].annotation)
    return codes


def ucum(name: str) -> str | None:
    """The UCUM code of what QUDT, an older Brick or a label calls a unit; nothing where it is none of ours."""
    return _CODES.get(name.strip().lower().replace(" ", "_"))


def in_label(label: str | None) -> str | None:
    """The unit that a label names at its end, as in "OAT (°F)"."""
    found = re.search(r"[(\[]([^()\[\]]{1,32})[)\]]\s*$", label or "")
    return ucum(found[1]) if found else None
