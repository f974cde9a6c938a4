"""Small Brick models for the tests, and where the large ones of others lie."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("FOREWATT_SHARED", "../shared")) / "data"
PREFIXES = """
@prefix brick: <https://brickschema.org/schema/Brick#> .
@prefix ref: <https://brickschema.org/schema/Brick/ref#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix unit: <http://qudt.org/vocab/unit/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix : <http://example.org/plant#> .
"""


def model(text: str) -> bytes:
    """Turtle with the usual prefixes before it."""
    return (PREFIXES + text).encode()


def shared(name: str) -> Path:
    """A file of the shared data; skipped where they are not there."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no {name} in the shared data; set FOREWATT_SHARED to the folder that has data/")
    return path


AHU = model("""
:site a brick:Building ; rdfs:label "实验楼" .
:roof a brick:Rooftop ; rdfs:label "Roof" ; brick:isPartOf :site .
:ahu-1 a brick:Air_Handling_Unit ; rdfs:label "AHU 1" ; brick:hasLocation :roof ;
    brick:hasPart :fan, :returns, :coil, :mixer ; brick:feeds :vav-1 ;
    brick:hasPoint :oat, :sat, :sp, :occupied, :exhausts .
:vav-1 a brick:Variable_Air_Volume_Box ; brick:hasPoint :zone .
:zone a brick:Zone_Air_Temperature_Sensor ; brick:hasUnit unit:K ; brick:timeseries [ brick:hasTimeseriesId "zone-1" ] .
:oat a brick:Outside_Air_Temperature_Sensor ; brick:hasUnit unit:DEG_C ;
    ref:hasExternalReference [ a ref:TimeseriesReference ; ref:hasTimeseriesId "oat-1" ; ref:storedAt "influx" ] .
:sat a brick:Discharge_Air_Temperature_Sensor ; brick:hasUnit unit:DEG_F ; brick:hasTimeseriesId "sat-1" .
:sp a brick:Supply_Air_Static_Pressure_Sensor ; brick:hasUnit unit:IN_H2O .
:occupied a brick:Occupancy_Status .
:exhausts a brick:Exhaust_Air_Temperature_Sensor .
:fan a brick:Supply_Fan ; brick:hasPoint [ a brick:Fan_On_Off_Status ; ref:hasTimeseriesId "fan-on" ] ,
    [ a brick:Fan_Speed_Command ; brick:hasUnit unit:PERCENT ; ref:hasTimeseriesId "fan-speed" ] .
:returns a brick:Return_Fan ; brick:hasPoint [ a brick:Fan_Speed_Command ; ref:hasTimeseriesId "other" ] .
:coil a brick:Chilled_Water_Coil ; brick:hasPart :valve .
:valve a brick:Valve ; brick:hasPoint [ a brick:Valve_Position_Command ; brick:hasUnit unit:PERCENT ] .
:mixer a brick:Outside_Damper ; brick:hasPoint :oad-cmd, :oad-pos .
:oad-cmd a brick:Damper_Position_Command ; brick:hasUnit unit:UNITLESS .
:oad-pos a brick:Damper_Position_Sensor ; brick:hasUnit unit:PERCENT .
""")
