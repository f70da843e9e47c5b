# Everything is kept in .venv and build/. PYTHON=... picks the interpreter, 3.9 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEER := tests/peers/node

CORE := setup.py pyproject.toml $(wildcard ext/*.* ext/websockets/_core/compiled/*.pxd websockets/_core/*.py)

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_QUIET = 1

.PHONY: help demo test bench clean

help:  ## list the targets (this list)
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

demo: $(VENV)/demo $(VENV)/built  ## build, then show server and client at work, on both backends
	@$(BIN)/python examples/demo.py

test: $(VENV)/dev $(VENV)/built node-peer  ## build, then run the whole suite on both backends
	@$(BIN)/python -m pytest
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pytest -m "not build"

bench: $(VENV)/dev $(VENV)/built  ## measure; benchmarks/README.md says what and how
	@$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' --benchmark-group-by=group --benchmark-columns=min,median,ops

clean:  ## remove everything that was made here
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .benchmarks $(PEER)/node_modules
	rm -f websockets/_core/compiled/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || { \
		echo "Python 3.9 or later is needed; '$(PYTHON)' isn't. Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' doesn't work here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install 'setuptools>=77' 'Cython>=3.1'
	@touch $@

# An editable installation, so that the tree is what runs. The extensions are built below.
$(VENV)/demo: $(VENV)/made pyproject.toml
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pip install --no-build-isolation -e '.[demo]'
	@touch $@

$(VENV)/dev: $(VENV)/made pyproject.toml
	@WEBSOCKETS_NO_EXTENSIONS=1 $(BIN)/python -m pip install --no-build-isolation -e '.[dev]'
	@touch $@

$(VENV)/built: $(VENV)/made $(CORE)
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@$(BIN)/python -c 'from websockets import _core; print("websockets: the", _core.backend, "backend is built")'
	@touch $@

# The tests that need the peer skip without it, so npm's absence or failure is no error here.
.PHONY: node-peer
node-peer: $(PEER)/package.json
	@if command -v npm >/dev/null; then \
		test $(PEER)/node_modules/ws/package.json -nt $< || \
		{ npm install --prefix $(PEER) --silent --no-package-lock --no-audit --no-fund --fetch-retries=1 \
		&& touch $(PEER)/node_modules/ws/package.json; } || echo "npm could not install the Node.js peer; its tests will skip"; \
	else echo "npm isn't installed; the tests with the Node.js peer will skip"; fi
