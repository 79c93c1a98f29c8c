# What people do here, in short. PYTHON=… chooses the interpreter; every tool runs with it.
PYTHON ?= python

.PHONY: help install run check lint audit types format test weights rehearsal gate lock wheel image

help:  ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install:  ## everything that running, testing and linting need
	$(PYTHON) -m pip install -r requirements-dev.txt

run:  ## start the studio
	$(PYTHON) app.py

check: lint types  ## format, lint, the import rules and types; changes nothing

lint:  ## format, lint and the import rules: a second
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

audit:  ## what looks unsafe in the program, and whether its dependencies fit together
	$(PYTHON) -m bandit -q -r ltx_ui -c pyproject.toml
	$(PYTHON) -m pip check

types:  ## mypy
	$(PYTHON) -m mypy

format:  ## lay the code out as the check wants it
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

test:  ## the tests, on all cores (T=tests/test_recipe.py for some of them)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(T)

weights:  ## the long tests of what the demo model learnt, and a note that they passed
	OMP_NUM_THREADS=1 $(PYTHON) -m tests.recorded weights

rehearsal:  ## the long tests of the way of CUDA, and a note that they passed
	OMP_NUM_THREADS=1 $(PYTHON) -m tests.recorded rehearsal

gate:  ## all that has to pass before a change is merged, in an environment of its own
	.ci/run

lock:  ## pin what the requirements bring along, for every system, in constraints.txt
	grep -hv '^-' requirements.txt requirements-dev.txt | $(PYTHON) -m uv pip compile - \
		--universal --python-version 3.11 --no-annotate --quiet \
		--custom-compile-command 'make lock' --output-file constraints.txt

wheel:  ## the package, in dist/
	$(PYTHON) -m hatchling build -t wheel -t sdist

image:  ## the Docker image
	docker build -t ltx-2-studio .
