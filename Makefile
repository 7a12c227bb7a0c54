# make demo: set up, then run the main job on real data.   make test: set up, then pass the tests.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
PYTEST = $(PY) -m pytest -n 3 --dist loadfile
export PYTHONUTF8 = 1
START := $(shell date +%s)

.PHONY: demo test test-full coverage lint lab docs bench soak setup system lock environment clean
.DEFAULT_GOAL := help

help:
	@echo "make demo | test | test-full | coverage | lint | lab | docs | bench | soak"

.tools/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pforge_lab needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

# Compiled once: where PYTHONDONTWRITEBYTECODE is set, every process, each kernel too, would compile pandas anew
$(VENV)/.ready: requirements.lock pyproject.toml $(filter .tools/bin/uv,$(UV))
	@test -x $(PY) || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --python $(PY) --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(PY) --no-deps --editable .
	$(PY) -m compileall -q pforge_lab
	@touch $@

setup: $(VENV)/.ready

demo: setup
	$(PY) -m pforge_lab demo
	@echo "From the start of make to the last picture: $$(($$(date +%s) - $(START))) s."

# The servers and the browser that tests start; without them those tests are skipped, with the reason.
system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	   ! { command -v redis-server && command -v chromium && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1; then \
	   { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
	     redis-server postgresql chromium fonts-dejavu-core; } >/dev/null 2>&1 || \
	   echo "redis-server, postgresql and chromium could not be installed; their tests are skipped"; fi

test: setup system
	$(PYTEST) --durations=15 --durations-min=10

# The same, told which lines and branches no test reaches
coverage: setup system
	$(PYTEST) --cov --cov-report=term:skip-covered

test-full: setup system
	PFORGE_TEST_FULL=1 $(PYTEST) --timeout=3000

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/codespell

lab: setup
	$(PY) -m jupyter lab notebooks

docs: setup
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.ready-bench
	$(PY) -m tests.benchmarks

# The peers that benchmarks compare with, on top of what the tests need
$(VENV)/.ready-bench: $(VENV)/.ready requirements-bench.lock
	$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements-bench.lock
	@touch $@

COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --all-extras --python-version 3.11 pyproject.toml
# Ten minutes of threads and processes with kills, restarts, a full disk, damaged files and clocks that jump
soak: setup system
	$(PY) -m tests.soak

lock: $(filter .tools/bin/uv,$(UV))
	$(COMPILE) --group dev --output-file requirements.lock
	$(COMPILE) --group dev --group bench --constraint requirements.lock --output-file requirements-bench.lock

environment:
	$(PYTHON) .ci/environment.py

clean:
	rm -rf $(VENV) .tools
