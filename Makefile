# One command for each thing one does with this project; `make help` lists them.
PYTHON ?= python3
SETTINGS ?= default
VENV := .venv
INSTALLED := $(VENV)/.installed
NODE_MODULES := node_modules/.package-lock.json
READY := $(INSTALLED) $(NODE_MODULES)
# Node and npm come from a wheel in the virtual environment; cdk from package-lock.json.
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo local-aws test test-s3 test-head test-kernel lint types check format synth diff bootstrap deploy \
	destroy snapshots schema instance-types lock lock-image bench bench-synth bench-head bench-scale bench-disk bench-s3 bench-boot \
	clean clean-docker

help: ## Lists these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## Makes the virtual environment and installs the cdk CLI
$(INSTALLED): requirements.lock requirements.txt requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or say PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older: say PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is incomplete: install it (Debian: apt-get install python3-venv)"; exit 2; }
	@echo "Setting up $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

$(NODE_MODULES): package-lock.json | $(INSTALLED)
	@npm ci --silent
	@touch $@

demo: $(READY) ## Deploys the workshop's settings onto a local AWS and runs hello there
	@python -m local_aws.demo

local-aws: $(READY) ## Runs a local AWS until Ctrl-C, for cdk, aws and Nextflow
	@python -m local_aws

test: $(READY) ## Runs the tests that need no special machine
	@python -m assets.go_program >/dev/null
	python -m pytest -n 2

test-s3: $(READY) ## Every form of the tasks' S3 client against the AWS CLI, versions 1 and 2
	@python -m assets.go_program >/dev/null
	python -m pytest -n 2 -m "s3 or not s3" tests/test_task_s3*.py

test-head: $(READY) ## Runs the head through losses and faults with a real Nextflow; needs Docker
	python -m pytest -m scenario tests/test_head_scenarios.py tests/test_head_spot.py tests/test_head_nf_core.py

test-kernel: $(READY) ## Boots, grows and reboots a worker on a real kernel; needs QEMU and, once, root
	python -m pytest -n 2 -m kernel tests/test_kernel.py tests/test_kernel_starts.py

lint: $(READY) ## Format and lint
	ruff format --check .
	ruff check .
	hadolint docker/nextflow/Dockerfile
	@odd=$$("$$(go env GOROOT)/bin/gofmt" -l assets benchmarks) && test -z "$$odd" || { echo "gofmt: $$odd"; exit 1; }
	go vet -C assets/aws_client ./...
	go vet -C assets/task_s3 ./...

types: $(READY) ## Static types
	mypy

check: lint types test synth ## Everything that must hold before a commit

format: $(READY) ## Formats and mends what can be mended
	ruff check --fix .
	ruff format .

synth: $(READY) ## Writes the templates of SETTINGS to cdk.out/
	cdk synth --quiet --context settings=$(SETTINGS) --output cdk.out

diff: $(READY) ## What a deploy of SETTINGS would change
	@python -m stacks.difference --context settings=$(SETTINGS)

bootstrap: $(READY) ## Prepares the account and region of your credentials for the CDK
	cdk bootstrap --context settings=$(SETTINGS)

deploy: $(READY) ## Deploys SETTINGS to the account of your credentials
	cdk deploy --all --context settings=$(SETTINGS)

destroy: $(READY) ## Takes SETTINGS away again; what is retained stays
	cdk destroy --all --context settings=$(SETTINGS)

snapshots: $(READY) ## Accepts changed templates; read the difference first
	python -m pytest tests/test_app.py --snapshot-update

schema: $(READY) ## Writes settings/schema.json for editors
	python -m stacks.schema > settings/schema.json

instance-types: $(READY) ## Renews the table of instance types from the EC2 of your credentials
	python -m stacks.instance_types

lock: $(READY) ## Pins the newest versions that the requirements allow
	pip install --quiet uv
	grep -v '^-c' requirements-dev.txt | uv pip compile - --universal --python-version 3.11 \
		--no-header --no-annotate --no-emit-package nextflow-batch --output-file requirements.lock

lock-image: ## Locks the head image's base, Nextflow and plugins by checksum; needs the internet
	$(PYTHON) docker/nextflow/image_lock.py

bench: bench-synth bench-head bench-disk bench-s3 bench-boot ## All benchmarks
bench-synth: $(READY) ## cdk synth against an app with one bucket
	python -m benchmarks.synth

bench-head: $(READY) ## The head against Nextflow alone; needs Docker and a Nextflow as test-head does
	python -m benchmarks.head

bench-scale: $(READY) ## TASKS (10,000) tasks that do nothing, by the head and by Nextflow alone; needs the same
	python -m benchmarks.scale

bench-disk: $(READY) ## The daemon that grows scratch against fixed thresholds, in pretended time
	PYTHONPATH=assets/worker python -m benchmarks.disk

bench-s3: $(READY) ## The tasks' S3 client against the bare SDK, and the AWS CLI 2, s5cmd, rclone and curl where they are
	python -m benchmarks.s3

bench-boot: $(READY) ## A worker from its kernel to its agent, by step; needs QEMU as test-kernel does
	python -m benchmarks.boot

clean-docker: ## Removes the images that the demo and the tests left in the Docker engine
	docker images --format '{{.Repository}}:{{.Tag}}' \
		| grep -E '^(nextflow-batch/|local-aws-|123456789012\.dkr\.ecr\.)' | xargs --no-run-if-empty docker rmi

clean: ## Removes what was generated
	rm -rf build cdk.out .mypy_cache .pytest_cache .ruff_cache
