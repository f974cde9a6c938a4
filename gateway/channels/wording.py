"""The words of alerts in English and Chinese: kinds of faults, levels, what has happened, the parts of a message."""

from __future__ import annotations

from typing import Literal, get_args

Language = Literal["en", "zh"]
Languages = Literal["en", "zh", "both"]

FAULTS: dict[str, tuple[str, str]] = {
    "F-FILTER": ("Filter clogging", "过滤器堵塞"),
    "F-FAN-BELT": ("Fan belt slip or motor wear", "风机皮带打滑或电机磨损"),
    "F-FAN-FAIL": ("Fan failure", "风机故障停机"),
    "F-OAD-STUCK": ("Outdoor-air damper stuck", "新风阀卡死"),
    "F-OAD-LEAK": ("Outdoor-air damper leaks", "新风阀泄漏"),
    "F-ECON": ("Economizer logic fault", "经济器控制逻辑故障"),
    "F-CCV-LEAK": ("Cooling valve leaks", "冷水阀内漏"),
    "F-CCV-STUCK": ("Cooling valve stuck", "冷水阀卡死"),
    "F-HCV-LEAK": ("Heating valve leaks", "热水阀内漏"),
    "F-HCV-STUCK": ("Heating valve stuck", "热水阀卡死"),
    "F-COIL-FOUL": ("Coil fouling", "盘管结垢"),
    "F-SIMUL": ("Heating and cooling at the same time", "同时加热与制冷"),
    "F-SEN-BIAS": ("Sensor bias", "传感器偏差"),
    "F-SEN-DRIFT": ("Sensor drift", "传感器漂移"),
    "F-SEN-STUCK": ("Frozen sensor", "传感器读数冻结"),
    "F-HUNT": ("Control loop hunting", "控制回路振荡"),
    "F-DUCT-LEAK": ("Duct leak or blockage", "风管泄漏或堵塞"),
    "F-SCHED": ("Runs outside its schedule", "非计划时段运行"),
    "F-COMMS": ("Data loss", "数据中断"),
}
LEVELS: dict[int, tuple[str, str]] = {
    0: ("normal", "正常"),
    1: ("notice", "提示"),
    2: ("warning", "警告"),
    3: ("urgent", "紧急"),
    4: ("critical", "严重"),
}
KINDS: dict[str, tuple[str, str]] = {
    "raised": ("Alert", "告警"),
    "escalated": ("Escalated", "告警升级"),
    "reminder": ("Reminder", "告警提醒"),
    "cleared": ("Cleared", "告警解除"),
    "flood": ("Many alerts at once", "告警风暴汇总"),
    "silence": ("No data", "数据中断告警"),
    "test": ("Test", "测试"),
}
LABELS: dict[str, tuple[str, str]] = {
    "fault": ("Fault type", "故障类型"),
    "level": ("Level", "级别"),
    "predicted": ("Predicted loss of function", "预计失效时间"),
    "place": ("Place", "位置"),
    "unit": ("Unit", "机组"),
    "evidence": ("Evidence", "依据"),
    "action": ("Suggested action", "建议措施"),
    "note": ("Note", "说明"),
    "link": ("Details", "详情"),
    "at": ("As of", "截至时间"),
    "step": ("Escalation step", "升级步骤"),
    "probability": ("Probability within 72 hours", "72 小时内的概率"),
    "since": ("Silent since", "数据中断起始"),
    "count": ("Alerts", "告警数"),
}
PHRASES: dict[str, tuple[str, str]] = {
    "all": ("the whole installation", "整个系统"),
    "none": ("not determined", "未确定"),
    "beyond": ("not within the next two weeks", "未来两周内预计不会失效"),
    "no-evidence": ("see the details", "见详情"),
    "look": ("Look at the unit and at the details of the alert.", "请检查机组并查看告警详情。"),
    "simulated": (
        "The model learnt from simulated faults; confirm on site before parts are changed.",
        "该模型由仿真故障数据训练；更换部件前请现场确认。",
    ),
    "measured": ("The model learnt from measured faults.", "该模型由实测故障数据训练。"),
    "cleared": ("Nothing is to be done: the alert is over.", "无需处理：告警已解除。"),
    "silence": (
        "Check gateway, network and controller: the unit is not being watched.",
        "请检查网关、网络和控制器：机组处于无人监视状态。",
    ),
    "flood": ("Look at the list of alerts; the most urgent come first.", "请查看告警列表；最紧急的排在最前。"),
    "test": (
        "This is a test of the channel. No unit has a fault; nothing is to be done.",
        "这是通道测试。没有机组发生故障，无需处理。",
    ),
    "again": (
        "Sent again: it is not known whether this reached you before.",
        "重复发送：无法确认此前是否已送达。",
    ),
}


def word(table: dict[str, tuple[str, str]], key: str, language: Language) -> str:
    """In one language; a key that is not in the table stands for itself."""
    return table[key][language == "zh"] if key in table else key


def level(number: int, language: Language) -> str:
    """The level's number and its word."""
    said = LEVELS.get(number, LEVELS[4])[language == "zh"]
    return f"{number} ({said})" if language == "en" else f"{number}（{said}）"


def spoken(languages: Languages) -> tuple[Language, ...]:
    """Those that a channel wants, in the order in which they stand in a message."""
    return ("en", "zh") if languages == "both" else (languages,)


def wanted(stored: str) -> Languages:
    """As a channel keeps it."""
    return next(known for known in get_args(Languages) if known == stored)
