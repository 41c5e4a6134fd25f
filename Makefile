# `make` alone lists every verb. Each recipe is a line or two; anything longer lies in infra/ as Python.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# uncompiled, each process would compile what it imports, TensorFlow for 15 s
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv/bin
PACKAGES := libs/contracts libs/telemetry libs/vision libs/store services/agent services/ingest services/control services/worker services/trainer training
REQUIREMENTS := uv agent build server trainer native deploy dev
# a native stack that runs is spoken to even where an engine answers
COMPOSE = $(if $(or $(filter native,$(STRESSVISION_STACK)),$(wildcard .stack/supervisord.pid)),,$(shell docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1 && echo yes))
STACK = $(if $(COMPOSE),sh infra/docker/stack.sh,PYTHONPATH=infra $(VENV)/python -m native)

.PHONY: help up down logs psql env demo test check e2e bench chaos requirements wheels deploy bundle retrain dossier venv-native venv-trainer venv-dev

help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

##@ Start
up: env ## Start the whole platform and say where to look (STRESSVISION_STACK=native: without containers)
	@$(if $(COMPOSE),,$(MAKE) venv-native)
	@$(STACK) up
down: ## Stop it; data stay (PURGE=1 removes them)
	@$(if $(COMPOSE),,test -x $(VENV)/python || { echo "nothing runs: there is no .venv"; exit 0; };) $(STACK) down $(if $(PURGE),--purge)
demo: venv-native ## One real agent and a plant's 28 days, through the device API (SOURCE=clip.avi or v4l2:0)
	@PYTHONPATH=infra $(VENV)/python -m demo $(if $(SOURCE),--source "$(SOURCE)")
logs: ## Follow the log of a part (S=ingest)
	@$(STACK) logs $(S)
psql: ## SQL on the running database, as its owner
	@$(STACK) psql
env: ## Write .env with fresh secrets, if there is none
	@sh infra/native/python.sh infra/native/dotenv.py

##@ Check
test: venv-dev ## All checks and tests, on real servers (T=tests/store/test_rollups.py: only these)
	@PYTHONPATH=infra $(VENV)/python -m native servers
	@failed=0; $(if $(T),,$(MAKE) check || failed=1;) $(VENV)/pytest $(or $(T),-n 3 --dist loadfile --no-loadscope-reorder) || failed=1; exit $$failed
check: venv-dev ## Format, lint, types, import directions, alert rules, compose file
	@PYTHONPATH=infra $(VENV)/python -m checks
e2e: venv-dev ## The end-to-end test against the stack that `make up` started
	@STRESSVISION_E2E=.env $(VENV)/pytest tests/e2e
bench: venv-dev ## Measure what the design promises (table, and .stack/bench.json)
	@PYTHONPATH=infra $(VENV)/python -m native servers
	@$(VENV)/python -m benchmarks
chaos: venv-dev ## Kill and break things on purpose (table, and .stack/chaos.json)
	@PYTHONPATH=infra $(VENV)/python -m native servers
	@PYTHONPATH=infra:tests $(VENV)/python -m chaos

##@ Release
requirements: venv-dev ## Compile requirements/*.in into hashed pins
	@for name in dev $(filter-out dev,$(REQUIREMENTS)); do \
	  $(VENV)/uv pip compile -q requirements/$$name.in $$(test $$name = dev || echo -c requirements/dev.txt) --universal \
	    --python-version 3.11 --generate-hashes --no-header -o requirements/$$name.txt || exit 1; done
wheels: venv-dev ## A wheel of each of our packages, in dist/
	@$(VENV)/pip wheel -q --no-deps --no-build-isolation -w dist $(addprefix ./,$(PACKAGES)) && ls dist

##@ Models
retrain: venv-native ## Train, judge and publish a candidate (RECIPE=stressvision, SET="epochs=5 seed=3")
	@PYTHONPATH=infra $(VENV)/python -m retraining "$(RECIPE)" $(addprefix --set ,$(SET))

##@ Privacy
dossier: venv-native ## The data protection dossier of the running platform, in Spanish and English (OUT=folder)
	@$(VENV)/stressvision privacy dossier --out "$(or $(OUT),.stack/dossier)"

##@ Fleet
deploy: venv-native ## Put agents on Raspberry Pis, or renew them (INVENTORY=hosts.yml; REMOVE=1, PURGE=1: take them away)
	@PYTHONPATH=infra $(VENV)/python -m deployment deploy $(if $(REMOVE),--remove) $(if $(PURGE),--purge) "$(INVENTORY)"
bundle: venv-native ## One file that does the same for devices without internet, in dist/
	@PYTHONPATH=infra $(VENV)/python -m deployment bundle

venv-native venv-trainer venv-dev: venv-%:
	@sh infra/native/python.sh infra/native/environment.py $*
