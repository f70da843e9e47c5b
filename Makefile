# All that is made here goes to .venv and build, and the extensions beside their pure twins.
# PYTHON picks the interpreter when .venv is made; to change it later, make clean first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEER := tests/support/peers/node
PEERS := build/peers
AUTOBAHN := build/autobahn

SHEETS := ext/websockets/_core/compiled
CORE := setup.py pyproject.toml $(wildcard ext/*.* $(SHEETS)/*.pxd websockets/_core/*.py)

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_QUIET = 1

.PHONY: help demo test check coverage docs bench bench-quick bench-topics bench-micro bench-instructions \
	bench-peers packages sanitize fuzz concurrency soak autobahn autobahn-suite clean node-peer

# Shows this file's ## lines: a heading after ##@, and after a target what it does.
help:  ## list the targets (this list)
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-18s  %s\n", $$1, $$2 }' Makefile

##@ To begin with

demo: $(VENV)/demo $(VENV)/built  ## build, then show a server and a client at work, on both backends
	@$(BIN)/python examples/demo.py

test: $(VENV)/dev $(VENV)/built node-peer  ## build, then run the whole suite on both backends
	@$(BIN)/python tests/runs/both.py

##@ Speed

bench: $(VENV)/dev $(VENV)/built $(PEERS)/made  ## compare with other libraries: tables, charts; 40 minutes
	@$(BIN)/python -m benchmarks all

bench-quick: $(VENV)/dev $(VENV)/built  ## the essence of that, in two minutes
	@$(BIN)/python -m benchmarks quick

bench-topics: $(VENV)/dev $(VENV)/built $(PEERS)/made  ## compare topics with what others have, on Redis; five minutes
	@$(BIN)/python -m benchmarks topics

bench-micro: $(VENV)/dev $(VENV)/bench $(VENV)/built  ## measure the core's operations, on both backends, in one table
	@mkdir -p build/benchmarks
	@$(BIN)/python -m pytest benchmarks -q -o python_files='bench_*.py' \
		--benchmark-quiet --benchmark-json=build/benchmarks/micro.json
	@$(BIN)/python -m benchmarks micro build/benchmarks/micro.json

bench-instructions: $(VENV)/dev $(VENV)/built  ## count instructions and system calls for a message, with valgrind
	@$(BIN)/python -m benchmarks instructions

bench-peers: $(PEERS)/made  ## install the other libraries, in an environment of their own

##@ Correctness

check: $(VENV)/dev  ## check the style and the types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

coverage: $(VENV)/dev $(VENV)/built node-peer  ## run the suite on both backends, and show what it misses
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -m "not build and not programs"
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/coverage run -m pytest -q -m "not build and not programs"
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --show-missing --skip-covered --fail-under=100

docs: $(VENV)/docs  ## make the documentation, in build/docs; whatever is doubtful in it is an error
	@rm -rf build/docs build/doctrees
	@$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs
	@echo "open build/docs/index.html"

# Memory that extensions use is malloc's here, each byte of which the sanitizers watch; what a test
# prints isn't captured, because the report of a finding is the last that the process says.
SANITIZE := build/sanitize
ASAN = $(shell gcc -print-file-name=libasan.so)

sanitize: $(VENV)/dev  ## run the core's tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@test -f "$(ASAN)" || { echo "This needs gcc and its libasan, which aren't here."; exit 1; }
	@WEBSOCKETS_SANITIZE=1 WEBSOCKETS_REQUIRE_EXTENSIONS=1 CC=gcc \
		$(BIN)/python setup.py --quiet build --build-base=$(SANITIZE) --build-lib=$(SANITIZE)/lib
	@LD_PRELOAD="$(ASAN) $$(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		WEBSOCKETS_REQUIRE_EXTENSIONS=1 PYTHONPATH=$(SANITIZE)/lib \
		$(BIN)/pytest -q --capture=sys -k "not pure" -m "not build" --ignore=tests/project \
		$$(grep -lw -e core -e compiled_core -e _core -e from.links tests/*/test_*.py)

# A finding is written to build/fuzz, and so is what a run adds to the corpus of a target.
SECONDS = 60
TARGETS = $(notdir $(basename $(wildcard tests/runs/fuzz/[a-z]*.py)))

fuzz: $(VENV)/dev $(VENV)/built  ## fuzz what peers can reach, SECONDS=60 for each target
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install atheris || { \
		echo "Fuzzing needs atheris, which can't be installed for this Python."; exit 1; }
	@for target in $(TARGETS); do \
		$(BIN)/python tests/runs/fuzz $$target -max_total_time=$(SECONDS) || exit 1; \
	done

# What fails is kept in .hypothesis, and comes first the next time.
SCHEDULES = 5000

concurrency: $(VENV)/dev $(VENV)/built  ## play SCHEDULES=5000 random schedules of concurrent tasks
	@SCHEDULES=$(SCHEDULES) $(BIN)/python -m pytest -q tests/engine/test_concurrency.py
	@SCHEDULES=$(SCHEDULES) WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pytest -q \
		tests/engine/test_concurrency.py

soak: $(VENV)/dev $(VENV)/built  ## hold thousands of connections, good and bad, for SECONDS=60
	@$(BIN)/python tests/runs/soak.py $(SECONDS)

# Some: CASES='1.* 9.7.*', or RUNS='client pure' with these words in their names.
CASES = *
RUNS =

autobahn: $(VENV)/dev $(VENV)/built autobahn-suite  ## play the cases of Autobahn's test suite, CASES='*'; all take hours
	@$(BIN)/python tests/runs/autobahn --cases '$(CASES)' --runs '$(RUNS)'

autobahn-suite: $(AUTOBAHN)/made  ## install that test suite, which needs Python 2.7

# Some: PACKAGES='gql slack_sdk'. Each is installed in an environment of its own, once.
PACKAGES =

packages: $(VENV)/made $(VENV)/built  ## run packages that use websockets, unmodified, on this tree
	@$(BIN)/python tests/runs/packages.py $(PACKAGES)

##@ Every Python of this machine

.PHONY: test-all test-next wheels

# Some: PYTHONS='3.9 3.13', or their paths; SUITE='-q -k server', or other arguments of pytest. Wheels
# are made without the suite, but for a server and a client that talk, if SUITE is empty. BESIDE= leaves
# out the packages that are installed beside them.
test-all wheels: export PYTHONS ?=
test-all test-next wheels: export SUITE ?= -q

test-all: $(VENV)/made node-peer  ## run the suite on every CPython, or PYTHONS='3.9 3.13'
	@$(BIN)/python tests/runs/everywhere.py

test-next: export NEXT ?= 3.14
test-next:  ## run it on a Python that isn't here, NEXT=3.14, in a folder with a Debian; as root
	@$(PYTHON) tests/runs/next.py

wheels: $(VENV)/made  ## build wheels for them, and test those where they are installed
	@$(BIN)/python tests/runs/wheels.py

##@ The rest

clean:  ## remove everything that was made here
	rm -rf $(VENV) build dist *.egg-info $(PEER)/node_modules
	rm -rf .pytest_cache .hypothesis .benchmarks .mypy_cache .ruff_cache
	rm -f websockets/_core/compiled/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || { \
		echo "Python 3.9 or later is needed, which '$(PYTHON)' isn't."; \
		echo "If there is another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' doesn't work here."; \
		echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install 'setuptools>=77' 'Cython>=3.1'
	@touch $@

# Editable installations, so that the tree is what runs. The extensions are built apart, below.
$(VENV)/demo: $(VENV)/made pyproject.toml
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pip install --no-build-isolation -e '.[demo]'
	@touch $@

$(VENV)/dev: $(VENV)/made pyproject.toml
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pip install --no-build-isolation -e '.[dev]'
	@touch $@

# The newest versions there are; to get newer ones later, remove the folder.
$(PEERS)/made: benchmarks/peers.txt
	@echo "installing the libraries to compare with"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --upgrade -r $<
	@touch $@

# Python 2.7 gets its own last pip, whether it has one or not.
PYTHON2 = python2.7 $(wildcard $(HOME)/.pyenv/versions/2.7*/bin/python)

$(AUTOBAHN)/made: tests/runs/autobahn/suite.txt | $(VENV)/made
	@rm -rf $(AUTOBAHN)/suite $(AUTOBAHN)/python2
	@mkdir -p $(AUTOBAHN)
	@for python in $(PYTHON2); do \
		$$python -c 'import os, sys; assert sys.version_info[:2] == (2, 7); \
			os.symlink(sys.executable, sys.argv[1])' $(AUTOBAHN)/python2 2>/dev/null && break; \
	done; test -e $(AUTOBAHN)/python2 || { \
		echo "Autobahn's test suite needs Python 2.7, which isn't here."; \
		echo "If there is one: make autobahn PYTHON2=/path/to/python2.7"; \
		echo "Otherwise: pyenv install 2.7, or apt-get install python2.7 where that is to be had."; \
		exit 1; }
	@echo "installing Autobahn's test suite"
	@$(BIN)/python -m pip download -q --no-deps -d $(AUTOBAHN) pip==20.3.4
	@$(AUTOBAHN)/python2 $(AUTOBAHN)/pip-20.3.4-py2.py3-none-any.whl/pip install -q \
		--no-python-version-warning --target $(AUTOBAHN)/suite -r $<
	@touch $@

$(VENV)/docs: $(VENV)/made pyproject.toml
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pip install --no-build-isolation -e '.[docs]'
	@touch $@

$(VENV)/bench: $(VENV)/dev
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pip install --no-build-isolation -e '.[bench]'
	@touch $@

# A build that came out pure is tried again the next time: there may be a compiler then.
$(VENV)/built: $(VENV)/made $(CORE)
	@echo "building the extensions"
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@backend=$$($(BIN)/python -c 'from websockets import _core; print(_core.backend)') && \
		echo "the $$backend backend is there" && \
		{ test $$backend = pure || touch $@; }

# The tests that talk to this peer skip without it, so npm's absence or failure is no error here.
node-peer: $(PEER)/package.json  ## install what the tests with a peer in Node.js need
	@if ! command -v npm >/dev/null; then \
		echo "npm isn't here: tests with the Node.js peer will skip"; \
	elif ! test $(PEER)/node_modules/made -nt $<; then \
		npm install --prefix $(PEER) --silent --no-package-lock --no-audit --no-fund \
			--fetch-retries=1 && touch $(PEER)/node_modules/made || \
		echo "npm can't install the Node.js peer: tests with it will skip"; \
	fi
