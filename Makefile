# Needs Python 3.11 or newer with its venv module, and make. Everything else goes into .venv.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
MODULES = $(shell find src/paydelay -name '*.py' | sort)
BENCHES = $(sort $(wildcard benchmarks/bench_*.py))

# Slow tests run in CI only.
ifneq ($(CI),true)
SELECT := -m "not slow"
endif

# Sources hold French: read them as UTF-8 whatever the locale.
export PYTHONUTF8 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Reaches .ci/find-python also when it is given on the command line.
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help env demo test notebooks check check-style check-types check-layers check-docstrings check-rules bench pins clean

help:
	@echo 'make demo       train on data/sample, score its open book, print the ranked queue'
	@echo 'make test       tests and doctests (the slow ones too where CI=true)'
	@echo 'make notebooks  run every notebook on data/sample, top to bottom'
	@echo 'make check      lint, format, types, layers, docstrings, rules of the project'
	@echo 'make bench      the benchmarks, one after the other'
	@echo 'make env        only make the environment in .venv'
	@echo 'make pins       resolve requirements/dev.txt anew from pyproject.toml'
	@echo 'make clean      remove .venv, out and every cache'

env: $(STAMP)

$(STAMP): pyproject.toml requirements/dev.txt
	@python=$$(sh .ci/find-python) || exit 1; \
	if ! $(PY) -c '' 2>/dev/null; then \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@echo 'Installing the pinned requirements into $(VENV) (a few minutes the first time)'
	@$(PY) -m pip install --quiet --requirement requirements/dev.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(PY) -c 'import sys; from paydelay.preflight import main; sys.exit(main())'
	@touch $@

demo: $(STAMP)
	@$(PY) pipelines/demo.py

# One thread per worker: two OpenMP pools that share the cores are slower than one.
test: export OMP_NUM_THREADS := 1
test: export POLARS_MAX_THREADS := 1
test: export NUMBA_NUM_THREADS := 1
test: $(STAMP)
	$(PY) -m pytest -n 2 --dist worksteal $(SELECT) $(ARGS)

# A notebook is run as it lies there and not written to; a warning that one of its lines causes is an
# error, and 90 seconds are the most it may take. Doctests are not for notebooks.
notebooks: export OMP_NUM_THREADS := 1
notebooks: export POLARS_MAX_THREADS := 1
notebooks: export NUMBA_NUM_THREADS := 1
# The kernel of .venv, even where the user has another of its name.
notebooks: export JUPYTER_PREFER_ENV_PATH := 1
notebooks: $(STAMP)
	PYTHONWARNINGS=error:::__main__ $(PY) -m pytest -n 2 --dist worksteal --nbmake --timeout=90 \
		--nbmake-timeout=90 --override-ini addopts=-ra notebooks $(ARGS)

# One target per tool, so that `make -k check` tells all there is to tell.
check: check-style check-types check-layers check-docstrings check-rules

check-style: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

check-types: $(STAMP)
	$(PY) -m mypy --strict src

check-layers: $(STAMP)
	$(VENV)/bin/lint-imports

check-docstrings: $(STAMP)
	@echo '$(PY) -m numpydoc lint src/paydelay/**.py'
	@$(PY) -m numpydoc lint $(MODULES)

check-rules: $(STAMP)
	$(PY) -m pytest --quiet tests/test_project.py

bench: $(STAMP)
	@test -n '$(BENCHES)' || { echo 'No benchmarks/bench_*.py here.' >&2; exit 1; }
	@set -e; for bench in $(BENCHES); do echo "== $$bench"; $(PY) $$bench; done

# Versions that still satisfy pyproject.toml are kept; ARGS=--upgrade takes the newest, and
# ARGS='--upgrade-package polars' the newest of one.
pins:
	@python=$$(sh .ci/find-python) || exit 1; "$$python" -m venv .venv-pins
	@.venv-pins/bin/python -m pip install --quiet 'uv>=0.9'
	.venv-pins/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make pins' \
		$(ARGS) --quiet --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) .venv-pins out build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
