"""What a prediction says that matters to an alert, read from the answer as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WITHIN_HOURS = 72  # of the one probability that is shown


@dataclass(frozen=True, slots=True)
class Finding:
    """A unit at a moment: which fault is likeliest, and how likely a loss of function is within so many hours.

    ``certain``: rules name the fault, whatever the model says. ``unsure``: the model would end no notice. ``idle``: the
    unit hardly ran, so that its silence proves nothing. ``beside`` are faults that rules see for certain besides,
    ``suspects`` are what else it may be.
    """

    unit_id: str
    at: datetime
    level: int
    fault: str | None
    chances: Mapping[int, float]
    severity: float = 0.0
    predicted_time: datetime | None = None
    evidence: tuple[str, ...] = ()
    action: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    simulated: bool = False
    certain: bool = False
    unsure: bool = False
    idle: bool = False
    beside: frozenset[str] = frozenset()
    suspects: frozenset[str] = frozenset()

    @property
    def probability(self) -> float:
        """Of a loss of function within 72 hours."""
        return self.chances[WITHIN_HOURS]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Finding:
        """From the JSON of a `bentos.fault.schema.Answer`; its reference is not looked at."""
        certain = answer["level_from"] == "rules"
        action = answer["action"]
        return cls(
            unit_id=answer["unit_id"],
            at=datetime.fromisoformat(answer["at"]),
            level=answer["level"],
            fault=answer["fault"],
            chances={said["within_hours"]: said["probability"] for said in answer["chances"]},
            severity=answer["severity"],
            predicted_time=datetime.fromisoformat(answer["predicted_time"]) if answer["predicted_time"] else None,
            evidence=tuple(f"{said['code']}: {said['text']}" for said in answer["evidence"]),
            action={language: action[language] for language in ("en", "zh")} if action else {},
            version=answer["model"]["version"],
            simulated=answer["simulated_training"],
            certain=certain,
            unsure=answer.get("unsure", False),  # older answers do not say
            idle=not certain and not answer["verdicts"]["rules"]["judged"],
            beside=frozenset(said["fault"] for said in answer["alternatives"] if said["probability"] == 1),
            suspects=frozenset(said["fault"] for said in answer["alternatives"] if said["probability"] < 1),
        )

    def shown(self) -> dict[str, Any]:
        """What is kept with an alert."""
        return {
            "at": self.at.isoformat(),
            "level": self.level,
            "probability": self.probability,
            "chances": {str(hours): chance for hours, chance in self.chances.items()},
            "severity": self.severity,
            "predicted_time": self.predicted_time.isoformat() if self.predicted_time else None,
            "evidence": list(self.evidence),
            "action": dict(self.action),
            "model_version": self.version,
            "simulated": self.simulated,
            "suspects": sorted(self.suspects),
        }
