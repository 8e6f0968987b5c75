# Each verb makes .venv when it is missing or older than pyproject.toml.

PYTHON ?= python3
BIN := .venv/bin
EXTRAS_all := all
EXTRAS_dev := all,dev
ARGS ?=
# Two files of tests at a time; `make test SIDE_BY_SIDE=` runs one after the other.
SIDE_BY_SIDE ?= -n 2 --dist loadfile
SECONDS ?= 600
CLIENTS ?= 200
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo up test unit integration lab chaos screenshots lint bench bench-overhead bench-gateway secrets pins deploy-check clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Options: PYTHON=python3.12 makes .venv with that Python; ARGS='-k ledger' goes on to pytest."

demo: .venv/.installed-all ## Start a stack, find defects on rendered plates, stop it; look into demo-output/
	$(BIN)/vedette demo --out demo-output

up: .venv/.installed-all ## Start Redis, workers and Flower on this machine; Ctrl-C stops them
	$(BIN)/vedette up

test: .venv/.installed-dev ## Run the tests: unit, real Redis, real workers, real TensorFlow
	$(BIN)/pytest tests/unit tests/integration $(SIDE_BY_SIDE) $(ARGS)

unit: .venv/.installed-dev ## Run the tests that need no Redis
	$(BIN)/pytest tests/unit $(SIDE_BY_SIDE) $(ARGS)

integration: .venv/.installed-dev ## Run the tests with a real Redis and real workers
	$(BIN)/pytest tests/integration $(SIDE_BY_SIDE) $(ARGS)

lab: .venv/.installed-dev ## Run the lab: small machines made by cgroups, and the kernel's kills; needs root
	$(BIN)/pytest tests/lab $(ARGS)

chaos: .venv/.installed-dev ## Break a fleet at random for SECONDS=600 under load, from SEED=1; every image must have one result
	$(BIN)/python -m tests.lab.chaos --seconds $(SECONDS) --seed $(SEED) $(ARGS)

screenshots: .venv/.installed-dev ## Take the pictures in docs/images: ARGS='pages terminal metrics'; needs Chromium, Prometheus
	$(BIN)/python -m docs.pictures $(ARGS)

lint: .venv/.installed-dev ## Check style, types, who imports whom, and docker-compose.yml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: .venv/.installed-dev ## Run the benchmarks, write docs/performance.md and its picture; ARGS=--peers: against other servers too
	$(BIN)/python -m benchmarks $(ARGS)

bench-overhead: .venv/.installed-dev ## Measure what Vedette itself costs, with a model that costs nothing
	$(BIN)/python -m benchmarks.overhead $(ARGS)

bench-gateway: .venv/.installed-dev ## Ask the gateway from CLIENTS=200 at once for SECONDS=600; prints answers, p50, p99 and its memory
	$(BIN)/python -m benchmarks.gateway --clients $(CLIENTS) --seconds $(SECONDS) $(ARGS)

secrets: ## Make .env and secrets/, which docker-compose.yml asks for; what is there stays
	@$(PYTHON) deploy/make_secrets.py

pins: .venv/.installed-dev ## Write deploy/constraints.txt: the images get the versions that are installed here
	$(BIN)/python deploy/pin.py > deploy/constraints.txt.new
	mv deploy/constraints.txt.new deploy/constraints.txt

deploy-check: .venv/.installed-dev ## Build the Dockerfile and start docker-compose.yml without an engine; needs root and debootstrap
	$(BIN)/python -m tests.deploy $(ARGS)

clean: ## Remove what the other verbs made, except .venv
	rm -rf build dist demo-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Vedette needs Python 3.11 or newer, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "Installing Vedette with [$(EXTRAS_$*)] into .venv; the first time takes some minutes (TensorFlow)."
	$(BIN)/pip install --quiet --editable '.[$(EXTRAS_$*)]'
	@touch $@
