"""Every knob is on its page, with the default that the source has; and no knob is there that nobody reads."""

import ast
import re
import subprocess
import sys

import pytest

NAME = re.compile(r"\bFOREWATT_[A-Z][A-Z_]*[A-Z]")
ROW = re.compile(r"^\| `((?:FOREWATT|CELERY)_\w+)` \| `([^`]*)` \| (.+) \|$", re.MULTILINE)
MAKING = ("Makefile", ".ci", "deploy")


@pytest.fixture(scope="module")
def documented(root) -> list[tuple[str, str]]:
    """Each row's name and default."""
    text = (root / "docs" / "settings.md").read_text()
    rows = ROW.findall(text)
    assert len(rows) == text.count("| `FOREWATT_") + text.count("| `CELERY_")
    return [(name, default) for name, default, _ in rows]


@pytest.fixture(scope="module")
def read(texts, source) -> set[str]:
    """What any process or make looks for: named in full, or a field of a class of settings."""
    written = [text for path, text in texts.items() if path in source or path.parts[0] in MAKING]
    fields = {
        _name(field)
        for tree in source.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "BaseSettings" for base in node.bases)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    return {name for text in written for name in NAME.findall(text)} | fields


def _name(field: ast.AnnAssign) -> str:
    """In the environment: the field's with our prefix, or the alias that it is given."""
    given = field.value.keywords if isinstance(field.value, ast.Call) else []
    alias = [word.value.value for word in given if word.arg == "validation_alias"]
    return alias[0] if alias else f"FOREWATT_{field.target.id.upper()}"


def test_every_setting_that_is_read_is_documented_and_the_other_way_round(documented, read):
    assert len(read) > 8
    assert {name for name, _ in documented} == read


@pytest.mark.parametrize("settings", ["gateway.settings.Settings", "bentos.serving.server.Knobs"])
def test_the_documented_defaults_are_those_of_the_servers(documented, settings, root):
    module, name = settings.rsplit(".", 1)
    each = "print(f.validation_alias or k, f.default)"
    code = f"from {module} import {name}\nfor k, f in {name}.model_fields.items(): {each}"
    command = [sys.executable, "-c", code]  # apart, since importing BentoML warns
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    defaults = dict(line.replace(" None", " none").split(" ", 1) for line in said.stdout.splitlines())
    for name in ("database_url", "models"):  # made of the data folder
        defaults.pop(name, None)
    assert len(defaults) >= 5
    named = {name if name.isupper() else f"FOREWATT_{name.upper()}": default for name, default in defaults.items()}
    assert {(name, default.rstrip("/")) for name, default in named.items()} <= set(documented)


def test_make_has_the_documented_defaults(documented, root):
    made = (root / "Makefile").read_text()
    ports = dict(documented)["FOREWATT_INFERENCE_PORT"]
    assert f"$(or $(FOREWATT_INFERENCE_PORT),{ports})" in made
    assert f'"FOREWATT_INFERENCE_PORT", "{ports}"' in (root / "gateway" / "up.py").read_text()
    for name in ("FOREWATT_DATA", "FOREWATT_SHARED"):
        assert f"export {name} ?= {dict(documented)[name]}\n" in made
