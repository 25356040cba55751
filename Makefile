# Everything one does with this project. `make` alone lists the targets.
#
# Each stamp file stands for "this was installed from that version of its sources"; a target that needs
# an installation depends on its stamp, so the second run costs nothing.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
PEERS   := .peers
PIP     := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
PYTEST  := $(BIN)/python -m pytest
PYTEST_ARGS ?=
# A test file stays in one process: its tests may share what took long to start.
IN_PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile

# The trees that exist, in the order in which a reader meets them.
TREES   := $(wildcard zerorpc zerorpc_commands daemons demo benchmarks fuzz tests)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo run-hub test test-main test-others system peers soak lint type bench fuzz docs check clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: $(VENV)/.stamp ## make .venv with the library, its commands and the development tools

$(VENV)/.stamp: pyproject.toml .ci/make-venv
	@echo "installing into $(VENV), which takes a minute"
	@.ci/make-venv "$(PYTHON)" $(VENV)
	$(PIP) --editable '.[daemons,dev]'
	@touch $@

$(VENV)/.stamp-%: $(VENV)/.stamp
	$(PIP) --editable '.[$*]'
	@touch $@

demo: install ## show the library and the hub at work in half a minute, checking each step
	$(BIN)/python -m demo.demo

run-hub: install ## run the hub of deploy/hub.yml, until Ctrl-C
	$(BIN)/zerorpc-hub deploy/hub.yml

test: test-others test-main ## run the fast half on every other Python found, then the whole suite

test-main: install system peers
	$(PYTEST) $(IN_PARALLEL) $(PYTEST_ARGS)

test-others: install
	.ci/test-other-pythons $(IN_PARALLEL)

system: ## install the programs that tests talk to (as root on Debian; elsewhere says what is missing)
	@.ci/system-programs

# The installer keeps its own stamps, one for each peer, and returns at once where they fit.
peers: system ## install stock zerorpc and zerorpc-node for the interoperability tests
	@PYTHON="$(PYTHON)" sh tests/interop/peers/install.sh $(PEERS)

soak: install ## run fault, load and size tests at full length
	$(BIN)/python -m tests.soak

lint: install ## check style and format
	$(BIN)/ruff check $(TREES)
	$(BIN)/ruff format --check $(TREES)

type: install ## check types
	$(BIN)/mypy $(TREES)

bench: install peers ## measure side by side with other libraries (BENCH=tiny for a glance)
	@PYTHON="$(PYTHON)" sh benchmarks/peers/install.sh $(PEERS)
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.stamp-fuzz ## feed the parsers garbage, guided by coverage (FUZZ_SECONDS=N for each)
	$(BIN)/python -m fuzz

docs: install ## run every command and snippet of README.md and docs/
	$(PYTEST) tests/docs $(IN_PARALLEL) $(PYTEST_ARGS)

check: lint type test ## all that a change must pass

clean: ## remove everything that was built or installed
	rm -rf .venv .venv-* $(PEERS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
