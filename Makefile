# make run and make test are all it takes; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run up down test test-slow test-all check lint types format template build lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/app ## everything on this machine: local cloud, simulated venues, one run, the report, the alerts
	@$(BIN)/trueup demo

up: .venv/app ## keep all of it running on its schedule
	@$(BIN)/trueup up

down: .venv/app ## stop what `make up` started
	@$(BIN)/trueup down

test: .venv/dev ## the tests that need nothing but this folder (under three minutes)
	@$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-slow: .venv/dev .venv-sam/sam ## the tests on the local cloud, and of the built layer
	@$(BIN)/python -m pytest -q -m slow

test-all: test test-slow ## all tests

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

build: .venv-sam/sam ## build what is deployed: sam build
	@find functions -name __pycache__ -prune -exec rm -rf {} +
	@SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam build

lock: .venv/dev ## pin the newest versions the .in files allow, with hashes
	@scripts/lock.sh

clean: ## remove everything that was made here
	rm -rf .venv .venv-sam .venv-checkov .aws-sam .trueup .mypy_cache .ruff_cache .hypothesis *.egg-info

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
