# The verbs. A person, a hook and CI use the same ones. Needed beforehand: Python 3.11 or newer, Node 20 or newer, git.

# A distribution's Python is built with all optimisations, and a fifth quicker than what a version manager builds.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := node_modules/.installed
GENERATOR := .venv-clients/.installed
SITE := .venv-site/.installed
CLIENTS := build/clients
ENVIRONMENT ?= staging
PYTEST_WORKERS ?= 2
# What is proved has journeys that wait for minutes.
PROVING_WORKERS ?= 3

# The work tree is ours, and starting is much quicker with bytecode.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
# jsii warns at length about Node 20, which we support.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export CDK_DISABLE_CLI_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help install up down user demo test prove simulate check clients vendor docs screens site bench deploy lock clean

help:  ## what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) $(TOOLS) $(GENERATOR) $(SITE)  ## everything, as the lock files say

up: $(INSTALLED) $(TOOLS)  ## the whole desk on this machine (PORT, DOCS_PORT … choose other ports, and are remembered)
	@python -m local up

down: $(INSTALLED)  ## stop what `make up` started; the data stays
	@python -m local down

user: $(INSTALLED)  ## one more customer of the running desk (NAME=carol), with an account and clients
	@python -m local user add $(NAME)

demo: up  ## play six stories through the HTTP API; STORY=orders|purchases|customer|cash-out|market-making|billing plays one
	@python -m local demo

# A file at a time to a worker: what a file's tests share (a stack, a synthesis) is made once. xdist's groups, made for
# that, do nothing under pytest 9.2.
# What iterates over a set of strings does so alike in every run.
test prove simulate: export PYTHONHASHSEED := 0
prove: export DEPTH := beyond
prove: PYTEST_WORKERS := $(PROVING_WORKERS)
test: install clients  ## every rule and every kind of fault (9 minutes on two cores)
prove: install clients  ## what goes further than a day: more faults, all schedules, nearly 11,000 random lives (35 minutes)
test prove:
	@python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

simulate: install  ## 100,000 random batches, lives with faults, lives of lies; planted bugs (4 hours; SEED=4711 replays)
	@python -m tests.purchases.any_batch $(or $(SEED),--lives 100000)
	@python -m tests.purchases.any_sale $(or $(SEED),--lives 100000)
	@python -m tests.offramp.lives $(or $(SEED),--lives 100000)
	@python -m tests.offramp.lying_lives $(or $(SEED),--lives 80000)
	@python -m tests.purchases.lying_lives $(or $(SEED),--lives 20000)
	@python -m tests.purchases.lying_sale_lives $(or $(SEED),--lives 20000)
	@python -m tests.market_making.lives $(or $(SEED),--lives 20000)
	@python -m tests.market_making.$(if $(SEED),slots $(SEED),faulty_cycles)
	@python -m tests.market_making.histories $(or $(SEED),--lives 70000)
	@DEPTH=simulated python -m pytest tests/billing/test_spreading.py tests/operations/test_reconciliation.py \
		tests/market_making/strategy/test_lives.py tests/notifications/test_lives.py tests/orders/test_quotes.py \
		tests/web/test_runbooks.py
	@DEPTH=simulated python -m pytest -n $(PYTEST_WORKERS) --dist load tests/billing/test_contention.py \
		tests/operations/test_acts.py $(wildcard tests/*/test_*crash_matrix*.py)
	@python -m tests.planted --jobs 2

check: install clients  ## format, lint, types, import contracts, and the stacks with cdk-nag and cfn-lint
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	@python -m docgen.breaking
	tsc --project web
	cdk synth --quiet --strict --context environment=staging
	cdk synth --quiet --strict --context environment=production --output build/cdk.production
	cfn-lint -- build/cdk.production/*.template.json

clients: install $(CLIENTS)/openapi.json  ## a Python and a TypeScript client of the API, made of docs/openapi.json into build/clients

vendor: $(INSTALLED) $(TOOLS)  ## what the console's pages are made of, from node_modules into web/vendor
	@python -m docgen.vendor

docs: $(INSTALLED)  ## redraw what is drawn from the code: openapi.json, the key table, the diagrams of statuses and machines
	@python -m docgen

screens: $(INSTALLED) $(TOOLS)  ## take a picture of each screen of the console, into docs/screens
	@DEPTH=full python -m pytest tests/web/test_pictures.py
	@python -m docgen.screens

site: $(INSTALLED) $(SITE)  ## docs/ as a site, into build/site; the console of this machine leads to it
	@python -m docgen.site

bench: install  ## measure what is promised, into docs/benchmarks.md
	@python -m bench

deploy: install  ## to a real AWS account, as environments/staging.toml says (ENVIRONMENT=production); see docs/deploy.md
	@python -m infra.deploy $(if $(KEEP_STATE),--keep-state) $(ENVIRONMENT)

lock: $(INSTALLED)  ## write the lock files anew from pyproject.toml and package.json
	$(call compile,--group pyproject.toml:install,uv)
	$(call compile,pyproject.toml,runtime)
	$(call compile,pyproject.toml --group embedded --constraint requirements/runtime.txt,embedded)
	$(call compile,pyproject.toml --group dev --constraint requirements/embedded.txt,dev)
	$(call compile,--group pyproject.toml:clients,clients)
	$(call compile,--group pyproject.toml:site,site)
	npm install --package-lock-only

clean:  ## remove what was built, and nothing that was installed or stored
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './node_modules/*' -prune -exec rm -rf {} +

# No host of a registry goes into a lock file: every machine uses the ones that it is set up for.
compile = uv pip compile $(1) --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet \
	--custom-compile-command 'make lock' --output-file requirements/$(2).txt

# Behind a company's proxy, the certificates that count are the system's.
SYNC = uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
SYNC_SITE = uv pip sync --quiet --python .venv-site/bin/python --require-hashes requirements/site.txt
SYNC_GENERATOR = uv pip sync --quiet --python .venv-clients/bin/python --require-hashes requirements/clients.txt

$(INSTALLED): requirements/dev.txt requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 …"; exit 1; }
	@echo "Installing Python packages into $(VENV) …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(SYNC) 2>/dev/null || $(SYNC) --system-certs
	@touch $@

$(GENERATOR): requirements/clients.txt $(INSTALLED)
	@echo "Installing what makes the Python client into .venv-clients …"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-clients
	@$(SYNC_GENERATOR) 2>/dev/null || $(SYNC_GENERATOR) --system-certs
	@touch $@

$(SITE): requirements/site.txt $(INSTALLED)
	@echo "Installing what draws the docs as a site into .venv-site …"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-site
	@$(SYNC_SITE) 2>/dev/null || $(SYNC_SITE) --system-certs
	@touch $@

# What is made can be relied on only whole: the copy of the document comes last, and says of which it is made.
$(CLIENTS)/openapi.json: docs/openapi.json docgen/python-client.yml requirements/clients.txt package-lock.json \
		$(wildcard tests/clients/*.mts) tests/clients/tsconfig.json | $(INSTALLED) $(TOOLS) $(GENERATOR)
	@echo "Making the clients of docs/openapi.json …"
	@rm -rf $(CLIENTS) && mkdir -p $(CLIENTS)
	@.venv-clients/bin/openapi-python-client generate --fail-on-warning --path docs/openapi.json --meta none \
		--config docgen/python-client.yml --output-path $(CLIENTS)/cryptodesk_client
	@mypy --strict --no-error-summary $(CLIENTS)/cryptodesk_client
	@openapi-typescript docs/openapi.json --default-non-nullable false --output $(CLIENTS)/typescript/cryptodesk.d.ts >/dev/null
	@tsc --project tests/clients
	@cp docs/openapi.json $@

$(TOOLS): package.json package-lock.json .npmrc
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' \
		|| { echo "Node 20 or newer is needed"; exit 1; }
	@echo "Installing the CDK command line and what pages are made of into node_modules …"
	@npm ci --loglevel=error --no-progress >/dev/null
	@touch $@
