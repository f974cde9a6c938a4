"""`bentoml build` in a clean clone: the bento has its model, nothing of other rooms, and answers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bentos.artifact import open_artifact

REMARK = re.compile(r"^\s*#.*$", re.MULTILINE)
ROOT = Path(__file__).parents[2]
BENTOML = Path(sys.executable).with_name("bentoml")


@pytest.fixture
def clone(tmp_path) -> Path:
    """What is committed, and nothing else."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True, timeout=60)  # noqa: S603, S607
    return tmp_path / "clone"


def test_a_bento_built_in_a_clean_clone_carries_its_model_alone_and_answers(clone, start, caller, past, tmp_path):
    built = start.run(BENTOML, "build", "-o", "tag", cwd=clone)
    assert built.returncode == 0, built.stderr
    tag = re.search(r"__tag__:(\S+)", built.stdout)[1]
    bento = tmp_path / "bentoml" / "bentos" / tag.replace(":", "/")
    released = open_artifact(clone / "bentos" / "load" / "released").manifest.version
    described = yaml.safe_load((bento / "bento.yaml").read_text())
    assert [model["tag"] for service in described["services"] for model in service["models"]] == [f"load:{released}"]
    assert sorted(path.name for path in (bento / "src").iterdir()) == ["bentofile.yaml", "bentos", "service.py"]
    installed_from = [bento / "bento.yaml", *(path for path in (bento / "env").rglob("*") if path.is_file())]
    assert len(installed_from) > 3
    for path in installed_from:
        assert not re.search(r"index-url|find-links|https?://", REMARK.sub("", path.read_text())), path
    assert not [path for path in bento.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()]

    server = start.inference(target=tag, cwd=tmp_path)
    server.wait_until_ready()
    said = caller.post(f"{server.url}/forecast", json={"series": past(100)})
    assert said.status_code == 200, said.text
    assert said.json()["model"]["version"] == released
    assert server.stop() == 0
