"""Victoria's real days, a recipe that fits in seconds, and one run of the whole command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bentos.load.calendar import Region
from bentos.load.known import Known
from training.__main__ import main
from training.datasets import Place, open_series
from training.load import Recipe


@pytest.fixture(scope="session")
def victoria() -> Known:
    return open_series("vic_elec", Place("Australia/Melbourne", Region("AU", "VIC")))


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """Real in every step; it may use year, month and day."""
    return Recipe(name="tiny", step_days=28, trees=8, n_splits=2)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``python -m training load small --out …`` leaves behind."""
    out = tmp_path_factory.mktemp("small")
    assert main(["load", "small", "--out", str(out)]) == 0
    return out
