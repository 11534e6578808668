# Two commands are the whole promise: `make run` and `make test`, on a machine that has
# git, make and Python 3.11, and nothing else.  `make help` lists the rest.

DATA_DIR ?= data
PORT ?= 8700
# Most of a test's time is spent waiting for a real server, so there are more workers than cores.
TEST_WORKERS ?= 4
RUN_ARGS ?=
PYTEST_ARGS ?=
CAMPAIGN_ARGS ?=
VERSUS_ARGS ?=

BIN := .venv/bin
# Its age says whether .venv still is what pyproject.toml and uv.lock ask for.
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint format bench campaign versus docs fresh

help: ## list these verbs
	@echo "usage: make VERB"
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

setup: $(READY) ## make .venv what uv.lock says (every other verb does it first)

run: $(READY) ## serve on PORT (8700), keeping everything in DATA_DIR (data); RUN_ARGS adds options
	@exec $(BIN)/memstored serve --port "$(PORT)" --data-dir "$(DATA_DIR)" $(RUN_ARGS)

demo: $(READY) ## show the service at work: create, fill, kill, fail over, heal
	@exec $(BIN)/memstored demo

test: $(READY) ## run every test; PYTEST_ARGS narrows, TEST_WORKERS (4) sets how many at once
	@scripts/setup redis
	@scripts/setup prometheus
	@scripts/setup chromium
	@scripts/setup engines
	@scripts/setup s3
	@scripts/setup clients
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

lint: $(READY) ## check style, types, the layering of imports and the lock file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check
	scripts/setup uv lock --check

format: $(READY) ## rewrite the sources in the project's style
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## measure, and write the figures to bench/results
	@$(BIN)/python bench/run.py

campaign: $(READY) ## strike sets with faults under load, check every promise; CAMPAIGN_ARGS=--help tells more
	@scripts/setup redis
	@cd bench && exec ../$(BIN)/python -m campaign $(CAMPAIGN_ARGS)

versus: $(READY) ## compare failover with tuned Redis Sentinels under the same load; VERSUS_ARGS
	@scripts/setup redis
	@cd bench && exec ../$(BIN)/python -m versus $(VERSUS_ARGS)

docs: $(READY) ## write the generated parts of docs
	@$(BIN)/python scripts/docs.py

fresh: ## prove run and test on a bare Debian 12, as root and as an ordinary user (needs root)
	@scripts/fresh

$(READY): pyproject.toml uv.lock scripts/setup
	@scripts/setup
	@touch $@
