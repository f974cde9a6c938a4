"""Units of measure: which ones a point may come in, by UCUM code."""

from __future__ import annotations

from functools import cache
from typing import get_args

from bentos.fault.series import Points, Series

NAMES = list(Points.model_fields)


@cache
def allowed(point: str) -> tuple[str, ...]:
    """The UCUM codes of a point, the one that is assumed where nothing is said first. Raises ``KeyError``."""
    annotation = Points.model_fields[point].annotation
    kinds = [
        kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, Series)
    ]
    codes: tuple[str, ...] = get_args(kinds[0].model_fields["unit"].annotation)
    return codes
