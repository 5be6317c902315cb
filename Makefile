# Two commands are all a new user needs: `make run` and `make test`. Debian: apt install gcc make python3-dev python3-venv.
# Stamps in build/ make every step incremental; `make clean` forgets them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check -q
STEP := .ci/step
JOBS ?= $(shell nproc)
WORKERS ?= 2
DATA ?=
ARGS ?=

NATIVE := $(wildcard native/kairos_native/*.pyx native/kairos_native/*.pxd native/kairos_native/*.pxi native/kairos_native/*.h)
DOORS := $(wildcard tests/doors/*.pyx tests/doors/*.pxd tests/doors/*.h)
SETTINGS := pyproject.toml clients/python/pyproject.toml
# Of packages that are used to build; pyproject.toml names the same versions, which tests/tidy compares.
BUILD_TOOLS := setuptools==84.2.1 wheel==0.48.0 cython==3.3.1

.PHONY: help build run test tidy proto bench loadtest fuzz crash attack soak demo debug clean

help: ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: build/native.stamp ## install what the server needs and compile the core

run: build ## start a server in the foreground; ARGS="--grpc 127.0.0.1:50052 …"
	@exec $(PYTHON) -m kairos_server serve $(ARGS)

test: build/native.stamp build/doors.stamp build/test.stamp ## run all tests; ARGS="-k name" to choose
	@$(PYTHON) -m pytest -q -n $(WORKERS) $(ARGS)

tidy: build/native.stamp build/test.stamp ## lint, types, floors, sizes, generated files
	@$(STEP) "ruff" $(VENV)/bin/ruff check .
	@$(STEP) "mypy" $(VENV)/bin/mypy server/kairos_server clients/python/kairos/__init__.py $(wildcard loadtest/*.py loadtest/*/)
	@$(STEP) "pyright" $(VENV)/bin/pyright
	@$(STEP) "floors of Python" $(VENV)/bin/lint-imports
	@$(PYTHON) -m pytest -q tests/tidy

proto: build/native.stamp build/test.stamp ## generate clients/python/kairos and docs/reference from proto/
	@$(STEP) "messages and stubs" $(PYTHON) tests/tidy/protos.py generate
	@$(STEP) "reference" $(PYTHON) tests/tidy/api_reference.py generate

bench: build/native.stamp build/doors.stamp build/test.stamp ## measure the figures into build/bench.json
	@$(PYTHON) -m tests.bench $(ARGS)

loadtest: build/native.stamp build/test.stamp ## open-loop load against a server of its own, with thresholds
	@PYTHONPATH=loadtest $(PYTHON) -m kairos_loadtest $(ARGS)

fuzz: ## random and mutated bytes into the wire scanner under sanitizers; LENGTH=300 (seconds)
	@tests/fuzz/run_wire.sh $(or $(LENGTH),300)

attack: build/native.stamp build/test.stamp ## hostile bytes on the gRPC port, each many times
	@KAIROS_ATTACK_COUNT=$(or $(COUNT),50) $(PYTHON) -m pytest -q tests/attack $(ARGS)

crash: build/native.stamp build/test.stamp ## kill servers at random moments and check that nothing acknowledged is lost
	@$(PYTHON) -m pytest -q tests/crash $(ARGS)

soak: build/native.stamp build/test.stamp ## mixed load for long, with the thresholds of loadtest; LENGTH=3600 (seconds)
	@PYTHONPATH=loadtest $(PYTHON) -m kairos_loadtest mixed --seconds $(or $(LENGTH),3600) $(ARGS)

demo: build ## send a whole event stream; DATA=folder for the public data sets
	@exec $(PYTHON) -m kairos_server.demo $(if $(DATA),--data $(DATA)) $(ARGS)

debug: build/run.stamp ## compile the core with checks and the sanitizer; then test with UBSAN_OPTIONS=halt_on_error=1
	@KAIROS_DEBUG=1 $(STEP) "core with checks" $(PYTHON) setup.py -q build_ext --inplace --force -j $(JOBS)
	@rm -f build/native.stamp

clean: ## remove everything that was built; data stays
	@rm -rf build dist *.egg-info server/*.egg-info clients/python/*.egg-info clients/python/build
	@find native tests/doors -name '*.so' -delete
	@find native tests/doors -name '*.pyx' | sed 's/pyx$$/c/' | xargs -r rm -f
	@find server native clients tests loadtest -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kairos: Python 3.11 or later is needed" >&2; exit 1; }
	@$(STEP) "virtual environment" python3 -m venv $(VENV)

# KAIROS_CORE=0: the editable install leaves the core to the next step, which compiles only what changed.
build/run.stamp: $(SETTINGS) | $(VENV)/bin/python
	@mkdir -p build
	@$(STEP) "build tools" $(PIP) install $(BUILD_TOOLS)
	@KAIROS_CORE=0 $(STEP) "packages of the server" $(PIP) install --no-build-isolation -e clients/python -e .
	@touch $@

build/test.stamp: $(SETTINGS) clients/python/generator.txt build/run.stamp
	@KAIROS_CORE=0 $(STEP) "packages of the tests" $(PIP) install --no-build-isolation -e clients/python -e '.[test]'
	@$(STEP) "compiler of the contract" $(PYTHON) tests/tidy/protos.py prepare
	@touch $@

build/native.stamp: $(NATIVE) setup.py build/run.stamp
	@$(STEP) "native core" $(PYTHON) setup.py -q build_ext --inplace -j $(JOBS)
	@touch $@

build/doors.stamp: $(DOORS) $(NATIVE) tests/doors/setup.py build/run.stamp
	@$(STEP) "test doors" $(PYTHON) tests/doors/setup.py -q build_ext --inplace -j $(JOBS)
	@touch $@
