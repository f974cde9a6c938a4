"""The rooms of the house: what stands at the top, how large a file and a function may be, who knows whom."""

import ast
import subprocess
import sys
from pathlib import Path

CUSTOMERS = {"README.md", "pyproject.toml", "bentofile.yaml", "service.py", "bentos", "training", "loadtests", "tests"}
OURS = {"gateway", "forewatt", "console", "deploy", "docs"}
GROUND = {"CHANGELOG.md", "LICENSE", "Makefile", "constraints.txt"}
BANNED = {"utils", "helpers", "common", "core", "base", "manager", "processor", "handler", "data", "info"}
HEAVY = ("numpy", "pandas", "onnxruntime", "sklearn", "torch", "bentoml", "scipy")


def test_nothing_stands_at_the_top_but_what_the_plan_names(tracked):
    top = {path.parts[0] for path in tracked if not path.parts[0].startswith(".")}
    assert top - CUSTOMERS - OURS == GROUND
    assert {"README.md", "pyproject.toml", "bentofile.yaml", "service.py", "bentos", "training", "tests"} <= top


def test_no_file_is_named_after_nothing(tracked):
    assert [path for path in tracked if path.suffix == ".py" and BANNED & {*path.parts, path.stem}] == []


def test_source_files_stay_within_300_lines_and_tests_within_400(python, root):
    lines = {str(path): len((root / path).read_text().splitlines()) for path in python}
    too_long = {name: n for name, n in lines.items() if n > (400 if name.startswith("tests/") else 300)}
    assert too_long == {}
    assert lines["service.py"] <= 40


def test_functions_stay_within_60_lines_and_nine_in_ten_within_30(python):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in python.items()
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    }
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert sum(size <= 30 for size in sizes.values()) >= 0.9 * len(sizes)


def test_every_module_says_what_it_is_for(source):
    silent = [str(path) for path, tree in source.items() if not ast.get_docstring(tree)]
    assert silent == []


def test_the_import_contracts_are_kept(root):
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert said.returncode == 0, said.stdout + said.stderr
    assert " 0 broken" in said.stdout


def test_of_a_bento_the_gateway_imports_the_schema_and_what_points_are_good_for(source):
    known = {
        module
        for path, tree in source.items()
        if path.parts[0] == "gateway"
        for node in ast.walk(tree)
        for module in imported(node)
        if module.split(".")[0] == "bentos"
    }
    assert known
    pure = {"points", "schema", "series", "symptoms"}  # as an import contract says
    assert {module for module in known if module.split(".")[2] not in pure} == set()


def test_a_running_gateway_has_no_library_of_models_in_memory(root):
    code = "import sys, gateway.__main__; print([name for name in sys.argv[1:] if name in sys.modules])"
    command = [sys.executable, "-c", code, *HEAVY]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    assert said.stdout.strip() == "[]"


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement names."""
    match node:
        case ast.Import():
            return [name.name for name in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [f"{module}.{name.name}" for name in node.names]
    return []
