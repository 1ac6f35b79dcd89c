# make demo | make test: both make .venv by themselves; a second call takes what is there.
# torch goes in first and pinned: pip would otherwise take the newest build with its GPU libraries, gigabytes of them.

PYTHON ?= python3
TORCH ?= torch==2.13.0
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# mypy needs the package under its own name, which is not that of the folder.
SRC := $(VENV)/src

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export HF_HUB_OFFLINE = 1
export TRANSFORMERS_OFFLINE = 1

.PHONY: demo test test-all lint install clean
.DEFAULT_GOAL := test

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("planneal needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet --editable '.[local,dev]'
	mkdir -p $(SRC)
	ln -sfn ../.. $(SRC)/planneal
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/planneal demo

lint: $(STAMP)
	$(BIN)/ruff check .
	cd $(SRC) && ../bin/mypy --config-file planneal/pyproject.toml --exclude '(^|/)tests/' -p planneal
	$(BIN)/lint-imports

# One thread for each test process: several would fight for the same cores.
test test-all: export OMP_NUM_THREADS = 1

test: lint
	$(BIN)/python -m pytest -c tests/pytest.ini tests -m 'not slow' -n $(WORKERS)

test-all: lint
	$(BIN)/python -m pytest -c tests/pytest.ini tests -n $(WORKERS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache tests/.pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
