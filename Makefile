# The commands of this repository. `make` alone lists them.

GO      ?= go
MODE    ?= build
# Each library that is hooked is a module, and so are tests that need more than
# what they test.
HOOKS   := $(patsubst %/go.mod,%,$(sort $(wildcard runtime/*/go.mod runtime/*/*/go.mod)))
MODULES := . runtime $(HOOKS) examples/platform
BIN     := bin/orchestrall
# What programs get that say nothing of OpenTelemetry; see internal/overlay/newest.go.
NEWEST  := ../internal/overlay/newest.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the tool into bin/
	$(GO) build -o $(BIN) ./cmd/orchestrall

.PHONY: demo
demo: ## run the example platform and show its traces, logs and metrics (MODE=build|toolexec|generate)
	@$(GO) run ./examples/demo -mode $(MODE)

.PHONY: test
test: ## run every test of every module
	@set -e; for m in $(MODULES); do echo "== $$m"; (cd $$m && $(GO) vet ./... && $(GO) test -timeout 30m ./...); done
	@echo "== runtime, with the newest versions"; cd runtime && $(GO) test -modfile=$(NEWEST) ./...

.PHONY: tidy
tidy: ## bring go.mod and go.sum of every module up to date, after a change to the runtime's
	@set -e; for m in $(MODULES); do (cd $$m && $(GO) mod tidy); done
	cd runtime && $(GO) mod tidy -modfile=$(NEWEST)

.PHONY: bench
bench: ## print what calls, requests, queries and builds cost, as ratios (about 10 minutes; COLD=1 adds toolexec)
	cd runtime && $(GO) test -run '^$$' -bench Call -count 3 -benchtime 100ms . | $(GO) run ./internal/benchtable
	cd runtime && $(GO) test -run '^$$' -bench Line -count 5 -benchtime 100ms ./bootstrap | $(GO) run ./internal/benchtable
	cd runtime/nethttp/bench && $(GO) test -count=1 -run Ratios -v .
	cd runtime/dbsql/servers && $(GO) test -count=1 -run Ratios -cpu 1 -v .
	cd runtime/grpc && $(GO) test -count=1 -run Ratios -v .
	$(GO) test ./instrument -run '^$$' -bench Tree -benchtime 1x
	$(GO) run ./internal/buildbench $(if $(COLD),-cold)

.PHONY: race
race: ## run the runtime's tests under the race detector
	cd runtime && $(GO) test -race ./...
	cd runtime/internal/trouble && $(GO) test -race ./...

.PHONY: selfcheck
selfcheck: build ## run orchestrall check and orchestrall lint on the example
	cd examples/platform && ../../$(BIN) check ./... && ../../$(BIN) lint ./...

.PHONY: dashboards
dashboards: ## read the Grafana dashboards with Grafana's own types (downloads them once)
	cd internal/dashboards/validate && $(GO) test -count=1 ./... # it reads files of another module

.PHONY: backends
backends: ## install the monitoring programs for make integration, once (20 minutes; ORCHESTRALL_BACKENDS=folder)
	@$(GO) run ./internal/backends/install

.PHONY: deployment
deployment: ## check the files of deployment/ with the libraries of Compose and Prometheus (downloads them once)
	cd internal/integration && $(GO) vet ./... && $(GO) test -count=1 ./...

.PHONY: manifests
manifests: ## check deployment/kubernetes with the types and schemas of Kubernetes (downloads them once)
	cd deployment/kubernetes/validate && $(GO) vet ./... && $(GO) test -count=1 ./...
	@$(GO) run ./internal/backends/install -kubernetes -check >/dev/null 2>&1 || echo 'No API server was asked: make kubernetes'

.PHONY: kubernetes
kubernetes: ## build a Kubernetes API server, once (20 minutes), and ask it about deployment/kubernetes
	@$(GO) run ./internal/backends/install -kubernetes
	cd deployment/kubernetes/validate && $(GO) test -count=1 -v -run TestServer .

.PHONY: integration
integration: ## run the monitoring stack with its real programs, and the platform on it (20 minutes, after make backends)
	cd internal/integration && ORCHESTRALL_INTEGRATION=1 $(GO) test -count=1 -timeout 35m -v -run TestStack .

.PHONY: cross
cross: ## vet the tool for linux, darwin and windows
	@set -e; for os in linux darwin windows; do echo "== $$os"; GOOS=$$os CGO_ENABLED=0 $(GO) vet ./...; (cd runtime && GOOS=$$os CGO_ENABLED=0 $(GO) vet ./...); done

.PHONY: release
release: ## name VERSION=v1.2.3 in every go.mod and print the tags that publish it
	@$(GO) run ./internal/release "$(VERSION)"

.PHONY: lint
lint: ## run golangci-lint with .golangci.yml (builds it once)
	@set -e; for m in . runtime; do (cd $$m && $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...); done

.PHONY: fmt
fmt: ## format with gofumpt
	$(GO) run mvdan.cc/gofumpt@v0.12.0 -w cmd instrument internal rewrite templates runtime examples
