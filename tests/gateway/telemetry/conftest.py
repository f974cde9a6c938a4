"""A store with two units in it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plants import declare


@pytest.fixture
def plant(here):
    declare(here, "u1", "u2")
    return here
