# `make` lists the targets. Everything is installed into .venv, nothing outside the folder.
# Needs Python 3.11 or newer.

.DEFAULT_GOAL := help
.PHONY: help demo test coverage floors browser docs fuzz nodes lint types real dist clean

# The first of these that is 3.11 or newer and can make virtual environments;
# `make PYTHON=/path/to/python test` chooses another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$name && break; done)

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := python -m pytest -n auto --maxprocesses 8 --dist worksteal
UNITS := --ignore=tests/real --ignore=tests/browser --ignore=tests/docs

help:
	@echo 'make demo     convert the sample models to INT8, with the commands of the README'
	@echo 'make test     run the tests (ARGS="-k name" is handed to pytest)'
	@echo 'make coverage run the tests, show the lines and branches that they miss, and fail below 95 %'
	@echo 'make floors   run the tests on the lowest versions of all dependencies'
	@echo 'make browser  run the tests of the HTML report in Chromium (Debian: apt-get install chromium)'
	@echo 'make docs     build the pages of docs/ into site/, run what they show, and open them in Chromium'
	@echo 'make fuzz     random models, data and options for every command (SECONDS=60 SEED=number)'
	@echo 'make nodes    every command on the node models of ONNX (EVERY=20 takes every twentieth)'
	@echo 'make lint     check style and format'
	@echo 'make types    check types'
	@echo 'make real     run the tests on real models (QCONV_DATA=folder, see CONTRIBUTING.md)'
	@echo 'make dist     build and check what is published, and use it in fresh environments (PYTHONS="python3.12 ...")'
	@echo 'make clean    remove .venv, .venv-floors, demo-out, site and caches'

demo: .venv/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

test: .venv/.test
	$(BIN)/$(PYTEST) $(UNITS) $(ARGS)

# The children of a command each write a file beside this one, wherever they work.
coverage: .venv/.test
	COVERAGE_FILE="$(CURDIR)/.coverage" $(BIN)/$(PYTEST) $(UNITS) -q \
		--cov --cov-report=term --cov-fail-under=95 $(ARGS)

# Old packages beside new ones call each other's deprecated names.
floors: .venv-floors/.installed
	.venv-floors/bin/$(PYTEST) $(UNITS) -q \
		-W ignore::DeprecationWarning $(ARGS)

browser: .venv/.test .venv/.browser
	$(BIN)/python -m pytest tests/browser $(ARGS)

docs: .venv/.test .venv/.browser .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python -m pytest tests/docs $(ARGS)

fuzz: .venv/.test
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

nodes: .venv/.test
	$(BIN)/python -m tests.nodes --every $(or $(EVERY),1) $(ARGS)

lint: .venv/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.lint .venv/.test .venv/.browser
	$(BIN)/mypy

real: .venv/.test .venv/.real
	@test -n "$$QCONV_DATA" || { echo 'set QCONV_DATA to the folder of models, see CONTRIBUTING.md'; exit 2; }
	$(BIN)/python -m pytest tests/real $(ARGS)

# The first Python is that of .venv; of the others, those are tried that are on this machine.
PYTHONS ?= python3.11 python3.12 python3.13

dist: .venv/.release
	$(BIN)/python scripts/build_twice.py dist
	$(BIN)/twine check --strict dist/*.tar.gz dist/*.whl
	$(BIN)/python scripts/packed_files.py dist
	$(BIN)/python scripts/try_wheel.py dist $(BIN)/python $(PYTHONS)

clean:
	rm -rf .venv .venv-floors demo-out site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a target is up to date once its packages are installed, until pyproject.toml changes.

.venv/.created:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed, with venv (Debian: python3-venv)'; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade 'pip>=25.1'  # the first that reads dependency groups
	@touch $@

.venv/.installed: .venv/.created pyproject.toml
	$(INSTALL) --editable .
	@touch $@

.venv/.test: .venv/.installed
	$(INSTALL) --group test
	@touch $@

.venv-floors/.installed: pyproject.toml
	$(PYTHON) -m venv --clear .venv-floors
	.venv-floors/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	.venv-floors/bin/python scripts/floors.py > .venv-floors/floors.txt
	.venv-floors/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint .venv-floors/floors.txt --editable . --group test
	@touch $@

.venv/.real: .venv/.installed
	$(INSTALL) --group real
	@touch $@

.venv/.browser: .venv/.installed
	$(INSTALL) --group browser
	@touch $@

.venv/.docs: .venv/.installed
	$(INSTALL) --group docs
	@touch $@

.venv/.lint: .venv/.installed
	$(INSTALL) --group lint
	@touch $@

.venv/.release: .venv/.created pyproject.toml
	$(INSTALL) --group release
	@touch $@
