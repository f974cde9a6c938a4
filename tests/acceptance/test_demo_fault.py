"""`make demo-fault`, all of it: a simulated unit breaks, one alert is mailed, acknowledged, and is over."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 280  # a minute and a half on a machine that is ours alone


def test_a_slow_fault_is_told_once_in_time_and_is_over_after_the_repair(tmp_path):
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "gateway.demo"]
    more = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": PATIENCE_S}
    done = subprocess.run(words, env=environment, check=False, **more)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"✉ (.*)", done.stdout)
    assert [("F-FILTER" in line, "Cleared" in line) for line in told] == [(True, False), (True, True)]
    before, after = done.stdout.split("✉", 1)
    assert "degrading" in before
    assert "repaired" not in before  # in time
    assert "Replace the filter" in after
    assert "更换过滤器" in after
    assert list(tmp_path.iterdir()) == [], "something is left of it"
