"""What to do about each fault, in English and Chinese."""

from __future__ import annotations

from bentos.fault.schema import Action, FaultCode

AIR = ["outdoor_air_temperature", "return_air_temperature", "mixed_air_temperature"]
DAMPER = [*AIR, "outdoor_damper_position"]
COIL = ["mixed_air_temperature", "supply_air_temperature"]
COOLING = [*COIL, "cooling_valve_position", "chilled_water_supply_temperature"]
HEATING = [*COIL, "heating_valve_position"]
FAN = ["supply_fan_speed", "supply_fan_power", "supply_air_flow", "duct_static_pressure"]


def _action(urgency: int, look_at: list[str], en: str, zh: str) -> Action:
    return Action(en=en, zh=zh, urgency=urgency, look_at=look_at)


ACTIONS: dict[FaultCode, Action] = {
    "F-FILTER": _action(
        2, ["filter_pressure_drop", *FAN],
        "Replace the filter, or order one; compare with the date of the last change.",
        "更换过滤器或提前订购；核对上次更换日期。",
    ),
    "F-FAN-BELT": _action(
        3, FAN,
        "Inspect belt tension, wear and bearings; measure the motor's current.",
        "检查皮带张紧度、磨损和轴承；测量电机电流。",
    ),
    "F-FAN-FAIL": _action(
        4, ["supply_fan_status", *FAN],
        "Check breaker, drive fault code, freeze protection and the rest of the safety chain at once.",
        "立即检查断路器、变频器故障代码、防冻保护及其余安全联锁。",
    ),
    "F-OAD-STUCK": _action(
        3, DAMPER,
        "Stroke the outdoor-air damper from 0 to 100 %; inspect actuator and linkage. In frost: guard the coil.",
        "对新风阀做 0 至 100 % 行程测试；检查执行器和连杆。冰冻天气注意保护盘管。",
    ),
    "F-OAD-LEAK": _action(
        2, DAMPER,
        "Close the outdoor-air damper and look at blade seals and end stop.",
        "关闭新风阀，检查叶片密封和限位。",
    ),
    "F-ECON": _action(
        2, [*DAMPER, "cooling_valve_position"],
        "Check the economizer's changeover set-points and the outdoor temperature sensor.",
        "检查经济器切换设定值和室外温度传感器。",
    ),
    "F-CCV-LEAK": _action(
        2, COOLING,
        "Isolate the cooling coil with its valve closed; if the air warms up then, service seat and actuator.",
        "在冷水阀关闭时隔断冷盘管；若送风随之回升，则检修阀座和执行器行程。",
    ),
    "F-CCV-STUCK": _action(
        3, COOLING,
        "Stroke the cooling valve; look at actuator, coupling and signal; check that chilled water is there.",
        "对冷水阀做行程测试；检查执行器、联轴和控制信号；确认冷冻水供应。",
    ),
    "F-HCV-LEAK": _action(
        2, HEATING,
        "Isolate the heating coil with its valve closed; if the air cools down then, service seat and actuator.",
        "在热水阀关闭时隔断热盘管；若送风随之下降，则检修阀座和执行器行程。",
    ),
    "F-HCV-STUCK": _action(
        3, HEATING,
        "Stroke the heating valve; check that hot water is there. In frost at once: the coil may freeze.",
        "对热水阀做行程测试；确认热水供应。冰冻天气须立即处理：盘管可能冻裂。",
    ),
    "F-COIL-FOUL": _action(
        2, [*COOLING, "chilled_water_return_temperature"],
        "Clean the coil's fins; look at the water strainer and the water treatment.",
        "清洗盘管翅片；检查水过滤器和水处理。",
    ),
    "F-SIMUL": _action(
        2, ["cooling_valve_position", "heating_valve_position"],
        "Check sequence and dead band of the valves; look for one that leaks.",
        "检查冷热阀顺序控制和死区；排查泄漏的阀门。",
    ),
    "F-SEN-BIAS": _action(
        2, [*AIR, "supply_air_temperature"],
        "Compare the suspected sensor with a calibrated one at the same place; calibrate or replace it.",
        "在同一位置用校准过的仪表比对可疑传感器；校准或更换。",
    ),
    "F-SEN-DRIFT": _action(
        2, [*AIR, "supply_air_temperature"],
        "Compare the drifting sensor with a calibrated one; replace it, and look at it again after a month.",
        "用校准过的仪表比对漂移的传感器；予以更换，并在一个月后复查。",
    ),
    "F-SEN-STUCK": _action(
        2, [*AIR, "supply_air_temperature"],
        "Check wiring and the controller's input; look for a value overridden by hand; replace the sensor.",
        "检查传感器接线和控制器输入；查看是否被人工强制；更换传感器。",
    ),
    "F-HUNT": _action(
        1, ["cooling_valve_position", "heating_valve_position", "outdoor_damper_position"],
        "Retune the loop: less gain or longer integral time; look at a sticking or oversized valve.",
        "重新整定控制回路：减小增益或延长积分时间；检查阀门卡滞或选型过大。",
    ),
    "F-DUCT-LEAK": _action(
        2, ["duct_static_pressure", "duct_static_pressure_setpoint", *FAN[:3]],
        "Look for open access doors, torn flexible ducts and closed fire dampers; check the pressure sensor's tube.",
        "检查是否有检修门敞开、软管破损、防火阀关闭；检查压力传感器取压管。",
    ),
    "F-SCHED": _action(
        1, ["supply_fan_status", "occupied"],
        "Check schedule, holiday calendar and manual overrides.",
        "检查时间表、节假日设置和手动强制。",
    ),
    "F-COMMS": _action(  # of single points; a unit that is silent altogether is an alert of its own
        1, [],
        "Check the sensor's wiring, gateway, network and controller: readings are missing, less is seen of the unit.",
        "检查传感器接线、网关、网络和控制器：部分数据缺失，机组的监视不完整。",
    ),
}  # fmt: skip
