"""What speaks for a fault, in the reader's language: the inference server says it in English, as ``code: text``."""

from __future__ import annotations

import re

from bentos.fault.symptoms import SYMPTOMS
from gateway.channels.wording import Language

# Of the network: what was measured against a law of the unit's physics, by the law's code.
LAWS: dict[str, tuple[str, str]] = {
    "mixing": ("Mixed air is not what the damper used to make of it.", "混合空气温度与风阀开度的常态关系不符。"),
    "coil": ("The coils change the air otherwise than their valves used to.", "盘管的换热与阀位的常态关系不符。"),
    "supply_deviation": ("Supply air keeps away from its set-point.", "送风温度偏离设定值。"),
    "static_deviation": ("Duct pressure keeps away from its set-point.", "风管静压偏离设定值。"),
    "return_zone": ("Return air has moved against the zone.", "回风温度与区域温度的差值发生变化。"),
    "water_rise": ("Chilled water warms otherwise than it used to.", "冷水温升与常态不符。"),
    "coil_units": ("Water and air exchange heat otherwise than they used to.", "水侧与空气侧的换热关系与常态不符。"),
    "travel": ("Valves or damper travel more than they used to.", "阀门或风阀的动作量与常态不符。"),
    "flow_level": ("The flow of air is not what it used to be.", "风量与常态不符。"),
    "flow_weather": ("The flow of air is not what it used to be in such weather.", "同样天气下的风量与常态不符。"),
    "power_flow": ("The fan's power is not what it used to be at such a flow.", "同样风量下的风机功率与常态不符。"),
    "speed_flow": ("The fan's speed is not what it used to be at such a flow.", "同样风量下的风机转速与常态不符。"),
    "power_speed": ("The fan's power is not what it used to be at such a speed.", "同样转速下的风机功率与常态不符。"),
    "filter_flow": ("The filter lets less or more air through than it used to.", "同样风量下的过滤器压差与常态不符。"),
    "filter_speed": ("The filter's pressure drop does not fit the fan's speed.", "同样转速下的过滤器压差与常态不符。"),
    "readings": ("The readings themselves.", "读数本身。"),
}  # fmt: skip
# Rules of the trade, by their codes; the English is their own.
RULES: dict[str, str] = {
    "FC1": "风机全速运行时静压仍低于设定值。",
    "FC2": "混合空气温度低于新风和回风两者。",
    "FC3": "混合空气温度高于新风和回风两者。",
    "FC4": "阀门或风阀不停地来回摆动。",
    "FC5": "热水阀已开，但空气没有升温。",
    "FC6": "新风比例与风阀开度不符。",
    "FC7": "热水阀全开时送风温度仍偏低。",
    "FC10": "新风阀全开，但混合空气温度与新风不一致。",
    "DMP-1": "新风阀已关，但仍有新风进入。",
    "FC11": "本可用新风免费制冷，却在用冷水制冷且风阀未开。",
    "ECON-4": "引入并冷却了比回风更热的新风。",
    "FC13": "冷水阀全开时送风温度仍偏高。",
    "CLG-1": "冷水阀已开，但空气没有降温。",
    "FC14": "冷、热水阀均已关闭，但空气降温。",
    "FC15": "冷、热水阀均已关闭，但空气升温超过风机温升。",
    "SIMUL": "冷水阀和热水阀同时打开。",
    "COIL-1": "同样的制冷量需要比以往更大的冷水阀开度。",
    "CMD-1": "风机收到运行指令但没有运行。",
    "FAN-1": "同样的风量需要比以往更高的风机转速。",
    "FAN-2": "同样的风量消耗比以往更多的风机功率。",
    "FLT-1": "过滤器压差相对风量过高。",
    "DUCT-1": "风机尚有余量，静压却低于设定值。",
    "RET-1": "回风温度偏离其所服务的区域温度。",
    "SCHED": "无人时机组连续运行数小时。",
    "SV-FLAT": "风机运行期间某个空气温度读数完全没有变化。",
    "SV-STALE": "某个必需测点至今没有数据。",
}
# Of the heat balances, by their English.
BALANCES: dict[str, str] = {
    "No state lasted long enough to balance.": "没有持续足够长的状态可供热平衡计算。",
    "Heat balances in the mixing box and at the coils.": "混合箱和盘管处热量平衡。",
    "Mixed air reads wrong: both balances miss it, oppositely.": "混合空气温度读数有误：两处热平衡的偏差方向相反。",
    "The mixing box does not balance: a temperature reads wrong.": "混合箱热量不平衡：有温度读数有误。",
    "A nearly closed damper lets in too much outdoor air.": "接近关闭的风阀放入过多新风。",
    "The share of outdoor air is not what the damper's position gives.": "新风比例与风阀开度不符。",
    "Air loses heat at closed valves.": "阀门关闭时空气失热。",
    "Air gains heat at closed valves.": "阀门关闭时空气得热。",
    "Air loses less heat than the cooling valve's position promises.": "空气失热少于冷水阀开度所对应的热量。",
    "Air loses more heat than the cooling valve's position promises.": "空气失热多于冷水阀开度所对应的热量。",
    "Air gains less heat than the heating valve's position promises.": "空气得热少于热水阀开度所对应的热量。",
    "Air gains more heat than the heating valve's position promises.": "空气得热多于热水阀开度所对应的热量。",
}
_RULES_OWN = {symptom.code: symptom.text for symptom in SYMPTOMS}
_BALANCE = re.compile(r"([+-][\d.]+) expected deviations in the median: (.*)")


def worded(said: str, language: Language) -> str:
    """One piece of evidence; what is in no table is told as it was said."""
    code, _, text = said.partition(": ")
    if code in LAWS:
        return f"{code}: {LAWS[code][0]}" if language == "en" else f"{code}：{LAWS[code][1]}"
    if language == "en":
        return said
    if text == _RULES_OWN.get(code):
        return f"{code}：{RULES[code]}"
    balance = _BALANCE.fullmatch(text)
    if balance and balance[2] in BALANCES:
        return f"{code}：中位数偏差为预期偏差的 {balance[1]} 倍：{BALANCES[balance[2]]}"
    return said
