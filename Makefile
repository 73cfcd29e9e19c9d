# The one door to every command. `make` lists the targets.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# npm writes this file last: newer than the lock file means complete.
INSTALLED := node_modules/.package-lock.json
# What only test/packages needs.
CORPUS := fixtures/packages/node_modules/.package-lock.json
VITEST := vitest run --config test/vitest.config.ts

.PHONY: help run dev check test test-all hostile packages soak bench compare wpt pack clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(INSTALLED): package-lock.json
	@echo "installing dependencies (once)…"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Without the registry the other tests still run; test/packages says what it misses.
$(CORPUS): fixtures/packages/package-lock.json
	@echo "installing the package corpus (once)…"
	@if npm ci --prefix fixtures/packages --loglevel=error; then touch $@; \
	else echo "The package corpus could not be installed (npm ci in fixtures/packages): test/packages will fail."; fi

run: $(INSTALLED) ## start the host with the sample functions on http://127.0.0.1:8787
	@node src/main.ts serve --config fixtures/isolane.json --curl

dev: $(INSTALLED) ## the same with watch and reload
	@node src/main.ts dev --config fixtures/isolane.json --curl

check: $(INSTALLED) ## types, lint, format, tidy
	@for world in src sandbox sandbox/node test bench fixtures; do echo "types: $$world"; tsc -p $$world/tsconfig.json || exit 1; done
	@biome check --error-on-warnings .
	@$(VITEST) test/tidy

test: $(INSTALLED) $(CORPUS) ## the whole test suite
	@$(VITEST) $(if $(JSON),--reporter=default --reporter=json --outputFile=$(JSON))

test-all: export ISOLANE_TEST_ALL = 1
test-all: check $(CORPUS) ## check, test, and the slow tests, a minute of soak and the bench at small size
	@$(VITEST)
	@node test/soak/soak.ts --minutes 1
	@node bench/run.ts --small

hostile: export ISOLANE_TEST_ALL = 1
hostile: $(INSTALLED) ## every hostile case, on shared engines and in engine processes
	@$(VITEST) test/hostile

packages: $(CORPUS) ## install the npm packages that test/packages tries (make test does)

soak: $(INSTALLED) ## a steady mixture for MINUTES (60): exit 0 when memory, descriptors and threads stay flat
	@node test/soak/soak.ts --minutes $(or $(MINUTES),60)

bench: $(INSTALLED) ## measure against baselines and peers in one run; ARGS="--only hello --subjects isolane,hono --repetitions 5", or --list
	@node bench/run.ts $(ARGS)

compare: $(INSTALLED) ## this tree against the git ref REF=main, with a significance test; ARGS="--only hello,cold --pairs 12"
	@node bench/compare.ts "$(REF)" $(ARGS)

wpt: $(INSTALLED) ## web-platform-tests of the checkout WPT=/path, beside Node; SUITE=url FILTER=text DIFF=1 UPDATE=1 JSON=file JOBS=2 NODE=0
	@node test/wpt/run.ts "$(WPT)" $(if $(SUITE),--suite $(SUITE)) $(if $(FILTER),--filter "$(FILTER)") $(if $(DIFF),--diff) \
	  $(if $(UPDATE),--update) $(if $(JSON),--json "$(JSON)") $(if $(JOBS),--jobs $(JOBS)) $(if $(filter 0,$(NODE)),--no-node)

pack: $(INSTALLED) ## build the installable tarball
	@npm pack --loglevel=error

clean: ## remove what can be made again
	@rm -rf dist *.tgz bench/results bench/.cache fixtures/.isolane
