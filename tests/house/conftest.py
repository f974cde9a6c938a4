"""What the house rules are about: every file that git tracks."""

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("bentos", "gateway", "loadtests", "training", "service.py")


@cache
def listed() -> tuple[Path, ...]:
    """As git lists them, from the root, without those that are being deleted."""
    said = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)  # noqa: S607
    files = tuple(Path(name) for name in said.stdout.split("\0") if name and (ROOT / name).is_file())
    assert Path("service.py") in files
    return files


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def tracked() -> tuple[Path, ...]:
    """Every tracked file, from the root."""
    return listed()


@pytest.fixture(scope="session")
def texts() -> dict[Path, str]:
    """Every tracked file that is text, with its content; without these rules, which name what they forbid."""
    found = {}
    for path in listed():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content and path.parts[:2] != ("tests", "house"):
            found[path] = content.decode()
    return found


@pytest.fixture(scope="session")
def source() -> dict[Path, ast.Module]:
    """What ships or trains: each Python file outside the tests, parsed."""
    files = [path for path in listed() if path.suffix == ".py" and path.parts[0] in ROOMS]
    return {path: ast.parse((ROOT / path).read_text()) for path in files}


@pytest.fixture(scope="session")
def python(source) -> dict[Path, ast.Module]:
    """The same with the tests."""
    files = [path for path in listed() if path.suffix == ".py"]
    return source | {path: ast.parse((ROOT / path).read_text()) for path in files if path not in source}
