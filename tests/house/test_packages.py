"""What is installed: pinned to the digit, from wherever the installer looks, the same in the bento."""

import re
import sys
import tomllib
from importlib.metadata import distribution, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][0-9A-Za-z.]*)")


@pytest.fixture(scope="module")
def pins(root) -> dict[str, str]:
    """Version by name; a line that is no plain pin (an address, a file, an option) fails here."""
    found = {}
    for line in (root / "constraints.txt").read_text().splitlines():
        name, pinned = PIN.fullmatch(line).groups()
        assert canonicalize_name(name) not in found, f"{name} is pinned twice"
        found[canonicalize_name(name)] = pinned
    return found


@pytest.fixture(scope="module")
def extras(root) -> dict[str, list[str]]:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def needed(wanted: list[str], extras: dict[str, list[str]]) -> set[str]:
    """Everything that these requirements bring on this machine, as installed."""
    waiting, seen = [Requirement(text) for text in wanted], set()
    while waiting:
        asked = waiting.pop()
        if (key := (canonicalize_name(asked.name), frozenset(asked.extras))) in seen:
            continue
        seen.add(key)
        ours = asked.name == "forewatt"
        brings = (
            [text for extra in asked.extras for text in extras[extra]] if ours else distribution(asked.name).requires
        )
        for text in brings or []:
            below = Requirement(text)
            if below.marker is None or any(below.marker.evaluate({"extra": e}) for e in asked.extras | {""}):
                waiting.append(below)
    return {name for name, _ in seen} - {"forewatt"}


def test_every_package_that_any_image_brings_is_pinned_to_what_was_tested(pins, extras):
    brought = needed(["forewatt[dev]"], extras)
    assert len(brought) > 80
    # PyTorch's build for processors alone calls itself 2.13.0+cpu.
    assert {name: pins.get(name) for name in brought} == {name: Version(version(name)).public for name in brought}


def test_the_bento_installs_what_serving_needs_as_it_is_pinned(pins, extras, root):
    described = yaml.safe_load((root / "bentofile.yaml").read_text())["python"]
    written = dict(PIN.fullmatch(line).groups() for line in described["packages"])
    shipped = {canonicalize_name(name): pinned for name, pinned in written.items()}
    assert shipped == {name: pins.get(name) for name in shipped}
    assert set(shipped) == {canonicalize_name(Requirement(text).name) for text in extras["serve"]}
    assert described["lock_packages"] is False


def test_the_promised_python_is_the_one_that_is_asked_for_everywhere(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert sys.version_info >= (3, 11)


def test_no_package_of_ours_is_missing_from_the_wheel(source, root):
    included = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    rooms = {path.parts[0] for path in source if len(path.parts) > 1}
    assert rooms <= {pattern.rstrip("*") for pattern in included}
