"""Some days of a real air handler, from its Brick model and its table to a list of what would have been raised."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AHU7 = ROOT / os.environ.get("FOREWATT_SHARED", "../shared") / "data" / "hvac_ahu7_brick"
PATIENCE_S = 250


@pytest.mark.skipif(not AHU7.is_dir(), reason="FOREWATT_SHARED has no data/hvac_ahu7_brick")
def test_a_real_units_days_are_lived_through_once_more_and_a_page_says_what_was_raised(tmp_path):
    written = tmp_path / "page.md"
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | {"PYTHONPATH": str(ROOT)}
    words = [
        sys.executable,
        "-m",
        "gateway.demo.months",
        str(AHU7 / "ahu7_brick_model.ttl"),
        str(AHU7 / "data_ahu7.csv"),
    ]
    words += ["--zone", "America/Denver", "--on", "supply_fan_status=SF Spd Cmd (%)>5", "--days", "3"]
    words += ["--healthy-days", "0", "--out", str(written)]
    done = subprocess.run(  # noqa: S603
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = written.read_text()
    assert page.startswith("# What would have been said of AHU 7, a real air handler?\n")
    assert "| OAT (°F) | `outdoor_air_temperature` | [degF] | its class |" in page
    assert "| `filter_pressure_drop` | F-FILTER |" in page
    assert "every 60 minutes" in page
    assert re.search(r"[1-9][\d,]*\s+readings taken", page)
    assert re.search(r"was predicted\s+[1-9]\d* times", page)
