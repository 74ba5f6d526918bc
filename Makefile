# make run and make test are all it takes; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run up down sam-local sam-local-open test test-slow test-all agreement versions soak mutation check lint types format template audit build lock clean bench bench-imports bench-cycle bench-compare cost

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/app ## everything on this machine: local cloud, simulated venues, one run, the report, the alerts
	@$(BIN)/trueup demo

up: .venv/app ## keep all of it running on its schedule
	@$(BIN)/trueup up

down: .venv/app ## stop what `make up` started
	@$(BIN)/trueup down

sam-local: .venv/app .venv-sam/sam ## one function in Docker, e.g. FUNCTION=PlanFunction EVENT=events/plan.json
	@$(BIN)/python -m local.sam --function "$(FUNCTION)" --event "$(EVENT)"

sam-local-open: .venv/app .venv-sam/sam ## all for `sam local invoke` by hand, until Ctrl-C (docs/sam-local.md)
	@$(BIN)/python -m local.sam --open

test: .venv/dev ## the tests that need nothing but this folder (under three minutes)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

test-slow: .venv/dev .venv-sam/sam ## the tests on the local cloud, and of the built layer
	@$(BIN)/python -m pytest -q -m slow

test-all: test test-slow ## all tests

agreement: .venv/dev ## the rules against their naive twin on COUNT observations (default 3000), from SEED (default 1)
	@$(BIN)/python -m tests.twin $(or $(COUNT),3000) --seed $(or $(SEED),1)

versions: .venv/dev ## the same corpus on every Python from 3.11 on that is here, and on 32-bit WebAssembly in node
	@$(BIN)/python -m tests.versions

soak: .venv/dev ## RUNS runs (default 400) while venues and AWS fail at random, judged against the truth, from SEED
	@$(BIN)/python -m tests.soak --runs $(or $(RUNS),400) $(if $(SEED),--seed $(SEED))

mutation: .venv-mutation/mutation ## break the rules in every small way and list what no test notices (docs/mutation.md), in MODULES
	@PYTHONHASHSEED=0 .venv-mutation/bin/python -m tests.mutation $(MODULES)

check: lint types template ## all checks that are not tests

lint: .venv/dev ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/dev ## mypy, strict
	@$(BIN)/mypy

format: .venv/dev ## put the code into its format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

template: .venv/dev .venv-sam/sam .venv-checkov/checkov ## lint the template, also for security
	@$(BIN)/cfn-lint template.yaml
	@SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 .venv-sam/bin/sam validate --lint --template template.yaml
	@.venv-checkov/bin/checkov --file template.yaml --framework cloudformation --skip-download --quiet --compact

audit: .venv/dev ## ask for known vulnerabilities of every package in every lock
	@$(BIN)/python scripts/audit.py

build: .venv-sam/sam ## build what is deployed: sam build
	@find functions -name __pycache__ -prune -exec rm -rf {} +
	@SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam build
	@if find .aws-sam/build/SharedLayer -name '*.cpython-313.pyc' | grep -q .; then \
		echo "The layer carries byte code for the runtime."; \
	else \
		echo "The layer carries no byte code: there is no python3.13 here. Cold starts take about three times as long."; \
		echo "Name one to change that: make build RUNTIME_PYTHON=/path/to/python3.13"; \
	fi

bench: bench-imports bench-cycle bench-compare cost ## measure: all of the four below

bench-imports: .venv/dev .venv-bench/bench ## what a cold start imports, against the same on ccxt
	@$(BIN)/python -m bench.imports

bench-cycle: .venv/dev ## a run over ten accounts at slow venues, against a run over one
	@$(BIN)/python -m bench.cycle

bench-compare: .venv/dev .venv-bench/bench ## a million lines with exact decimals, against datacompy (about ten minutes)
	@$(BIN)/python -m bench.compare

cost: .venv/dev ## count what runs use, and print what that costs a month
	@$(BIN)/python -m bench.cost

lock: .venv/dev ## pin the newest versions the .in files allow, with hashes
	@scripts/lock.sh

clean: ## remove everything that was made here
	rm -rf .venv .venv-sam .venv-checkov .venv-bench .venv-mutation .pyodide .aws-sam .trueup .mypy_cache .ruff_cache .hypothesis *.egg-info

.venv/app: requirements/pip.txt requirements/app.txt pyproject.toml
	@scripts/environment.sh .venv requirements/app.txt install-project
	@touch $@

.venv/dev: requirements/pip.txt requirements/dev.txt pyproject.toml
	@scripts/environment.sh .venv requirements/dev.txt install-project
	@touch .venv/app $@

.venv-sam/sam: requirements/pip.txt requirements/sam.txt
	@scripts/environment.sh .venv-sam requirements/sam.txt
	@touch $@

.venv-checkov/checkov: requirements/pip.txt requirements/checkov.txt
	@scripts/environment.sh .venv-checkov requirements/checkov.txt
	@touch $@

.venv-bench/bench: requirements/pip.txt requirements/bench.txt
	@scripts/environment.sh .venv-bench requirements/bench.txt
	@touch $@

.venv-mutation/mutation: requirements/pip.txt requirements/mutation.txt
	@scripts/environment.sh .venv-mutation requirements/mutation.txt
	@touch $@
