"""Where trained models are kept: artifacts in ``<models>/<name>/<version>/``, and beside them one small file
that names the current version.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from bentos.artifact import (
    NAME,
    VERSION,
    ArtifactError,
    flush_folder,
    open_artifact,
    write_file,
    write_folder,
)

CURRENT = "current"  # no version looks like it


def models_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``FOREWATT_MODELS``, else ``models`` in ``FOREWATT_DATA``, which is ``./.forewatt`` if not set."""
    data = environment.get("FOREWATT_DATA") or ".forewatt"
    return Path(environment.get("FOREWATT_MODELS") or Path(data, "models"))


def publish(models: Path, folder: Path) -> Path:
    """Copy the artifact in ``folder`` into the registry and return its place; it is not yet current.

    What was verified is what is written. A version that is there already is verified instead.
    """
    artifact = open_artifact(folder)
    name, version = artifact.manifest.name, artifact.manifest.version
    place = _place(models, name, version)
    if place.exists():
        open_artifact(place, name=name, version=version)
    else:
        write_folder(place, artifact.files)
    return place


def set_current(models: Path, name: str, version: str) -> None:
    """Let ``version`` answer from now on. Raises ``ArtifactError`` where it cannot be opened."""
    open_artifact(_place(models, name, version), name=name, version=version)
    written = models / name / f".{CURRENT}.{secrets.token_hex(4)}"
    write_file(written, f"{version}\n".encode())
    written.replace(models / name / CURRENT)
    flush_folder(models / name)


def current(models: Path, name: str) -> Path | None:
    """The folder of the current version, not yet opened; ``None`` where none was ever made current."""
    try:
        version = (_model(models, name) / CURRENT).read_text().strip()
    except FileNotFoundError:
        return None
    place = _place(models, name, version)
    if not place.is_dir():
        raise ArtifactError(f"{models / name / CURRENT} names {version}, which is not there. Set another version.")
    return place


def versions(models: Path, name: str) -> list[str]:
    """All versions of a model, oldest day first; empty for a model that is not known."""
    model = _model(models, name)
    return sorted(p.name for p in model.iterdir() if re.fullmatch(VERSION, p.name)) if model.is_dir() else []


def fill_bento_store(folder: Path) -> str:
    """Copy an artifact into BentoML's model store, under ``artifact/``, and return its tag ``name:version``.

    The store is the one of ``BENTOML_HOME``. A tag that is there already is verified instead.
    """
    import bentoml  # noqa: PLC0415 - a second of start-up and a store on disk, which only a build needs

    artifact = open_artifact(folder)
    name, version = artifact.manifest.name, artifact.manifest.version
    tag = f"{name}:{version}"
    try:
        open_artifact(Path(bentoml.models.get(tag).path_of("artifact")), name=name, version=version)
    except bentoml.exceptions.NotFound:
        with bentoml.models.create(tag) as model:
            write_folder(Path(model.path_of("artifact")), artifact.files)
    return tag


def _model(models: Path, name: str) -> Path:
    if not re.fullmatch(NAME, name):
        raise ArtifactError(f"{name!r} is no model's name. Write lower-case letters, digits, - and _, as in 'load'.")
    return models / name


def _place(models: Path, name: str, version: str) -> Path:
    if not re.fullmatch(VERSION, version):
        raise ArtifactError(f"{version!r} is no version of {name}; one looks like 20140501-0123456789abcdef.")
    return _model(models, name) / version
