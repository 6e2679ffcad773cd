"""A missing package or system library is one sentence, never a traceback of somebody else's."""

import importlib
import subprocess
import sys

import pytest

from paydelay import preflight
from paydelay.errors import MissingDependencyError

NO_OPENMP = "libgomp.so.1: cannot open shared object file: No such file or directory"


def test_missing_openmp_library_is_named_with_its_package():
    with (
        pytest.raises(MissingDependencyError, match="apt-get install libgomp1") as caught,
        preflight.importing("Training"),
    ):
        raise OSError(NO_OPENMP)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_another_system_error_is_not_reworded():
    with pytest.raises(OSError, match="disk full"), preflight.importing("Training"):
        raise OSError("disk full")


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("shap", r"pip install 'paydelay\[explain\]'"),
        ("sklearn.base", r"pip install 'paydelay\[train\]'"),
        ("something_else", r"pip install something_else"),
    ],
)
def test_missing_package_is_named_with_its_extra(module, advice):
    with (
        pytest.raises(MissingDependencyError, match=f"^Explaining needs .*{advice}"),
        preflight.importing("Explaining"),
    ):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def test_a_name_missing_from_an_installed_package_stays_an_import_error():
    with pytest.raises(ImportError, match="cannot import name"), preflight.importing("Reading"):
        from errno import E_NOT_A_NAME  # noqa: F401


def test_a_module_of_our_own_that_is_missing_is_a_bug_and_keeps_its_traceback():
    with pytest.raises(ModuleNotFoundError), preflight.importing("Reading"):
        importlib.import_module("paydelay.not_a_module")


def test_command_answers_with_a_sentence_and_exit_2(monkeypatch, capsys):
    def refuse(name):
        raise OSError(NO_OPENMP)

    monkeypatch.setattr(preflight.importlib, "import_module", refuse)
    assert preflight.main() == 2
    assert capsys.readouterr().err.startswith("The system's OpenMP library is missing")


def test_command_is_silent_where_lightgbm_loads():
    command = [sys.executable, "-c", "import sys; from paydelay.preflight import main; sys.exit(main())"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
