# One command for each thing one does with this project; `make help` lists them.
PYTHON ?= python3
SETTINGS ?= default
VENV := .venv
BIN := $(VENV)/bin
# Node and npm come from a wheel in the virtual environment; cdk from package-lock.json.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

READY := $(VENV)/.ready

.PHONY: help demo test check synth lock clean
help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements.lock requirements.txt requirements-dev.txt pyproject.toml package-lock.json
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	npm ci --silent
	@touch $@

test: $(READY) ## Runs the tests that need no special machine
	$(BIN)/python -m pytest

synth: $(READY) ## Writes the templates of SETTINGS to cdk.out/
	cdk synth --quiet -c settings=$(SETTINGS) --output cdk.out
