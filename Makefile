# `make help` prints what is behind each ## below.

BUILD := build
PROGRAM := $(BUILD)/istio-operator
PREFIX ?= /usr/local

.DEFAULT_GOAL := all
.NOTPARALLEL:
.PHONY: all build deps test sanitize valgrind fuzz simulate simulate-canary mutants faults soak bench bench-canary \
	bench-federation demo demo-down demo-canary demo-canary-down demo-federation demo-federation-down run deploy undeploy \
	docker-build docker-push install manifests lint clean help need-image

all: build ## build the program and run its unit tests (this is plain `make`)
	hack/test unit

build: deps ## build only
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX)
	ninja -C $(BUILD)

deps:
	@hack/deps build test

test: ## everything: unit tests, with sanitizers too, and tests against a real cluster
	@hack/test

sanitize: ## unit tests with the address and undefined behaviour sanitizers
	@hack/test sanitize

valgrind: ## unit tests under valgrind
	@hack/test valgrind

fuzz: ## hostile input, made up by libFuzzer: T=60 processor seconds a target, ONLY='json yaml', JOBS=1
	@tests/fuzz/run $(or $(T),60) $(ONLY)

simulate: build ## clusters and their faults on simulated time: SEEDS=1000, FROM=1, JOBS=processors
	@$(BUILD)/tests/simulation/simulate --seeds $(or $(SEEDS),1000) $(if $(FROM),--from $(FROM)) $(if $(JOBS),--jobs $(JOBS))

simulate-canary: build ## releases of Canaries and their faults on simulated time: SEEDS=1000, FROM=1, JOBS=processors
	@$(BUILD)/tests/simulation/canary/simulate_canary --seeds $(or $(SEEDS),1000) $(if $(FROM),--from $(FROM)) \
	  $(if $(JOBS),--jobs $(JOBS))

mutants: build ## prove that the simulation and unit tests find deliberate faults
	@tests/simulation/mutants $(BUILD)

faults: ## real faults on a local control plane, and the table of what came of each: FAULT_ROUNDS=10
	@FAULT_ROUNDS=$(or $(FAULT_ROUNDS),10) hack/test faults

soak: build ## a long day on a local control plane, measured each second: MINUTES=60, SEED=1
	@BUILD=$(BUILD) tests/soak/run $(or $(MINUTES),60) $(or $(SEED),1)

bench: build ## measure speed and memory on a local control plane
	bench/run

bench-canary: build ## releases as this operator leads them, and as Flagger does, on the same mesh and load
	bench/run-canary

bench-federation: build ## measure one operator with 10, 100, 1000 virtual remote clusters
	bench/run-federation

demo: ## local cluster, operator, mesh and requests through it (ISTIO=1.0.5: the old one); or into KUBECONFIG's cluster, with IMG=name:tag
	@hack/demo up $(IMG)

demo-down: ## remove what `make demo` made
	@hack/demo down

demo-canary: ## there, with Prometheus: a good release is promoted and a bad one rolled back, under requests
	@hack/demo-canary up

demo-canary-down: ## remove what `make demo-canary` made
	@hack/demo-canary down

demo-federation: ## two local clusters, one mesh over gateways; ISTIO=1.0.5: a remote cluster joins, follows, is cut off and comes back
	@hack/demo-federation up

demo-federation-down: ## remove what `make demo-federation` made
	@hack/demo-federation down

run: build ## run the operator here, against KUBECONFIG's cluster
	hack/deploy --definitions
	$(PROGRAM) run --namespace istio-system

deploy: need-image build ## install the operator's IMG=name:tag into KUBECONFIG's cluster
	hack/deploy $(IMG)

undeploy: build ## remove the operator from KUBECONFIG's cluster
	hack/deploy --remove

docker-build: need-image build ## make the image IMG=name:tag, by docker, podman, buildah or none
	hack/image $(IMG)

docker-push: need-image build ## make it and push it
	hack/image --push $(IMG)

need-image:
	@[ -n "$(IMG)" ] || { echo "name the image: make $(MAKECMDGOALS) IMG=name:tag" >&2; exit 2; }

install: build ## install the program below PREFIX (/usr/local); DESTDIR is respected
	meson configure $(BUILD) --prefix=$(PREFIX)
	meson install -C $(BUILD)

manifests: build ## refresh config/ and docs/reference/ from the program
	hack/manifests $(PROGRAM)

lint: ## check style and scripts: clang-format, shellcheck, rooms
	@hack/lint

clean: ## remove what was built here (Kubernetes stays in its cache)
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz

help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-21s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
