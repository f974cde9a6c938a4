"""A store with two units in it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plants import declare

from gateway import store


@pytest.fixture
def plant(tmp_path):
    engine = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    store.migrate(engine)
    declare(engine, "u1", "u2")
    yield engine
    engine.dispose()
