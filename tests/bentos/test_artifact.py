from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from bentos.artifact import MANIFEST, Artifact, ArtifactError, Description, fingerprint, open_artifact, save
from bentos.registry import current, models_folder, publish, set_current, versions

ROOT = Path(__file__).parents[2]
FILES = {"trees.onnx": bytes(range(256)), "errors.json": b"[0.5, -0.5]"}
SCHEMA = fingerprint({"load": "MW"})
TRAVERSAL = [
    "",
    ".",
    "..",
    "../load",
    "load/..",
    "/etc",
    "a/b",
    "a\\b",
    "load\n",
    "Load",
    "a.b",
    "a\0",
    "x" * 64,
]


def description(**changes: object) -> Description:
    fields = {
        "name": "load",
        "created": datetime(2014, 5, 1, 12, tzinfo=UTC),
        "features": ["temperature", "weekday"],
        "units": {"temperature": "°C", "weekday": "1", "load": "MW"},
        "horizon_days": 62,
        "step": timedelta(days=1),
        "schema_fingerprint": SCHEMA,
        "data_fingerprint": "0" * 64,
        "versions": {"python": "3.11.9"},
        "recipe": {"trees": 200, "gap": [1, 2]},
        "scores": {"rmse": 0.1 + 0.2, "by_month": {"5": 1e-300}},
        "golden": {"question": {"series": [1.0]}, "answer": [3193.7]},
        "parameters": {"weights": [0.3, 0.7]},
    }
    return Description.model_validate(fields | changes)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    save(tmp_path / "fitted", description(), FILES)
    return tmp_path / "fitted"


def rewrite(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_what_is_opened_is_what_was_saved(tmp_path):
    saved = save(tmp_path / "fitted", description(), FILES)
    opened = open_artifact(tmp_path / "fitted", name="load", schema_fingerprint=SCHEMA)
    assert isinstance(opened, Artifact)
    assert opened == saved
    assert {name: opened.files[name] for name in FILES} == FILES
    assert opened.manifest.model_dump(include=set(Description.model_fields)) == description().model_dump()
    assert opened.manifest.version.startswith("20140501-")


def test_the_version_is_the_same_for_the_same_model_and_another_for_any_change(tmp_path):
    def version(place: str, files: dict[str, bytes] = FILES, **changes: object) -> str:
        return save(tmp_path / place, description(**changes), files).manifest.version

    first = version("a")
    assert version("b") == first
    assert version("c", dict(reversed(FILES.items()))) == first
    others = {
        version("d", {**FILES, "trees.onnx": b"other"}),
        version("e", parameters={"weights": [0.3, math.nextafter(0.7, 1)]}),
        version("f", created=datetime(2014, 5, 1, 13, tzinfo=UTC)),
        version("g", features=["weekday", "temperature"]),
    }
    assert len(others | {first}) == 5


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_flipped_bit_anywhere_in_any_file_is_refused_and_the_file_is_named(artifact, name):
    whole = (artifact / name).read_bytes()
    for place in {*range(0, len(whole), 7), len(whole) - 2}:
        (artifact / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArtifactError, match=f"{name}|not in the manifest"):
            open_artifact(artifact)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("keep", [0, 1, -3])
def test_a_truncated_file_is_refused(artifact, name, keep):
    (artifact / name).write_bytes((artifact / name).read_bytes()[:keep])
    with pytest.raises(ArtifactError, match=name):
        open_artifact(artifact)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused(artifact, name):
    (artifact / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        open_artifact(artifact)


def test_a_folder_that_is_none_and_an_empty_one_are_refused(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be read"):
        open_artifact(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="no artifact"):
        open_artifact(tmp_path)


@pytest.mark.parametrize("name", ["more.onnx", "model.pkl", "notes.txt", ".hidden"])
def test_a_file_that_the_manifest_does_not_know_is_refused(artifact, name):
    (artifact / name).write_bytes(b"")
    with pytest.raises(ArtifactError, match=f"{name} is not in the manifest"):
        open_artifact(artifact)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "fault"},
        {"scores": {"rmse": 0.0}},
        {"files": {}},
        {"format": 2},
        {"format": True},
        {"version": "20140501-0123456789abcdef"},
        {"version": "../../20140501-0123456789abcdef"},
        {"golden": {"question": 1}},
        {"horizon_days": "62"},
        {"approved_by": "nobody"},
        {"parameters": {"weights": [math.nan]}},
        {"features": "temperature"},
    ],
    ids=str,
)
def test_an_edited_manifest_is_refused(artifact, changes):
    rewrite(artifact, **changes)
    with pytest.raises(ArtifactError, match=MANIFEST):
        open_artifact(artifact)


def test_a_manifest_that_was_only_laid_out_anew_is_the_same_manifest(artifact):
    rewrite(artifact)
    assert open_artifact(artifact).manifest.name == "load"


def test_a_manifest_nested_without_end_is_refused(artifact):
    (artifact / MANIFEST).write_text("[" * 100_000)
    with pytest.raises(ArtifactError, match=MANIFEST):
        open_artifact(artifact)


def test_a_model_for_another_name_version_or_schema_is_refused(artifact):
    version = open_artifact(artifact).manifest.version
    open_artifact(artifact, name="load", version=version, schema_fingerprint=SCHEMA)
    with pytest.raises(ArtifactError, match="name is load, expected was fault"):
        open_artifact(artifact, name="fault")
    with pytest.raises(ArtifactError, match="schema_fingerprint is"):
        open_artifact(artifact, schema_fingerprint="0" * 64)
    with pytest.raises(ArtifactError, match="version is"):
        open_artifact(artifact, version="20140501-0123456789abcdef")


def test_links_and_folders_inside_are_refused(artifact, tmp_path):
    (artifact / "trees.onnx").rename(tmp_path / "trees.onnx")
    (artifact / "trees.onnx").symlink_to(tmp_path / "trees.onnx")
    with pytest.raises(ArtifactError, match=r"trees\.onnx is a link"):
        open_artifact(artifact)
    (artifact / "trees.onnx").unlink()
    (artifact / "trees.onnx").mkdir()
    with pytest.raises(ArtifactError, match=r"trees\.onnx is a link or a folder"):
        open_artifact(artifact)


def test_a_folder_beyond_the_bound_is_refused_without_reading_it_whole(artifact, monkeypatch):
    monkeypatch.setattr("bentos.artifact.MAX_BYTES", 2**20)
    with (artifact / "trees.onnx").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ArtifactError, match=r"trees\.onnx"):
        open_artifact(artifact)


@pytest.mark.parametrize(
    "name",
    ["model.pkl", "model.pickle", "model.joblib", "model.pt", "model.onnx.pkl", "run.py", "m.so", MANIFEST]
    + [f"{path}.onnx" for path in ["../a", "/a", "a/b", "a\\b", "", "..", "A", "a\0", "é"]] + ["a.onnx\n"],
)  # fmt: skip
def test_pickles_code_and_names_that_leave_the_folder_are_never_saved(tmp_path, name):
    with pytest.raises(ArtifactError, match="may not be in an artifact"):
        save(tmp_path / "fitted", description(), {**FILES, name: pickle.dumps(1)})
    assert list(tmp_path.iterdir()) == []


def test_a_pickle_that_a_forged_manifest_names_is_refused(artifact):
    (artifact / "model.pkl").write_bytes(pickle.dumps(1))
    manifest = json.loads((artifact / MANIFEST).read_text())
    rewrite(artifact, files={**manifest["files"], "model.pkl": "0" * 64})
    with pytest.raises(ArtifactError, match=r"'model\.pkl' may not be in an artifact"):
        open_artifact(artifact)


def test_an_artifact_is_never_overwritten(artifact, tmp_path):
    before = open_artifact(artifact)
    with pytest.raises(ArtifactError, match="never overwritten"):
        save(artifact, description(name="other"), FILES)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="never overwritten"):
        save(tmp_path / "dangling", description(), FILES)
    assert open_artifact(artifact) == before


def test_a_save_that_fails_half_way_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path / "fitted", description(), FILES)
    assert list(tmp_path.iterdir()) == []


def test_a_description_says_no_nan_and_no_time_without_a_zone(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save(tmp_path / "fitted", description(scores={"rmse": math.nan}), FILES)
    with pytest.raises(ValidationError, match="timezone"):
        description(created=datetime(2014, 5, 1))  # noqa: DTZ001
    with pytest.raises(ArtifactError, match="files"):
        save(tmp_path / "fitted", description(), {})


def test_a_published_model_answers_once_it_is_made_current(artifact, tmp_path):
    models = tmp_path / "models"
    assert current(models, "load") is None
    assert versions(models, "load") == []
    place = publish(models, artifact)
    assert open_artifact(place) == open_artifact(artifact)
    assert place == models / "load" / open_artifact(artifact).manifest.version
    assert current(models, "load") is None
    set_current(models, "load", place.name)
    assert current(models, "load") == place


def test_publishing_twice_changes_nothing_and_a_spoilt_copy_is_noticed(artifact, tmp_path):
    models = tmp_path / "models"
    place = publish(models, artifact)
    written = (place / "trees.onnx").stat()
    assert publish(models, artifact) == place
    assert (place / "trees.onnx").stat().st_ino == written.st_ino
    (place / "trees.onnx").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"trees\.onnx"):
        publish(models, artifact)


def test_a_changed_artifact_is_not_published(artifact, tmp_path):
    (artifact / "trees.onnx").write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"trees\.onnx"):
        publish(tmp_path / "models", artifact)
    assert not (tmp_path / "models").exists()


def test_the_current_version_is_replaced_as_one_and_never_by_one_that_cannot_be_opened(artifact, tmp_path):
    models = tmp_path / "models"
    save(tmp_path / "later", description(created=datetime(2014, 6, 1, tzinfo=UTC)), FILES)
    first, second = publish(models, artifact), publish(models, tmp_path / "later")
    assert versions(models, "load") == [first.name, second.name]
    set_current(models, "load", first.name)
    named_first = (models / "load" / "current").open()
    set_current(models, "load", second.name)
    assert named_first.read().strip() == first.name  # a reader of the old file sees it whole
    named_first.close()
    assert current(models, "load") == second
    (first / "trees.onnx").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"trees\.onnx"):
        set_current(models, "load", first.name)
    assert current(models, "load") == second
    assert {path.name for path in (models / "load").iterdir()} == {first.name, second.name, "current"}


def test_a_version_under_a_foreign_name_cannot_be_made_current(artifact, tmp_path):
    models = tmp_path / "models"
    place = publish(models, artifact)
    (models / "fault").mkdir()
    place.rename(models / "fault" / place.name)
    with pytest.raises(ArtifactError, match="name is load, expected was fault"):
        set_current(models, "fault", place.name)


@pytest.mark.parametrize("text", ["", "20140501-0123456789abcdef\n", "../../etc\n"])
def test_a_current_file_that_names_nothing_is_refused(tmp_path, text):
    (tmp_path / "load").mkdir()
    (tmp_path / "load" / "current").write_text(text)
    with pytest.raises(ArtifactError, match=r"no version|not there"):
        current(tmp_path, "load")


@pytest.mark.parametrize("name", TRAVERSAL, ids=repr)
def test_names_and_versions_cannot_leave_the_registry(tmp_path, name):
    for ask in (current, versions):
        with pytest.raises(ArtifactError, match="no model's name"):
            ask(tmp_path, name)
    with pytest.raises(ArtifactError, match="no version"):
        set_current(tmp_path, "load", name)
    with pytest.raises(ValidationError, match="name"):
        description(name=name)


def test_the_registry_is_where_the_environment_says():
    assert models_folder({}) == Path(".forewatt/models")
    assert models_folder({"FOREWATT_DATA": "/srv/forewatt"}) == Path("/srv/forewatt/models")
    assert models_folder({"FOREWATT_DATA": "/srv/forewatt", "FOREWATT_MODELS": "/models"}) == Path("/models")


def test_bentoml_keeps_the_same_files_and_no_pickle(artifact, tmp_path):
    fill = "import sys; from pathlib import Path; from bentos.registry import fill_bento_store as fill; "
    fill += "folder = Path(sys.argv[1]); print(fill(folder), fill(folder))"
    environment = os.environ | {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", fill, artifact],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    version = open_artifact(artifact).manifest.version
    assert told.stdout.split() == [f"load:{version}"] * 2
    kept = tmp_path / "bentoml" / "models" / "load" / version
    assert open_artifact(kept / "artifact", name="load") == open_artifact(artifact)
    assert {path.name for path in kept.iterdir()} == {"artifact", "model.yaml"}
