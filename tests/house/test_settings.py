"""Every knob is on its page, with the default that the source has; and no knob is there that nobody reads."""

import ast
import re

import pytest

from gateway.settings import Settings

NAME = re.compile(r"\bFOREWATT_[A-Z][A-Z_]*[A-Z]")
ROW = re.compile(r"^\| `(FOREWATT_\w+)` \| `([^`]*)` \| (.+) \|$", re.MULTILINE)
MAKING = ("Makefile", "Procfile", ".ci", "deploy")


@pytest.fixture(scope="module")
def documented(root) -> list[tuple[str, str]]:
    """Each row's name and default."""
    rows = ROW.findall((root / "docs" / "settings.md").read_text())
    assert len(rows) == (root / "docs" / "settings.md").read_text().count("| `FOREWATT_")
    return [(name, default) for name, default, _ in rows]


@pytest.fixture(scope="module")
def read(texts, source) -> set[str]:
    """What any process or make looks for: named in full, or a field of a class of settings."""
    written = [text for path, text in texts.items() if path in source or path.parts[0] in MAKING]
    fields = {
        f"FOREWATT_{field.target.id.upper()}"
        for tree in source.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "BaseSettings" for base in node.bases)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    return {name for text in written for name in NAME.findall(text)} | fields


def test_every_setting_that_is_read_is_documented_and_the_other_way_round(documented, read):
    assert len(read) > 8
    assert {name for name, _ in documented} == read


def test_the_documented_defaults_of_the_gateway_are_its_own(documented):
    for field, described in Settings.model_fields.items():
        if field != "database_url":  # made of the data folder
            default = str(described.default).rstrip("/")
            assert (f"FOREWATT_{field.upper()}", default) in documented


def test_make_and_the_procfile_have_the_documented_defaults(documented, root):
    made = (root / "Makefile").read_text()
    ports = dict(documented)["FOREWATT_INFERENCE_PORT"]
    assert f"$(or $(FOREWATT_INFERENCE_PORT),{ports})" in made
    assert f"${{FOREWATT_INFERENCE_PORT:-{ports}}}" in (root / "Procfile").read_text()
    for name in ("FOREWATT_DATA", "FOREWATT_SHARED"):
        assert f"export {name} ?= {dict(documented)[name]}\n" in made
