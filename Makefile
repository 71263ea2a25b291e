# Every target works alone on a clean clone, twice in a row, and (after `make setup`) without a network.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE ?= $(HOME)/.cache/moorage
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo "$(CACHE)/uv-$(UV_VERSION)/bin/uv")
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
# Ray's and pytest's own progress is for people; the threads of numerical libraries are few because Ray workers are many.
export PYTHONUNBUFFERED := 1
export RAY_USAGE_STATS_ENABLED := 0
export OMP_NUM_THREADS ?= 2

.PHONY: help setup demo test test-unit test-property test-local-engine test-packaging test-chart test-apiserver test-cluster lint format typecheck generate verify bench bench-operator cluster-up cluster-down images chart clean

help: ## Show this help
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-18s %s\n' "$$name" "$$text"; done

setup: .venv/.synced ## Install everything that the other targets need, into .venv

.venv/.synced: pyproject.toml uv.lock
	@hack/bootstrap-uv "$(UV)" "$(UV_VERSION)"
	"$(UV)" sync --frozen --all-extras --compile-bytecode # or each of Ray's processes compiles torch for itself at its start
	@touch .venv/.synced

demo: setup ## Train, gate, serve, call and bill the digits example on this machine (about 2 minutes)
	@$(PY) -m moorage_cli.demo

test: test-unit test-property test-local-engine test-packaging test-chart test-apiserver ## Run every tier of tests but the cluster's
	@echo "make test: every tier passed (unit, property, local engine, packaging, chart, API server); what was skipped, if anything, is listed above with its reason"

test-unit: setup ## Unit tests: seconds, no network, no Ray
	$(PYTEST) tests/unit -q -n 2 --dist loadfile

test-property: setup ## Property tests (hypothesis)
	$(PYTEST) tests/property -q -n 2 --dist loadfile

test-local-engine: setup ## Tests on a real local Ray: training, serving, the whole way
	$(PYTEST) tests/local_engine -q -n 2 --dist loadscope --durations=10

test-packaging: setup ## Build the wheel and import it with each extra alone
	UV="$(UV)" $(PYTEST) tests/packaging -q

test-apiserver: setup ## Tests on a real etcd and API server, 5 minutes (at first Go compiles for 10 more)
	@if command -v go >/dev/null; then CACHE="$(CACHE)" hack/cluster/build-tools control-plane; fi
	CACHE="$(CACHE)" $(PYTEST) tests/apiserver -q -n 2 --dist loadfile --timeout=1200 --durations=10

test-cluster: setup ## Tests on a real one-node Kubernetes with KubeRay, started here unless KUBECONFIG names one (needs root and Go)
	@hack/cluster/test-packages
	@CACHE="$(CACHE)" hack/cluster/up
	@CACHE="$(CACHE)" UV_VERSION="$(UV_VERSION)" hack/cluster/build-images
	CACHE="$(CACHE)" $(PYTEST) tests/cluster -q --timeout=1500 --durations=10
	@echo "make test-cluster: passed; the cluster is still up (make cluster-down stops it)"

lint: setup ## Style (ruff) and the arrows between the rooms (import-linter)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

format: setup ## Rewrite the code in the project's style
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

typecheck: setup ## mypy, strict
	$(PY) -m mypy

generate: setup ## Write crds/ and docs/reference/ from the models in api/
	$(PY) -m moorage_api.crd crds docs/reference
	@hack/generate-chart-crds

verify: setup ## Fail if what is generated differs from what is committed, or the lock file is stale
	@hack/verify-generated "$(PY)"
	"$(UV)" lock --check --offline

bench: setup ## Speed of serving and metering beside a named peer in the same run
	$(PY) tests/bench/outbox.py
	$(PY) tests/bench/serving.py

bench-operator: setup ## Speed and memory of the operator on a real API server, beside a bare Kopf handler (needs Go)
	@CACHE="$(CACHE)" hack/cluster/build-tools control-plane
	CACHE="$(CACHE)" $(PY) tests/bench/reconciling.py

cluster-up: ## Start a real one-node Kubernetes on this machine, or check the one that KUBECONFIG names (needs root and Go)
	@CACHE="$(CACHE)" hack/cluster/up

cluster-down: ## Stop it and remove all but its programs, images and build cache
	@CACHE="$(CACHE)" hack/cluster/down

images: ## Build the operator's and the runtime's image, into that cluster where it runs, else with Docker
	@CACHE="$(CACHE)" UV_VERSION="$(UV_VERSION)" hack/cluster/build-images

clean: ## Remove what the other targets made, but not .moorage
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

chart: ## Copy crds/ into the Helm chart and package it into dist/
	@hack/generate-chart-crds
	@PATH="$$PATH:$(CACHE)/cluster/bin" helm package charts/moorage --destination dist

test-chart: setup ## Tests of the Helm chart: rendered, checked against Kubernetes' schemas, alerts run (needs helm; promtool for the alerts)
	CACHE="$(CACHE)" $(PYTEST) tests/chart -q -n 2 --dist loadfile
