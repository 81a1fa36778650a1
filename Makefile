# Everything runs in .venv, made on first use from the versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
FLOOR := 92
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test faults coverage package docs bench lint layers types fuzz licences advisories clean

demo: .venv/installed  ## simulate a store, train, evaluate: runs/demo/report.html
	$(BIN)/murauer demo

test: .venv/installed-dev  ## the whole test suite, on all cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto

faults: .venv/installed-dev  ## kills, flipped bits, full disks: all of tests/faults; an hour
	OMP_NUM_THREADS=1 MURAUER_KILLS=200 MURAUER_MOMENTS=1000 MURAUER_FLIPS=1000 \
	  $(BIN)/python -m pytest -q -s -m "slow or not slow" tests/faults

coverage: .venv/installed-dev  ## the same, and which share of the lines the tests reach
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --cov --cov-report=term --cov-fail-under=$(FLOOR)

package: .venv/installed-dev  ## wheel and sdist, the wheel installed into an empty environment and used
	PATH=$(CURDIR)/$(BIN):$$PATH tests/package.sh

docs: .venv/installed-docs  ## all pages and the API reference, warnings are errors: build/docs/index.html
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

bench: .venv/installed-dev  ## speed against peers and against the machine's limits: runs/bench.json
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench.py

lint: .venv/installed-dev
	$(BIN)/ruff check src tests benchmarks tools docs

layers: .venv/installed-dev  ## imports run downwards: the contracts in pyproject.toml
	$(BIN)/lint-imports

types: .venv/installed-dev
	$(BIN)/mypy

fuzz: .venv/installed-dev  ## mutated inputs for every reader, SECONDS for each (60), guided where Atheris can be had
	-$(INSTALL) atheris
	nice -n 15 $(BIN)/python tests/fuzz/fuzz.py --seconds $(or $(SECONDS),60)

licences: .venv/installed-dev  ## of all that is installed, bundled binaries included
	$(BIN)/python tools/licences.py

advisories: .venv/installed-dev  ## the pins against published advisories; needs the network
	$(INSTALL) pip-audit
	$(BIN)/pip-audit -r constraints.txt --no-deps --disable-pip --strict

clean:
	rm -rf .venv build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit("murauer needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[train]'
	@touch $@

.venv/installed-docs: .venv/installed-dev
	$(INSTALL) -e '.[docs]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) -e '.[dev]'
	@touch $@
