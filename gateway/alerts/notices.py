"""An alert's call as a notice for the channels, and many calls as one summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.alerts.lifecycle import Call
from gateway.alerts.rules import Policy
from gateway.alerts.tables import INSTALLATION, AlertRow
from gateway.channels.notice import Notice, id_of

MOST_LINES = 20
SILENT: Mapping[str, Mapping[str, str]] = {
    "readings": {
        "en": "Check sensor gateway, network and controller: no readings arrive, and the unit is not being watched.",
        "zh": "检查采集网关、网络和控制器：没有数据到达，机组处于无人监视状态。",
    },
    "predictions": {
        "en": "Check the inference server and the worker: readings arrive, but no predictions are made.",
        "zh": "检查推理服务器和后台任务进程：数据仍在到达，但没有生成预测。",
    },
}
SILENT_FAULT = "F-COMMS"


def of(row: AlertRow, call: Call, called: tuple[str, str], policy: Policy, now: datetime) -> Notice:
    """What is told of one alert; a silence is a kind of its own."""
    found, silent = row.finding, row.about == "silence"
    details: dict[str, Any] = {"simulated": bool(found.get("simulated"))}
    details |= {name: found[name] for name in ("probability", "severity", "since") if name in found}
    channels = policy.channels(max(row.told_level, 1), call.step)
    if channels and call.kind != "cleared":
        details["channels"] = channels
    predicted = found.get("predicted_time")
    return Notice(
        id=id_of(row.id, row.calls),
        alert_id=row.id,
        kind="silence" if silent and call.kind == "raised" else call.kind,
        level=call.level,
        unit_id=row.unit_id,
        unit_name=called[0],
        place=called[1],
        fault=SILENT_FAULT if silent else row.fault,
        at=now,
        predicted_time=datetime.fromisoformat(predicted) if predicted else None,
        evidence=list(found.get("evidence", ())),
        action=SILENT[row.fault or "readings"] if silent else found.get("action", {}),
        step=max(call.step, 0),
        details=details,
    )


def summary(rows: Sequence[AlertRow], names: Mapping[str, str], now: datetime) -> Notice:
    """Many alerts at once, the most urgent first."""
    urgent = sorted(rows, key=lambda row: (-row.level, row.unit_id, row.fault or ""))
    faults = Counter(row.fault or "?" for row in rows)
    levels = Counter(row.level for row in rows)
    return Notice(
        id=id_of("flood", rows[0].id, rows[0].held_at),
        alert_id=None,
        kind="flood",
        level=urgent[0].level,
        unit_id=INSTALLATION,
        unit_name="",
        place="",
        fault=None,
        at=now,
        step=max(max(row.step, 0) for row in rows),
        details={
            "count": len(rows),
            "lines": [f"{names[row.unit_id]}: {row.fault or '?'}, {row.level}" for row in urgent[:MOST_LINES]],
            "by_fault": dict(faults.most_common()),
            "by_level": {str(level): levels[level] for level in sorted(levels, reverse=True)},
            "alerts": [str(row.id) for row in urgent[:MOST_LINES]],
        },
    )


def calm(level: int, now: datetime) -> Notice:
    """Nothing that a summary told of stands any more: the lights it lit go off."""
    return Notice(
        id=id_of("calm", now.isoformat()),
        alert_id=None,
        kind="cleared",
        level=level,
        unit_id=INSTALLATION,
        unit_name="",
        place="",
        fault=None,
        at=now,
        details={"quiet": True},
    )
