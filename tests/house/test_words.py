"""What may stand in no file: other machines' addresses, unfinished business, and anything that runs when it is read."""

import ast
import re

PICKLES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
PATHS = re.compile(r"(?<![\w.$])/(work|tmp|root|home|Users)/\w")
INDEXES = re.compile(r"pypi\.org|pythonhosted|/simple/|index-url|find-links|trusted-host")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|@@\w+@@")


def lines(texts, forbidden) -> list[str]:
    """Where the pattern is found."""
    return [
        f"{path}:{n}: {line.strip()[:100]}"
        for path, text in texts.items()
        for n, line in enumerate(text.splitlines(), 1)
        if forbidden.search(line)
    ]


def test_no_file_names_a_path_of_one_machine(texts):
    assert lines(texts, PATHS) == []


def test_no_file_names_a_package_index(texts):
    elsewhere = {path: text for path, text in texts.items() if path.name != "test_bento.py"}  # it looks for one
    assert lines(elsewhere, INDEXES) == []


def test_nothing_is_left_unfinished(texts):
    assert lines(texts, UNFINISHED) == []


def test_nothing_that_could_run_is_ever_loaded(source):
    found = []
    for path, tree in source.items():
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names) if PICKLES & {name.name.split(".")[0] for name in names}:
                    found.append(f"{path}:{node.lineno} imports a pickle")
                case ast.ImportFrom(module=str(module)) if module.split(".")[0] in PICKLES:
                    found.append(f"{path}:{node.lineno} imports a pickle")
                case ast.Call(func=ast.Attribute() as called, keywords=keywords):
                    given = {word.arg: getattr(word.value, "value", None) for word in keywords}
                    name = ast.unparse(called)
                    unsafe = name == "torch.load" and given.get("weights_only") is not True
                    if unsafe or given.get("allow_pickle", False) is not False or name.endswith("_pickle"):
                        found.append(f"{path}:{node.lineno} {name}")
    assert found == []


def test_no_test_puts_a_mock_where_the_real_thing_can_run(python):
    mocking = [
        f"{path}:{node.lineno}"
        for path, tree in python.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        and "mock" in {part for name in node.names for part in f"{getattr(node, 'module', '')}.{name.name}".split(".")}
    ]
    assert mocking == []
