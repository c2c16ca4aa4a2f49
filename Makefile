# The one gate is `make check`; CI runs the same targets (.ci/run). Every target
# says in its help line what it costs on two cores.

GO       ?= go
SCENARIO ?= kv
FOR      ?= 30s
FUZZTIME ?= 10s
COUNT    ?= 5
BENCH    ?= .
PACKAGES ?= ./checker ./checker/txn ./checker/histories
WORKERS  ?= $(shell nproc 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help check format vet lint policy test race bench golden hunt mutants determinism determinism-quick oracle checker-mutants fuzz etcd-histories build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: format vet policy test determinism-quick ## the gate: all of format, vet, policy, test, determinism-quick; under 10 min

format: ## fail on files that gofmt would change, and name them; 1 s
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		printf 'not formatted (gofmt -w):\n%s\n' "$$unformatted"; exit 1; fi

vet: ## go vet ./...; under 1 min
	$(GO) vet ./...

lint: ## staticcheck, pinned, beside go vet; needs the module proxy; 1 min
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.1 ./...

policy: ## the rules of the house: import lattice, nondeterminism; 5 s
	$(GO) test .

test: ## go test ./..., golden traces and command scripts among them; under 5 min
	$(GO) test ./...

race: ## the same under the race detector, -short; under 10 min
	$(GO) test -race -short ./...

bench: ## all benchmarks, COUNT=5 times each, BENCH=regexp, then the ratios beside peers; 10 min
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...
	cd bench && $(GO) run ./cmd/ratios -count $(COUNT)

golden: ## write golden traces and protocol scripts anew, show what moved; 1 min
	scripts/golden.sh

hunt: build ## look for failures: SCENARIO=kv FOR=30s WORKERS=all cores
	bin/saros hunt $(SCENARIO) --for $(FOR) --workers $(WORKERS)

mutants: build ## convict every mutant by its check, in kv; 1 min
	bin/saros mutants

determinism: ## same seeds, same hashes on amd64, amd64 -race, 386, arm64, wasm: SEEDS=200 SEEDS_KV5=40; 1 min, 3 with a cold build cache
	scripts/determinism.sh

determinism-quick: ## the same with 25 seeds and without qemu and node; 20 s, 1 min with a cold build cache
	SEEDS=25 SEEDS_KV5=5 SAROS_DETERMINISM_SKIP="arm64 wasm" scripts/determinism.sh

oracle: ## the fast checkers against dumb twins, SAROS_ORACLE=1000000 random histories each; 10 min
	SAROS_ORACLE=$${SAROS_ORACLE:-1000000} $(GO) test ./checker ./checker/txn -run Oracle -v -timeout 2h

checker-mutants: ## small mistakes in the code of PACKAGES (default: the checkers), each must be noticed by a test; goes on where it was cut off; 8 min
	@cd scripts/mutate && $(GO) build -o ../../bin/mutate .
	@bin/mutate -workers $(WORKERS) $(PACKAGES)

fuzz: ## every fuzz target in turn, FUZZTIME=10s each
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

etcd-histories: ## the public Jepsen histories of etcd, judged as published; needs the module proxy; 10 s
	cd checker/histories/etcdtest && $(GO) vet ./... && $(GO) test ./...

build: ## bin/saros; 10 s
	$(GO) build -trimpath -o bin/saros ./cmd/saros

clean: ## delete what the other targets built
	rm -rf bin
