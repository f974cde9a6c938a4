"""What the pages promise: their commands exist, their links lead somewhere, their figures are the measured ones."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest

from gateway import greeting
from training.measured import record

BLOCK = re.compile(r"^```(?:sh|shell|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


@pytest.fixture(scope="module")
def readme(root) -> str:
    return (root / "README.md").read_text()


@pytest.fixture(scope="module")
def commands(readme) -> list[list[str]]:
    """Each command of the README as words."""
    blocks = "".join(BLOCK.findall(readme)).replace("\\\n", " ").splitlines()
    return [words for line in blocks if (words := shlex.split(line, comments=True))]


def test_the_readme_has_at_most_150_lines_under_its_name(readme):
    assert len(readme.splitlines()) <= 150
    assert readme.startswith("# Forewatt\n")


def test_every_make_command_of_the_readme_is_a_target_that_help_lists(commands, root):
    helped = subprocess.run(["make", "-s", "help"], cwd=root, capture_output=True, text=True, timeout=30, check=True)  # noqa: S607
    targets = {line.split()[0] for line in helped.stdout.splitlines()}
    named = {words[1] for words in commands if words[0] == "make"}
    assert {"up", "test"} <= named <= targets
    assert {"up", "test", "check", "train"} <= targets


def test_the_readmes_curl_is_the_one_that_make_up_prints(commands):
    places = {"gateway": "http://127.0.0.1:8080", "inference": "", "uploads": "", "key": ".forewatt/local.key"}
    told = greeting.WELCOME.format(**places).replace("\\\n", " ")
    (printed,) = (shlex.split(line) for line in told.splitlines() if "curl" in line)
    assert [words for words in commands if words[0] == "curl"] == [printed]


def test_the_readmes_python_commands_take_the_options_that_it_gives(commands, root):
    called = [words[1:] for words in commands if words[0].endswith("python")]
    assert called
    for module in called:
        command = [sys.executable, *module[:3], "--help"]
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
        assert {word for word in module if word.startswith("--")} <= set(re.findall(r"--\w[\w-]*", said.stdout))


def test_every_link_between_the_pages_leads_to_a_file(texts, tracked, root):
    pages = {path: text for path, text in texts.items() if path.suffix == ".md"}
    folders = {parent for path in tracked for parent in path.parents}
    broken = [
        f"{path}: {link}"
        for path, text in pages.items()
        for link in LINK.findall(text)
        if (root / path.parent / link).resolve().relative_to(root.resolve()) not in {*tracked, *folders}
    ]
    assert broken == []


def test_each_measured_figure_says_how_where_and_when_it_was_measured(root):
    rows = json.loads((root / "docs" / "measured.json").read_text())
    assert len(rows) >= 10
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    for row in rows:
        assert set(row) == {"id", "value", "unit", "command", "date", "machine"}
        assert isinstance(row["value"], int | float)
        assert date(2026, 1, 1) <= date.fromisoformat(row["date"])
        assert all(row[text].strip() for text in ("id", "unit", "command", "machine"))


def test_the_table_of_figures_is_made_of_them(root, tmp_path):
    copied = Path(shutil.copy(root / "docs" / "measured.json", tmp_path))
    record(copied, {}, "")
    assert copied.read_bytes() == (root / "docs" / "measured.json").read_bytes()
    assert copied.with_suffix(".md").read_text() == (root / "docs" / "measured.md").read_text()


def test_the_changes_name_the_version_that_is_built(root):
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## {version}" in (root / "CHANGELOG.md").read_text()
