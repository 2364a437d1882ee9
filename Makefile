# What people do with Recado. `make run` needs Python 3.11 or newer and nothing else; works with GNU make 3.81.

VENV := .venv
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --disable-pip-version-check --no-input --require-hashes
LOCK := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(LOCK_ARGS)
SBOM := deploy/sbom.cdx.json
# The first of these that is new enough; or name one: make PYTHON=/path/to/python3 run
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && exit; done; echo python3)

.PHONY: help run test check fmt bench bench-page screens prove web lock sbom clean FORCE

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: $(VENV)/.runtime ## serve the chat page and the API on http://localhost:8000
	@exec $(PY) server.py $(ARGS)

test: $(VENV)/.development ## run every test (PYTEST_ARGS="-k name" chooses)
	@$(PY) -m pytest --numprocesses=logical --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: $(VENV)/.development ## formatting, lint, types, layout, known weaknesses of libraries
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m pytest --quiet tests/test_layout.py
	@$(PY) deploy/audit.py tests/requirements.txt

fmt: $(VENV)/.development ## format, and mend what the linter can
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: $(VENV)/.development ## measure, and write bench/RESULTS.md (BENCH_ARGS=--help)
	@$(PY) bench/run.py $(BENCH_ARGS)

bench-page: $(VENV)/.development ## measure the chat page in Chromium, into bench/RESULTS.md (BENCH_ARGS=--help)
	@$(PY) bench/page.py $(BENCH_ARGS)

screens: $(VENV)/.development ## take pictures of the chat page into docs/screens/ (SCREENS_ARGS=--help)
	@$(PY) bench/screens.py $(SCREENS_ARGS)

prove: $(VENV)/.development ## break everything under load, and judge what clients saw (PROVE_ARGS=--help)
	@$(PY) -m prove $(PROVE_ARGS)

web: ## rebuild the chat page from web/src (needs Node 18 or newer)
	@command -v npm >/dev/null || { echo "make web needs Node.js 18 or newer with npm." >&2; exit 1; }
	cd web && npm ci --no-audit --no-fund && npm run build

lock: $(VENV)/.development ## pin all libraries with their hashes, from the requirements.in (LOCK_ARGS=--upgrade)
	@$(LOCK) deploy/requirements.in --output-file requirements.txt
	@$(LOCK) tests/requirements.in --output-file tests/requirements.txt

sbom: $(VENV)/.development ## write what runs as CycloneDX JSON (SBOM=file)
	@$(PY) deploy/sbom.py $(SBOM)

clean: ## delete the virtual environment and caches, never data/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis web/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is newer than what it was made from, so that a second run has nothing to do.
$(VENV)/.runtime: $(VENV)/.made requirements.txt
	@echo "Installing what the server needs (once)..."
	@$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.development: $(VENV)/.runtime tests/requirements.txt
	@echo "Installing what the tests and checks need (once)..."
	@$(INSTALL) -r tests/requirements.txt
	@touch $@

# An environment whose Python is gone or too old is made anew; one that works is kept.
WORKS := $(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))'
ifneq ($(shell $(WORKS) >/dev/null 2>&1 && echo yes),yes)
$(VENV)/.made: FORCE
endif
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "Recado needs Python 3.11 or newer. Here: $$($(PYTHON) --version 2>&1 | head -n 1)" >&2; \
	echo "Install one (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python)," >&2; \
	echo "or name it: make PYTHON=/path/to/python3 run" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) cannot make a virtual environment: its module venv or ensurepip is missing." >&2; \
	echo "Debian, Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@$(WORKS) 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@touch $@
