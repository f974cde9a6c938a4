"""``load`` and ``fault`` fit a model, ``judge`` says what one for faults is worth; ``score`` asks one about another
series, ``compare`` says whether two are the same, ``publish`` lets one answer; ``simulate`` runs the fault laboratory,
``story`` one unit of it."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd

from bentos.artifact import ArtifactError, open_artifact
from bentos.load.calendar import Region, RegionError
from bentos.load.known import Known
from bentos.load.model import NAME, LoadModel, schema_fingerprint
from bentos.registry import models_folder, publish, set_current
from training.backtest import ask_at, profile_alone
from training.callers import fit_for_caller
from training.card import Report, write_card
from training.datasets import DataError, Place, open_series
from training.load import Recipe
from training.measured import record
from training.moments import month_ends
from training.pipeline import train
from training.publish import GateError, description, publish_if_good, write_artifact

VICTORIA = Place("Australia/Melbourne", Region("AU", "VIC"))


def main(arguments: list[str] | None = None) -> int:
    """0 when fitted, 2 with one clear line where data, recipe or gate refuse."""
    typed = sys.argv[1:] if arguments is None else arguments
    asked = _parser().parse_args(typed, argparse.Namespace(typed=typed))
    try:
        asked.run(asked)
    except (ArtifactError, DataError, GateError, RegionError, RuntimeError, ValueError) as refusal:
        print(f"training: {refusal}", file=sys.stderr)
        return 2
    return 0


def train_load(asked: argparse.Namespace) -> None:
    """The whole way: data, replay, tuning before the first origin, backtest, final fit, artifact, card, figures."""
    if asked.snapshot:
        fit_for_caller(asked)
        return
    recipe = Recipe.open(asked.recipe or "own")
    known = _series(asked)
    trained = train(known, recipe, _title(asked, recipe.name), _command(asked.typed))
    figures = trained.report.figures
    said = description(known, recipe, trained.tuned, figures)
    place = asked.out / "artifact"
    shutil.rmtree(place, ignore_errors=True)  # scratch; what is kept is in the registry
    write_artifact(place, trained.members, trained.replayed, said)
    _report(asked, trained.report)
    if asked.publish:
        print("current:", publish_if_good(models_folder(), place, figures))


def train_fault(asked: argparse.Namespace) -> None:
    """From a simulated campaign to an early warning of faults; what it is worth is for ``judge`` to say."""
    from training.fault import Recipe as FaultRecipe  # noqa: PLC0415 - torch, which nothing else needs
    from training.fault_pipeline import fit_on  # noqa: PLC0415
    from training.warning_artifact import write_warning  # noqa: PLC0415

    warner = fit_on(asked.data, FaultRecipe.open(asked.recipe))
    artifact = write_warning(asked.out / "artifact", warner, asked.data, {})
    print(f"{artifact.manifest.version} is in {asked.out / 'artifact'}; it learnt from simulated units alone.")


def judge_fault(asked: argparse.Namespace) -> None:
    """What a finished early warning is worth on the test's units and on real days."""
    from training.fault_card import released, write_fault_card  # noqa: PLC0415 - opens the fault model's runtime
    from training.fault_verdict import verdict  # noqa: PLC0415
    from training.judgement import Served  # noqa: PLC0415

    served, command = Served(asked.artifact), _command(asked.typed)
    found = verdict(served, asked.data, asked.lbnl)
    write_fault_card(asked.card, served.model.manifest, found, command)
    if asked.measured:
        figures = {name: value for name, value in found.figures.items() if math.isfinite(value)}
        record(asked.measured, figures, command)
    print((asked.card / "card.md").read_text())
    print("It passes its gate." if released(found) else "It does not pass its gate: it is not to be released.")


def score(asked: argparse.Namespace) -> None:
    """Ask a finished artifact about a series that it was not fitted on."""
    model = LoadModel(open_artifact(asked.artifact, name=NAME, schema_fingerprint=schema_fingerprint()))
    known = _series(asked)
    origins = month_ends(known, asked.origins)
    table = pd.concat([ask_at(model, known, origin) for origin in origins], ignore_index=True)
    title = _title(asked, f"{model.manifest.version}, never fitted on it")
    _report(asked, Report(title, _command(asked.typed), known, table, profile_alone(known, origins)))


def publish_artifact(asked: argparse.Namespace) -> None:
    """An artifact of any model into the registry, and from now on it answers; whether it should is not asked here."""
    place = publish(models_folder(), asked.artifact)
    set_current(models_folder(), place.parent.name, place.name)
    print("current:", place)


def compare(asked: argparse.Namespace) -> None:
    """Whether two artifacts are the same model: files, weights and scores; the day they were made may differ."""
    one, other = (open_artifact(folder).manifest for folder in asked.artifacts)
    differs = [
        name for name in ("files", "parameters", "scores", "features") if getattr(one, name) != getattr(other, name)
    ]
    if differs:
        raise ValueError(f"{one.version} and {other.version} differ in {', '.join(differs)}.")
    print(f"{one.version} is the same model as {other.version}, with the same scores.")


def simulate_campaign(asked: argparse.Namespace) -> None:
    """Run the fault laboratory; only this needs EnergyPlus."""
    from training.laboratory.campaign import Recipe as Campaign  # noqa: PLC0415 - fits run without the extra [lab]
    from training.simulate import simulate  # noqa: PLC0415

    simulate(Campaign.open(asked.recipe), asked.out, asked.units)
    print(f"{len([*asked.out.glob('*.parquet')]) - 1} unit-years are in {asked.out}.")


def tell_story(asked: argparse.Namespace) -> None:
    """One unit in which one thing slowly breaks, as CSV; only this needs EnergyPlus, too."""
    from training.story import tell  # noqa: PLC0415 - fits run without the extra [lab]

    readings, episode = tell(asked.fault, asked.climate, asked.seed)
    readings.round(4).rename_axis("time").to_csv(asked.out, date_format="%Y-%m-%dT%H:%M:%SZ")
    print(json.dumps({name: getattr(episode, name).isoformat() for name in ("onset", "functional_limit", "repair")}))


def _series(asked: argparse.Namespace) -> Known:
    place = Place(asked.timezone, Region(asked.country, asked.subdivision))
    return open_series(asked.data, VICTORIA if asked.data == "vic_elec" else place)


def _report(asked: argparse.Namespace, report: Report) -> None:
    card = asked.card or asked.out / "card"
    write_card(card, report)
    if asked.measured:
        suffix = f"@{asked.subject}" if asked.subject else ""
        figures = {f"{name}{suffix}": value for name, value in report.figures.items()}
        record(asked.measured, figures, report.command)
    print((card / "card.md").read_text())


def _title(asked: argparse.Namespace, model: str) -> str:
    return f"Month-ahead daily load of {Path(asked.data).name}: {model}"


def _command(typed: list[str]) -> str:
    """As it was typed, with the shared folder by its name."""
    text = shlex.join(typed)
    shared = os.environ.get("FOREWATT_SHARED", "").rstrip("/")
    return "python -m training " + (text.replace(shared, "$FOREWATT_SHARED") if shared else text)


def _parser() -> argparse.ArgumentParser:
    series = argparse.ArgumentParser(add_help=False)
    series.add_argument("--data", default="vic_elec", help="vic_elec, a .csv or .xlsx file, or an EE-Cup folder")
    series.add_argument("--timezone", default="UTC", help="IANA zone of the days, for stamps with an offset")
    series.add_argument("--country", help="ISO 3166 code, for its holidays")
    series.add_argument("--subdivision", help="ISO 3166-2 code within the country")
    series.add_argument("--out", type=Path, default=Path(".forewatt/training"), help="folder for artifact and card")
    series.add_argument("--card", type=Path, help="another folder for the card")
    series.add_argument("--measured", type=Path, help="record the figures in this docs/measured.json")
    series.add_argument("--subject", default="", help="what the figures are of, where it is not vic_elec")
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="load|fault|judge|score|compare|publish|simulate|story")
    load = commands.add_parser("load", parents=[series], help="fit a load model")
    load.add_argument(
        "recipe", nargs="?", help="a file of training/recipes, without .toml; own, or caller for a snapshot"
    )
    load.add_argument("--publish", action="store_true", help="through the gate into the registry")
    load.add_argument(
        "--snapshot", type=Path, help="fit a caller's own model on this CSV, and tell it in lines of JSON"
    )
    load.add_argument("--name", help="of the caller's model: load- and 32 hexadecimal digits")
    load.add_argument("--attached", action="store_true", help="end as soon as standard input closes")
    load.set_defaults(run=train_load)
    scored = commands.add_parser("score", parents=[series], help="score an artifact on another series")
    scored.add_argument("--artifact", type=Path, default=Path("bentos/load/released"))
    scored.add_argument("--origins", type=int, default=13)
    scored.set_defaults(run=score)
    compared = commands.add_parser("compare", help="say whether two artifacts are the same model")
    compared.add_argument("artifacts", type=Path, nargs=2)
    compared.set_defaults(run=compare)
    published = commands.add_parser("publish", help="let an artifact answer, whatever its gate says")
    published.add_argument("artifact", type=Path, help="its folder")
    published.set_defaults(run=publish_artifact)
    _add_commands_of_faults(commands)
    return parser


def _add_commands_of_faults(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fault = commands.add_parser("fault", help="fit the early warning of faults")
    fault.add_argument("recipe", nargs="?", default="fault", help="a file of training/recipes, without .toml")
    fault.add_argument("--data", type=Path, default=Path(".forewatt/laboratory"), help="folder of a simulated campaign")
    fault.add_argument("--out", type=Path, default=Path(".forewatt/training/fault"), help="folder for what was found")
    fault.set_defaults(run=train_fault)
    judged = commands.add_parser("judge", help="say what an early warning is worth on units that it never saw")
    judged.add_argument("--artifact", type=Path, default=Path(".forewatt/training/fault/artifact"))
    judged.add_argument(
        "--data", type=Path, default=Path(".forewatt/laboratory"), help="folder of a simulated campaign"
    )
    judged.add_argument("--lbnl", type=Path, help="folder of LBNL's MZVAV tables")
    judged.add_argument("--card", type=Path, default=Path(".forewatt/training/fault/card"))
    judged.add_argument("--measured", type=Path, help="record the figures in this docs/measured.json")
    judged.set_defaults(run=judge_fault)
    laboratory = commands.add_parser("simulate", help="air-handling units and their faults, from EnergyPlus")
    laboratory.add_argument("recipe", nargs="?", default="laboratory", help="a file of training/recipes, without .toml")
    laboratory.add_argument("--out", type=Path, default=Path(".forewatt/laboratory"), help="folder; goes on in it")
    laboratory.add_argument("--units", type=int, help="no more unit-years than that, of all splits")
    laboratory.set_defaults(run=simulate_campaign)
    story = commands.add_parser("story", help="one simulated unit in which one thing slowly breaks, as CSV")
    story.add_argument("--fault", default="F-FILTER", help="a slow fault's code")
    story.add_argument("--climate", default="golden", help="a city of the laboratory")
    story.add_argument("--seed", type=int, default=7, help="of building, weather and sensors")
    story.add_argument("--out", type=Path, required=True, help="file for the readings")
    story.set_defaults(run=tell_story)


if __name__ == "__main__":
    sys.exit(main())
