# The chores of the house. Every target sets up what it needs; nothing but Python 3.11+ is assumed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Tests are bound by waiting as much as by work: a few more processes than cores. 0 runs them one after the other.
# In the order of their folders: the slowest, which are of few tests, begin first, and quick unit tests fill the end.
TEST_PROCESSES ?= 3
# Each of hundreds of processes that the tests start would compile them anew, where Python was told to keep nothing.
PACKAGES := otelhouse ingest enrich identity store sql query sse_proxy mcp_server canary bench
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help up demo test tools lint bench chaos pages lock clean

help:            ## list the targets
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

$(VENV)/runtime.done: requirements/runtime.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("otelhouse needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --progress-bar on --require-hashes -r requirements/runtime.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.done: $(VENV)/runtime.done requirements/dev.txt
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

up: $(VENV)/runtime.done       ## set up and start everything on the embedded engine
	$(BIN)/otelhouse up

demo: $(VENV)/runtime.done     ## send a small shop's telemetry to a running `make up`
	$(BIN)/otelhouse demo

test: $(VENV)/dev.done         ## set up and run all tests
	$(BIN)/python -m compileall -q $(PACKAGES)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=loadfile --no-loadscope-reorder

tools: $(VENV)/dev.done        ## fetch and build what the tests need beside Python, one after the other
	$(BIN)/python tests/acceptance/fetch_tools.py

lint: $(VENV)/dev.done         ## ruff, mypy --strict, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.done        ## measure, and write bench/results/
	$(BIN)/otelhouse bench ingest
	$(BIN)/otelhouse bench spool
	$(BIN)/otelhouse bench embedded
	$(BIN)/otelhouse bench enrich
	$(BIN)/otelhouse bench agents

chaos: $(VENV)/dev.done        ## break things on purpose, and print what held (an hour)
	$(BIN)/otelhouse bench chaos

pages:           ## write again what is made of the code: pages of settings, questions and metrics, files of the chart
	$(BIN)/otelhouse config --format markdown > docs/settings.md
	$(BIN)/python -m query.reference > docs/questions.md
	$(BIN)/python -m bench.metrics_page > docs/metrics.md
	$(BIN)/python -m bench.chart_files

lock:            ## write requirements/*.txt again from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml requirements/build.in -o requirements/runtime.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev -c requirements/runtime.txt pyproject.toml requirements/build.in -o requirements/dev.txt
	$(BIN)/python -m bench.image_requirements

clean:           ## forget the virtual environment and the caches (data stays)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
