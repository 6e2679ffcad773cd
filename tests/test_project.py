"""What stays true of the project whatever is built in it."""

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import validate
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "paydelay"
MODULES = sorted(SOURCE.rglob("*.py"))

CATCH_ALL_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers"}
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80

# Each of these costs more to import than paydelay may.
HEAVY_PACKAGES = {
    "dask",
    "fastapi",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "numba",
    "optuna",
    "pandas",
    "shap",
    "sklearn",
}

# A checkout has to work behind any mirror and on any machine.
PACKAGE_HOST = re.compile(
    # In halves, so that this file passes its own check.
    "|".join(
        f"{name}[.]{end}"
        for name, end in (
            ("py" + "pi", "org"),
            ("python" + "hosted", "org"),
            ("npm" + "js", "(?:com|org)"),
            ("(?:deb|ftp)[.]" + "debian", "org"),
            ("ana" + "conda", "org"),
            ("crates", "io/api"),
        )
    ),
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|work|farm|tmp|Users)/\w|\b[A-Z]:\\Users\\\w")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def pins():
    lines = (ROOT / "requirements" / "dev.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def committed_texts():
    """Every committed or about-to-be-committed text file, as (name, text)."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and its checkout to know which files are committed")
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        path = ROOT / name
        if path.is_file():
            try:
                yield name, path.read_text("utf-8")
            except UnicodeDecodeError:
                continue  # a binary file, such as a parquet table


def found_in_texts(pattern):
    return [
        f"{name}:{number}: {match[0]}"
        for name, text in committed_texts()
        for number, line in enumerate(text.split("\n"), 1)
        if (match := pattern.search(line))
    ]


def test_no_module_has_a_catch_all_name():
    names = {path: {path.stem, *path.relative_to(SOURCE).parent.parts} for path in MODULES}
    assert [str(path) for path, parts in names.items() if parts & CATCH_ALL_NAMES] == []


def test_no_file_is_too_long_to_read():
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_too_long_to_read():
    too_long = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long.append(f"{path.name}:{node.lineno} {node.name}: {lines} lines")
    assert too_long == []


def test_no_committed_text_names_a_package_host():
    assert found_in_texts(PACKAGE_HOST) == []


def test_no_committed_text_names_a_path_of_one_machine():
    assert found_in_texts(MACHINE_PATH) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (PACKAGE_HOST, "https://" + "pypi" + ".org/simple"),
        (MACHINE_PATH, "open('" + "/home" + "/ana/ledger')"),
        (MACHINE_PATH, "C:" + r"\Users" + r"\ana"),
    ],
)
def test_the_patterns_catch_what_they_are_for(pattern, text):
    assert pattern.search(text)


def test_pins_are_exact_and_hold_no_address():
    text = (ROOT / "requirements" / "dev.txt").read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE)  # no index, link or hash option
    for pin in pins():
        assert [clause.operator for clause in pin.specifier] == ["=="], str(pin)


def test_pins_satisfy_every_dependency_of_the_core_and_of_the_tools():
    pinned = {}
    for pin in pins():
        pinned.setdefault(canonicalize_name(pin.name), []).append(next(iter(pin.specifier)).version)
    extras = project()["optional-dependencies"]
    asked = [Requirement(line) for line in project()["dependencies"] + extras["dev"] + extras["explain"]]
    for requirement in asked:
        name = canonicalize_name(requirement.name)
        if name != "paydelay":
            assert name in pinned, f"{name} is not pinned: make pins"
            assert all(requirement.specifier.contains(version) for version in pinned[name]), str(requirement)


def test_a_dependency_has_one_range_in_every_extra():
    ranges = {}
    for lines in (project()["dependencies"], *project()["optional-dependencies"].values()):
        for requirement in map(Requirement, lines):
            ranges.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


@pytest.mark.parametrize("module", ["paydelay", "paydelay.cli"])
def test_import_stays_light(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} does not exist yet")
    script = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert HEAVY_PACKAGES & set(done.stdout.split()) == set()


def test_public_names_are_sorted_and_exist():
    import paydelay

    # Constants, then classes, then the rest: the order that ruff keeps.
    names = list(paydelay.__all__)
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert [name for name in paydelay.__all__ if not hasattr(paydelay, name)] == []


def public_functions():
    import paydelay

    return [value for name in paydelay.__all__ if inspect.isfunction(value := getattr(paydelay, name))]


def public_methods():
    import paydelay

    classes = [value for name in paydelay.__all__ if inspect.isclass(value := getattr(paydelay, name))]
    members = [
        getattr(member, "__func__", member)  # what a class or static method wraps
        for of_class in classes
        for name, member in vars(of_class).items()
        if not name.startswith("_")
    ]
    return [member for member in members if inspect.isfunction(member)]


def test_public_functions_and_methods_document_parameters_and_results():
    missing = [
        f"{function.__module__}.{function.__qualname__}: {message}"
        for function in public_functions() + public_methods()
        for code, message in validate(f"{function.__module__}.{function.__qualname__}")["errors"]
        if code in {"GL08", "PR01", "PR02", "RT01"}
    ]
    assert missing == []


def test_public_functions_show_an_example():
    assert [each.__name__ for each in public_functions() if ">>>" not in (each.__doc__ or "")] == []


def test_version_is_the_one_of_the_changelog():
    import paydelay

    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert paydelay.__version__ == project()["version"] == newest[1]
