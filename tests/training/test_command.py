"""``python -m training`` run for real, with the recipe that is small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bentos.artifact import open_artifact
from bentos.load import model as load_model
from bentos.load.model import LoadModel, schema_fingerprint
from bentos.load.sample import sample_series
from training.__main__ import main
from training.scores import LADDER

RELEASED = Path(load_model.__file__).with_name("released")

# What `python -m training load small --out FOLDER` wrote into card.json with the libraries of constraints.txt,
# Python 3.11 and OMP_NUM_THREADS=1: the ensemble's MAE in MW at each origin, weather climatology.
RECORDED_MAE = {"2014-09-30": 84.95035, "2014-10-31": 156.42969, "2014-11-30": 193.53085}
RECORDED_FIGURES = {"Q1": 0.4900, "Q1b": 0.7370, "Q2": 1.0, "Q4": 0.847, "Q5": 0.6}


@pytest.fixture(scope="module")
def card(small_run: Path) -> dict:
    return json.loads((small_run / "card" / "card.json").read_text())


@pytest.fixture(scope="module")
def origins(card: dict) -> pd.DataFrame:
    return pd.DataFrame(card["origins"])


def test_the_small_recipe_reproduces_its_recorded_scores(card, origins):
    headline = origins[(origins["model"] == "Ensemble") & (origins["weather"] == "climatology")]
    found = dict(zip(headline["origin"].str[:10], headline["mae"], strict=True))
    assert found == pytest.approx(RECORDED_MAE, rel=1e-3)  # linear algebra rounds by the processor
    assert {name: card["figures"][name] for name in RECORDED_FIGURES} == pytest.approx(RECORDED_FIGURES, rel=1e-3)


def test_the_artifact_it_writes_opens_proves_itself_and_carries_its_scores(small_run, card):
    folder = small_run / "artifact"
    artifact = open_artifact(folder, name="load", schema_fingerprint=schema_fingerprint())
    LoadModel(artifact).prove()
    assert artifact.manifest.scores == card["figures"]
    assert artifact.manifest.recipe["name"] == "small"
    assert artifact.manifest.parameters == {"weights": card["weights"], "cold_start": True}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2_000_000
    assert {path.suffix for path in folder.iterdir()} == {".onnx", ".json"}


def test_the_card_has_every_model_beside_the_ladder_and_its_plots(small_run, card, origins):
    text = (small_run / "card" / "card.md").read_text()
    for name in ("RandomForestRegressor", "GradientBoostingRegressor", "Ridge", "Ensemble", *LADDER):
        assert name in text
    for name in ("Q1", "Q1b", "Q2", "Q3", "Q4", "Q4b", "Q5", "Q6", "Q7", "Q8"):
        assert f"| {name} | {card['figures'][name]:.3f} |" in text
    assert "nan" not in text
    assert not origins.isna().any().any()
    assert {path.name for path in (small_run / "card").glob("*.png")} == {"origins.png", "coverage.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (small_run / "card").glob("*.png"))
    assert f"training load small --out {small_run}" in card["command"]


def test_weather_known_with_hindsight_is_never_quoted(card, origins):
    by_model = {name: figures["Q1"] for name, figures in card["models"].items()}
    assert by_model["Ensemble (actual)"] < by_model["Ensemble (climatology)"]
    assert card["figures"]["Q1"] == by_model["Ensemble (climatology)"]
    assert set(origins["weather"]) == {"climatology", "actual"}


def test_the_ensemble_is_hardly_worse_than_the_best_of_its_members(origins):
    mae = origins[origins["weather"] == "climatology"].groupby("model")["mae"].mean()
    assert mae["Ensemble"] <= 1.02 * mae.drop("Ensemble").min()


def test_two_runs_with_one_seed_make_the_same_model(small_run, tmp_path, capsys):
    assert main(["load", "small", "--out", str(tmp_path)]) == 0
    for file in ("errors.json", "ridge.onnx", "randomforestregressor.onnx", "gradientboostingregressor.onnx"):
        assert (tmp_path / "artifact" / file).read_bytes() == (small_run / "artifact" / file).read_bytes()
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "artifact"), str(small_run / "artifact")]) == 0
    assert "is the same model as" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "artifact"), str(RELEASED)]) == 2
    assert "differ in files, parameters, scores" in capsys.readouterr().err


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Eight months of a generated plant, in the folder that is shared."""
    path = tmp_path / "shared" / "plant.csv"
    path.parent.mkdir()
    pd.DataFrame(sample_series()[-245:]).to_csv(path, index=False)
    return path


def test_a_series_never_fitted_on_is_scored_and_recorded_under_its_name(monkeypatch, small_run, plant, tmp_path):
    monkeypatch.setenv("FOREWATT_SHARED", f"{plant.parent}/")
    measured = tmp_path / "measured.json"
    other = {"id": "P1", "value": 3, "unit": "ms", "command": "wrk", "date": "2024-05-01", "machine": "another"}
    measured.write_text(json.dumps([other, {**other, "id": "Q1@plant"}]))
    asked = ["score", "--data", str(plant), "--artifact", str(small_run / "artifact"), "--origins", "2"]
    assert main([*asked, "--out", str(tmp_path), "--measured", str(measured), "--subject", "plant"]) == 0
    rows = {row["id"]: row for row in json.loads(measured.read_text())}
    assert rows["P1"] == other
    assert 0 < rows["Q1@plant"]["value"] < 2
    assert rows["Q1@plant"]["machine"] != "another"
    assert {"Q1@plant", "Q2@plant", "Q5_low@plant"} <= set(rows)
    assert rows["Q1@plant"]["command"].startswith("python -m training score --data $FOREWATT_SHARED/plant.csv")
    assert "has seen nothing of this one" in (tmp_path / "card" / "card.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["load", "huge"], "There is no recipe 'huge'; there are caller, own, released, small."),
        (["load", "small", "--data", "nowhere.csv"], "nowhere.csv is not there. Give vic_elec"),
        (["load", "small", "--data", "{plant}", "--country", "XX"], "Use ISO 3166 codes"),
        (["load", "own", "--data", "{plant}"], "13 origins are wanted and the series holds 6."),
        (["load", "small", "--data", "{plant}"], "past moments are too few for 3 splits"),
        (["score", "--artifact", "{plant}"], "cannot be read"),
        (["score", "--artifact", str(RELEASED), "--origins", "0"], "0 origins are wanted"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_one_clear_line(capsys, plant, tmp_path, arguments, says):
    typed = [text.format(plant=plant) for text in arguments]
    assert main([*typed, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert said.startswith("training: ")
    assert "\n" not in said
    assert not (tmp_path / "out" / "artifact").exists()
