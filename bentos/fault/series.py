"""The points of a question and the units in which their readings may come."""

from __future__ import annotations

from typing import Annotated, Literal, LiteralString

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]


def refusal(code: LiteralString, message: LiteralString, **context: object) -> PydanticCustomError:
    """A validation error whose text says what to do; ``code`` is stable for machines."""
    return PydanticCustomError(code, message, context)


class Strict(BaseModel):
    """Unknown fields are refused: a misspelt point must not be ignored in silence."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Series(Strict):
    """One point's readings, in the order of the question's ``times``; null where there is none."""

    values: list[Number | None]


class Temperature(Series):
    """°C, K or °F as UCUM writes them."""

    unit: Literal["Cel", "K", "[degF]"]


class Share(Series):
    """0 to 100 %, or 0 to 1."""

    unit: Literal["%", "1"]


class State(Series):
    """0 is off, 1 is on."""

    unit: Literal["1"] = "1"


class Pressure(Series):
    """Pressure differences."""

    unit: Literal["Pa", "kPa", "[in_i'H2O]", "[psi]"]


class Flow(Series):
    """Volume of air in a time."""

    unit: Literal["m3/s", "m3/h", "L/s", "[cft_i]/min"]


class Power(Series):
    """Electric power."""

    unit: Literal["kW", "W"]


class Points(Strict):
    """The measured and commanded values of one air-handling unit."""

    outdoor_air_temperature: Temperature
    return_air_temperature: Temperature
    mixed_air_temperature: Temperature
    supply_air_temperature: Temperature
    supply_air_temperature_setpoint: Temperature
    supply_fan_status: State
    supply_fan_speed: Share
    outdoor_damper_position: Share
    cooling_valve_position: Share
    heating_valve_position: Share
    duct_static_pressure: Pressure | None = None
    duct_static_pressure_setpoint: Pressure | None = None
    filter_pressure_drop: Pressure | None = None
    supply_air_flow: Flow | None = None
    supply_fan_power: Power | None = None
    zone_temperature: Temperature | None = None
    chilled_water_supply_temperature: Temperature | None = None
    chilled_water_return_temperature: Temperature | None = None
    occupied: State | None = None

    def given(self) -> dict[str, Series]:
        """By name those that were sent."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: series for name, series in found.items() if series is not None}


REQUIRED = [name for name, field in Points.model_fields.items() if field.is_required()]
