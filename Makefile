# The commands of this project; `make help` lists them.
PYTHON ?= python3
PORT ?= 4566
SETTINGS ?= default
VENV := .venv
# Node and npm come from a wheel in the virtual environment; cdk from package-lock.json.
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# macOS's make 3.81 starts simple commands without that PATH, unless SHELL is set.
SHELL := /bin/bash

# Caches go below build/ if the user's cache folder is not writable.
CACHE := $(or $(XDG_CACHE_HOME),$(if $(HOME),$(HOME)/.cache))
ifneq ($(shell test -n "$(CACHE)" && mkdir -p "$(CACHE)" 2>/dev/null && test -w "$(CACHE)" && echo yes),yes)
  export XDG_CACHE_HOME := $(CURDIR)/build/cache
  export GOMODCACHE := $(XDG_CACHE_HOME)/go-mod
  export npm_config_cache := $(XDG_CACHE_HOME)/npm
  export CDK_HOME := $(XDG_CACHE_HOME)/cdk
endif

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help python setup setup-demo demo local-aws test test-transitions test-bare test-s3 test-head test-kernel lint types check format synth \
	diff review pipeline-roles actionlint deployer-policy bootstrap deploy renew destroy snapshots schema pictures audit permissions record-calls instance-types prices copy-references lock lock-image sbom bench bench-synth bench-head \
	bench-scale bench-disk bench-s3 bench-boot bench-first-run bench-cli clean clean-docker

help: ## Shows these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

python:
	@command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or newer is needed: install it, or set PYTHON=/path/to/python3"; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older: set PYTHON=/path/to/python3.11"; exit 2; }

setup: python ## Creates the virtual environment and installs the cdk CLI
	@"$(PYTHON)" installation.py everything cdk

setup-demo: python
	@"$(PYTHON)" installation.py demo

demo: setup-demo ## Deploys the workshop's settings onto a local AWS and runs hello there
	@python -m local_aws.demo

local-aws: setup-demo ## Runs a local AWS until Ctrl-C, for cdk, aws and Nextflow; PORT=0 uses any free port
	@python -m local_aws --port $(PORT)

test: setup ## Runs the tests that need no special machine
	@python -m assets.go_program >/dev/null
	python -m pytest -n 4

test-bare: setup ## Runs demo and tests as an ordinary user on bare Debians 12 and 13; needs root, debootstrap
	.ci/bare bookworm 022 "nextflow" "make demo && make test"
	.ci/bare trixie 002 "a new place" "make demo && make test"
	@# A home that cannot be written to, then none; pip and cdk without make.
	.ci/bare trixie 022 "no home" "make synth && env -u HOME make synth" \
		HOME=/usr GOCACHE=/home/newcomer/.cache/go-build
	.ci/bare trixie 022 "no make" 'python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt \
		&& PATH="$$PWD/.venv/bin:$$PATH" npm ci --silent \
		&& PATH="$$PWD/.venv/bin:$$PATH" npx cdk synth --quiet -c settings=default'

test-s3: setup ## Compares the tasks' S3 client with the AWS CLI, versions 1 and 2
	@python -m assets.go_program >/dev/null
	python -m pytest -n 2 -m "s3 or not s3" tests/test_task_s3*.py

test-head: setup ## Tests the head with a real Nextflow, lost hosts and faults; needs Docker
	python -m pytest -m scenario tests/test_head_scenarios.py tests/test_head_spot.py tests/test_head_deployment.py tests/test_head_nf_core.py \
		tests/test_head_shares.py tests/test_enforced_runs.py tests/test_head_smoke.py

test-transitions: setup ## Deploys each change of one setting onto the local AWS, and takes it back
	python -m pytest -m transitions tests/test_transitions.py tests/test_transitions_cli.py

test-kernel: setup ## Boots, grows and reboots a worker on a real kernel; needs QEMU and, once, root
	python -m pytest -n 2 -m kernel tests/test_kernel.py tests/test_kernel_starts.py

lint: setup ## Checks format and style
	ruff format --check .
	ruff check .
	hadolint docker/nextflow/Dockerfile
	@odd=$$("$$(go env GOROOT)/bin/gofmt" -l assets benchmarks) && test -z "$$odd" || { echo "gofmt: $$odd"; exit 1; }
	@# As they are built: with other flags, Go compiles AWS's SDK anew, which takes minutes.
	export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-mod=readonly -trimpath"; \
		go vet -C assets/aws_client ./... && go vet -C assets/task_s3 ./...

types: setup ## Checks static types
	mypy
	@python -m assets.go_program >/dev/null
	python -m pytest -m types tests/test_examples.py

check: lint types test synth ## Runs everything that must pass before a commit

format: setup ## Formats, and fixes what can be fixed automatically
	ruff check --fix .
	ruff format .

synth: setup ## Writes the templates of SETTINGS to cdk.out/
	cdk synth --quiet --context settings=$(SETTINGS) --output cdk.out

setting = $$(python -c 'from stacks import paths, settings_file; print(settings_file.read(paths.SETTINGS, "$(SETTINGS)").$(1))')

diff: setup ## Shows what a deploy of SETTINGS would change, and what it would do to jobs that run
	@cdk synth --quiet --context settings=$(SETTINGS) --output build/assembly
	@python -m stacks.difference --app build/assembly
	@python -m stacks.deploy build/assembly --plan

review: setup ## Prints the difference as a comment for a pull request; fails if data is replaced, unless REPLACE_DATA=1
	@python -m stacks.review $(SETTINGS)

pipeline-roles: setup ## Prints the roles that GitHub's workflow of REPOSITORY=OWNER/NAME assumes, as JSON
	@python -m audit.pipeline $(SETTINGS) "$(REPOSITORY)" $(or $(ENVIRONMENT),production)

# Nothing else needs it: its own modules are fetched and checked by their hashes.
actionlint: setup ## Checks the workflow of GitHub Actions
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.7

deployer-policy: setup ## Prints the least policies of the role that deploys SETTINGS, as JSON
	@python -m audit.deployer $(SETTINGS)

bootstrap: setup ## Prepares the account and region of your credentials for the CDK
	cdk bootstrap --context settings=$(SETTINGS)

deploy: setup ## Deploys SETTINGS to the account of your credentials; GO_ON=1 also if jobs run that it holds or ends
	@python -m stacks.head_image
	@cdk synth --quiet --context settings=$(SETTINGS) --output build/assembly
	@python -m stacks.deploy build/assembly $(if $(GO_ON),--go-on)

renew: deploy ## Deploys SETTINGS, with the workers' programs, and renews AMIs where no job runs; for a schedule
	@nfbatch workers --renew --region "$(call setting,region)" --deployment "$(call setting,deployment)"

destroy: setup ## Destroys the stacks of SETTINGS and lists what stays; REMOVE=yes removes that, but no data
	cdk destroy --all --context settings=$(SETTINGS)
	@echo "What destroyed deployments have left; images of heads: docs/operations.md#what-stays-after-make-destroy"
	@nfbatch leftovers $(if $(filter yes,$(REMOVE)),--remove) \
		--region "$(call setting,region)"

snapshots: setup ## Accepts changed templates; review the difference first
	python -m pytest tests/test_app.py --snapshot-update

pictures: setup ## Draws the commands of nfbatch in a terminal: build/pictures, and docs/pictures
	python -m tests.pictures

permissions: setup ## Writes the generated part of docs/permissions.md, from policies and recorded calls
	PYTHONPATH=assets/worker python -m testbed.permissions_table

record-calls: setup ## Records what each role needs in runs of a real Nextflow; needs the same as test-head
	RECORD_CALLS=1 python -m pytest -m scenario tests/test_enforced_runs.py

schema: setup ## Writes settings/schema.json (for editors), docs/settings.md, docs/audit.md and docs/dashboard.svg
	python -m stacks.schema > settings/schema.json
	python -m stacks.settings_table > docs/settings.md
	python -m audit.page > docs/audit.md
	python -m testbed.dashboard_picture

audit: setup build/checkov/installed ## Holds all templates, or those of SETTINGS, against rule packs and linters
	@python -m audit $(if $(filter file,$(origin SETTINGS)),,$(SETTINGS))

# 300 MB that nothing else needs, and packages that would hold back others.
build/checkov/installed: requirements-audit.txt
	@echo "… Installing checkov"
	@rm -rf build/checkov && python -m venv build/checkov
	@build/checkov/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

prices: setup ## Refreshes the prices that synth shows from AWS's public price list, for REGION
	python -m stacks.prices $(or $(REGION),us-west-2)

copy-references: setup ## Copies references of another region into the bucket once: FROM=s3://BUCKET/PREFIX
	PYTHONPATH=cli python -m nfbatch copy-references $(FROM)

instance-types: setup ## Updates the table of instance types from EC2, with your credentials
	python -m stacks.instance_types

sbom: setup build/syft/syft ## Lists all components of the head image in build/head.cdx.json; IMAGE= for a built one
	@$(if $(IMAGE),docker image inspect "$(IMAGE)" >/dev/null 2>&1 || { echo "IMAGE: $(IMAGE) is not allowed: must be an image of the Docker engine (docker images)"; exit 2; }, \
		docker build --tag nextflow-batch/head:sbom docker/nextflow)
	@SYFT_CHECK_FOR_APP_UPDATE=false build/syft/syft scan --quiet "docker:$(or $(IMAGE),nextflow-batch/head:sbom)" \
		--select-catalogers +sbom-cataloger,-file --output cyclonedx-json=build/head.cdx.json
	@echo "✓ build/head.cdx.json"

# Not for the workers: only go.mod pins it, and go.sum has the checksums.
build/syft/syft: audit/sbom/go.mod audit/sbom/go.sum
	@echo "… Building Syft (once, about five minutes of CPU time)"
	@version=$$(go list -C audit/sbom -m -f '{{.Version}}' github.com/anchore/syft) \
		&& CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly go build -C audit/sbom -trimpath -buildvcs=false \
			-ldflags "-s -w -X main.version=$$version" -o "$(CURDIR)/$@" github.com/anchore/syft/cmd/syft
	@touch $@

lock: setup ## Pins the newest versions that pyproject.toml allows, with hashes for all platforms
	pip install --quiet --require-hashes --requirement requirements-installer.txt
	$(COMPILE) --upgrade --group installer --output-file requirements-installer.txt
	$(COMPILE) --upgrade --group audit --output-file requirements-audit.txt
	$(COMPILE) --upgrade --group dev pyproject.toml cli/pyproject.toml --output-file requirements-dev.txt
	$(COMPILE) --constraints requirements-dev.txt --group demo pyproject.toml --output-file requirements-demo.txt
	$(COMPILE) --constraints requirements-dev.txt --group synth pyproject.toml --output-file requirements.txt

lock-image: ## Locks the head image's base, Nextflow and plugins by checksum; needs internet access
	$(PYTHON) docker/nextflow/image_lock.py

bench: bench-synth bench-head bench-scale bench-disk bench-s3 bench-boot bench-cli ## Runs all benchmarks
bench-synth: setup ## Compares cdk synth with an app that has one bucket
	python -m benchmarks.synth

bench-head: setup ## Compares the head with plain Nextflow; needs Docker and a Nextflow as test-head does
	python -m benchmarks.head

bench-scale: setup ## Runs TASKS (10,000) tasks that do nothing, with the head and with plain Nextflow; needs the same
	python -m benchmarks.scale

bench-disk: setup ## Compares the growth of scratch with fixed thresholds, in simulated time
	PYTHONPATH=assets/worker python -m benchmarks.disk

bench-s3: setup ## Compares the tasks' S3 client with the SDK and, if installed, the AWS CLI 2, s5cmd, rclone and curl
	python -m benchmarks.s3

bench-boot: setup ## Times the steps of a boot, from kernel to ECS agent; needs QEMU as test-kernel does
	python -m benchmarks.boot

bench-cli: setup ## Compares nfbatch on 10,000 tasks and 1,000 runs with a client that asks one by one
	python -m benchmarks.cli

bench-first-run: setup-demo ## Times the steps from a bare clone to the end of the demo, with warm package caches
	python -m benchmarks.first_run

clean-docker: ## Removes the images that the demo and the tests left in Docker
	@images=$$(docker images --format '{{.Repository}}:{{.Tag}}' \
		| grep -E '^(nextflow-batch/|local-aws-|123456789012\.dkr\.ecr\.)'); test -z "$$images" || docker rmi $$images

clean: ## Removes generated files
	rm -rf build cdk.out .mypy_cache .pytest_cache .ruff_cache
