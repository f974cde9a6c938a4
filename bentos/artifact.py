"""A trained model on disk: a folder of plain weight files and a manifest, written once and never changed.

Nothing in it can run: no pickle, only formats that are read as numbers or text. Opening reads every byte
once, compares it with the manifest and hands over what was compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

MANIFEST = "manifest.json"
AGAIN = "Copy the whole folder again, or train the model."
MAX_BYTES = 512 * 2**20  # of a whole folder: far above any model of ours, below what a machine can hold

# Neither has a dot or a slash, so both are safe as folders; both are legal in a BentoML tag.
NAME = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
VERSION = r"[0-9]{8}-[0-9a-f]{16}"
FILE = r"[a-z0-9][a-z0-9_.-]{0,99}\.(onnx|json|npy|npz|safetensors)"


def _plain(file: str) -> str:
    if file == MANIFEST or not re.fullmatch(FILE, file):
        raise ValueError(f"'{file}' may not be in an artifact; a name is lower-case and ends as in {FILE}")
    return file


FileName = Annotated[str, AfterValidator(_plain)]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
UtcTime = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class ArtifactError(Exception):
    """An artifact cannot be used or written; the text says which file is wrong and what to do."""


class Strict(BaseModel):
    """Unknown fields and near types are refused, values are not changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Golden(Strict):
    """A question and its answer; asked at start, to warm up and to show that it answers as when fitted."""

    question: JsonValue
    answer: JsonValue


class Description(Strict):
    """What training says of a model: the contract between it and whoever asks.

    ``features`` stand in the model's order, ``units`` are theirs and the target's, ``versions`` are Python's
    and the libraries', ``parameters`` hold whatever small was fitted beside the weights.
    """

    name: Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
    created: UtcTime
    features: list[str]
    units: dict[str, str]
    horizon_days: PositiveInt
    step: timedelta
    schema_fingerprint: Sha256
    data_fingerprint: Sha256
    versions: dict[str, str]
    recipe: dict[str, JsonValue]
    scores: dict[str, JsonValue]
    golden: Golden
    parameters: dict[str, JsonValue]


class Manifest(Description):
    """A description and its files' hashes; ``version`` is the day and a hash of all else in the manifest."""

    format: Literal[1]
    version: Annotated[str, StringConstraints(pattern=f"^{VERSION}$")]
    files: Annotated[dict[FileName, Sha256], Field(min_length=1)]


@dataclass(frozen=True)
class Artifact:
    """An opened artifact: every file's verified bytes by name, the manifest's own among them."""

    manifest: Manifest
    files: Mapping[str, bytes]


def fingerprint(value: JsonValue) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys. Raises ``ValueError`` for NaN and infinity."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def save(folder: Path, description: Description, files: Mapping[str, bytes]) -> Artifact:
    """Write a new artifact; all of it appears at once or nothing does.

    Raises ``ArtifactError`` where something stands already or a file is refused, ``ValueError`` for NaN.
    """
    hashes = {name: _sha256(content) for name, content in files.items()}
    manifest = description.model_dump(mode="json") | {"format": 1, "files": hashes}
    manifest["version"] = _version(manifest)
    text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"
    _verified_manifest(text, folder / MANIFEST)
    write_folder(folder, {**files, MANIFEST: text})
    return open_artifact(folder)


def open_artifact(
    folder: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    schema_fingerprint: str | None = None,
) -> Artifact:
    """The artifact in ``folder``, as it was saved and, where one is given, for the model that is expected.

    Raises ``ArtifactError`` for one that was changed, truncated or added to, or was made for something else.
    """
    files = _read(folder)
    if MANIFEST not in files:
        raise ArtifactError(f"{folder} has no {MANIFEST}: it is no artifact, or half of one. {AGAIN}")
    manifest = _verified_manifest(files[MANIFEST], folder / MANIFEST)
    _refuse_other_files(manifest, files, folder)
    wanted = {"name": name, "version": version, "schema_fingerprint": schema_fingerprint}
    for field, value in wanted.items():
        if value is not None and value != (found := getattr(manifest, field)):
            text = f"{field} is {found}, expected was {value}. Choose another version of the model, or train."
            raise ArtifactError(f"{folder / MANIFEST}: {text}")
    return Artifact(manifest, MappingProxyType(files))


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder that appears at once and survives a power cut; ``ArtifactError`` if one stands there."""
    if folder.exists() or folder.is_symlink():
        raise ArtifactError(f"{folder} exists and is never overwritten. Choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    unfinished.mkdir()
    try:
        for name, content in files.items():
            write_file(unfinished / name, content)
        flush_folder(unfinished)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    flush_folder(folder.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the disk has the folder's list of names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _version(manifest: Mapping[str, Any]) -> str:
    rest = {field: value for field, value in manifest.items() if field != "version"}
    return f"{manifest['created'][:10].replace('-', '')}-{fingerprint(rest)[:16]}"


def _verified_manifest(text: bytes, path: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
        # Hashed as it was read: a later pydantic may write a value differently and must still open it.
        version = _version(json.loads(text))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise ArtifactError(f"{path} is no manifest that can be read here ({faults}). {AGAIN}") from None
    except ValueError as error:
        raise ArtifactError(f"{path} is no manifest that can be read here ({error}). {AGAIN}") from None
    if manifest.version != version:
        raise ArtifactError(f"{path} was changed: its version does not fit its content. {AGAIN}")
    return manifest


def _refuse_other_files(manifest: Manifest, files: Mapping[str, bytes], folder: Path) -> None:
    for name in sorted({*manifest.files, *files} - {MANIFEST}):
        if name not in files:
            raise ArtifactError(f"{folder / name} is missing. {AGAIN}")
        if name not in manifest.files:
            raise ArtifactError(f"{folder / name} is not in the manifest. {AGAIN}")
        if _sha256(files[name]) != manifest.files[name]:
            raise ArtifactError(f"{folder / name} was changed or cut short. {AGAIN}")


def _read(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = MAX_BYTES
    try:
        for path in sorted(folder.iterdir()):
            if path.is_symlink() or not path.is_file():
                raise ArtifactError(f"{path} is a link or a folder; an artifact has only files. {AGAIN}")
            with path.open("rb") as file:
                files[path.name] = file.read(left + 1)
            left -= len(files[path.name])
            if left < 0:
                raise ArtifactError(f"{path} leads beyond {MAX_BYTES} bytes. Train a smaller model.")
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be read: {error.strerror}. {AGAIN}") from error
    return files
