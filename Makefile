# `make` lists what one can do. Whatever is longer than a few lines is in scripts/.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The modules are built without the workspace, as their users build them.
export GOWORK := off

FUZZTIME  ?= 60s
COVER_MIN ?= 90
export FUZZTIME FUZZ COVER_MIN BENCH BENCHTIME COUNT RUN

each := scripts/each-module.sh
# A PostgreSQL server for one command, unless AUDIT_TEST_POSTGRES_DSN names one.
with-postgres := scripts/with-postgres.sh
# A rule's parts say what they are; CI logs are read from the end.
title = @printf '\n==> %s\n' '$@'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables: RUN=TestFlush COUNT=3 (test-go), RUN=Hostile (interop), RUN=Fault03 (faults), BENCH=Record COUNT=10 (bench-go), FUZZ=Encode FUZZTIME=60s (fuzz)\n'

.PHONY: setup
setup: ## install what the tests need and is missing (jq, PostgreSQL, logrotate, strace)
	@scripts/setup.sh

.PHONY: duckdb
duckdb: ## DuckDB in bin/, for the recipes of the docs and bench-query
	$(title)
	@scripts/duckdb.sh

.PHONY: test
test: setup duckdb gofumpt tidy vet lint workspace test-go guard cover ## everything that a change must pass

.PHONY: test-go
test-go: ## only the Go tests of every module, with -race; RUN picks, COUNT repeats
	$(title)
	@$(with-postgres) $(each) go test -race -shuffle=on $(if $(COUNT),-count=$(COUNT)) $(if $(RUN),-run '$(RUN)') ./...

.PHONY: cover
cover: ## coverage of ., sqlite and postgres by their own tests, at least COVER_MIN percent each
	$(title)
	@$(with-postgres) scripts/cover.sh

.PHONY: interop
interop: ## write and read tables together with Django's ORM
	$(title)
	@scripts/interop.sh

.PHONY: vet
vet: ## go vet in every module
	$(title)
	@$(each) go vet ./...

.PHONY: lint
lint: bin/golangci-lint ## golangci-lint in every module
	$(title)
	@$(each) $(CURDIR)/bin/golangci-lint run --allow-parallel-runners ./...

.PHONY: fmt
fmt: bin/gofumpt ## format every Go file
	@bin/gofumpt -l -w .

.PHONY: gofumpt
gofumpt: bin/gofumpt ## fail if a Go file is not formatted
	$(title)
	@files=$$(bin/gofumpt -l .); \
	if [ -n "$$files" ]; then printf 'not formatted (make fmt does it):\n%s\n' "$$files" >&2; exit 1; fi

.PHONY: tidy
tidy: ## fail if a go.mod or go.sum is not tidy
	$(title)
	@$(each) --all go mod tidy -diff

.PHONY: workspace
workspace: ## fail if go.work lacks a module, or they do not build together
	$(title)
	@scripts/workspace.sh

.PHONY: cross
cross: ## build for windows, darwin, and linux without cgo
	@scripts/cross.sh

.PHONY: layout
layout: ## check that the promised files exist and imports run one way
	@scripts/layout.sh

.PHONY: permaudit
permaudit: ## build the command into bin/
	go -C cmd/permaudit build -o $(CURDIR)/bin/permaudit .

.PHONY: quickstart
quickstart: ## run the program of the README
	go run ./examples/quickstart

.PHONY: guard
guard: setup ## what logging costs, in counts and in ratios with wide margins; fails when that became worse
	$(title)
	@$(with-postgres) go -C benchmarks test -count=1 -run '^TestGuard' ./speed

.PHONY: bench
bench: ## the library, its peers, the raw disk and the raw drivers, with the goals; about ten minutes
	@$(with-postgres) scripts/bench.sh

.PHONY: bench-growth
bench-growth: ## what becomes of a file and of tables of ten million events; twenty minutes, and 30 GB for a while
	@BENCH_ONLY='^growth$$' $(with-postgres) scripts/bench.sh -growth

.PHONY: bench-go
bench-go: ## the Go benchmarks of every module; BENCH picks, COUNT repeats
	@$(with-postgres) scripts/bench-go.sh

.PHONY: bench-query
bench-query: ## permaudit, DuckDB and jq on the same log of a million events; needs node; 5 GB for a while
	@scripts/bench-query.sh

.PHONY: faults
faults: setup ## the whole fault suite, with the table of what was lost (nothing); RUN picks; root for some of it
	$(title)
	@$(with-postgres) scripts/faults.sh

.PHONY: truth
truth: ## judge simulated nights: false alerts and what is found, with the tables of docs/regression.md; about four minutes
	$(title)
	@AUDIT_TRUTH=full go test -count=1 -timeout 60m -run '^TestTables$$' ./internal/truth && cat internal/truth/tables.md

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each; FUZZ picks
	@$(with-postgres) scripts/fuzz.sh

.PHONY: tools
tools: bin/golangci-lint bin/gofumpt bin/benchstat ## build the tools into bin/

.PHONY: clean
clean: ## remove bin/
	rm -rf bin

# Built once, and again when a version changes.
build-tool = @printf 'building %s\n' '$@'; go -C tools build -buildvcs=false -o ../$@
bin/golangci-lint bin/gofumpt bin/benchstat: tools/go.mod tools/go.sum
bin/golangci-lint:
	$(build-tool) github.com/golangci/golangci-lint/v2/cmd/golangci-lint && touch $@
bin/gofumpt:
	$(build-tool) mvdan.cc/gofumpt && touch $@
bin/benchstat:
	$(build-tool) golang.org/x/perf/cmd/benchstat && touch $@
