# Every target sets up what it needs first; a second call is quick. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
export DO_NOT_TRACK := 1
export SCARF_ANALYTICS := false

.PHONY: help
help: ## what there is to call
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

.PHONY: setup
setup: ## the Python environment and Cassandra's jars, without starting anything
	@tools/setup.sh

.PHONY: rehearsal
rehearsal: setup ## the whole local world, and every stage in real Airflow; DAYS=n of the sample's year; MIGRATION=file ROWS=n for a file of your own
	@$(if $(MIGRATION),$(PY) -m keyspaces_migration.config validate $(MIGRATION))
	@$(PY) -m rehearsal run $(if $(MIGRATION),--migration $(MIGRATION)) $(if $(ROWS),--rows $(ROWS)) $(if $(DAYS),--days $(DAYS))

.PHONY: local-keyspaces
local-keyspaces: ## a local Amazon Keyspaces alone, until Ctrl-C (docs/guides/local-keyspaces.md)
	@tools/setup.sh without-pulumi
	@$(PY) -m rehearsal up --home .local-keyspaces --only target --only keyspaces

.PHONY: clean
clean: setup ## end every process of the local world and delete its data and logs
	@$(PY) -m rehearsal clean

.PHONY: test
test: ## lint, types, unit, integration and end-to-end tests: what CI runs
	@tools/setup.sh for-tests
	@tools/run-tests.sh

.PHONY: test-full
test-full: ## as `test`, with the long ones: soaks, faults, kills
	@tools/setup.sh for-tests
	@tools/run-tests.sh full

.PHONY: soak
soak: ## a long run under faults: make soak NAME=dual-write MINUTES=10, or NAME=faults for the whole lifecycle
	@tools/setup.sh $(if $(filter faults,$(NAME)),,without-pulumi)
	@$(PY) -m rehearsal.soak $(or $(NAME),dual-write) --minutes $(or $(MINUTES),10) --rate $(or $(RATE),500) --clocks-apart-s $(or $(CLOCKS_APART_S),30)

.PHONY: gate-attacks
gate-attacks: setup ## every way to get reads onto the target without a valid approval, tried on real Airflow
	@$(PY) -m rehearsal.gate_attacks

.PHONY: provision-cases
provision-cases: setup ## every bad case of provisioning on the real Pulumi engine: outcomes, and tables lost
	@$(PY) tools/provision_cases.py

.PHONY: lint
lint: setup ## ruff, every rule, and its formatting
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

.PHONY: types
types: setup ## mypy, strict
	@.venv/bin/mypy

.PHONY: validate
validate: setup ## check the migration files (FILES=… for others than dags/migrations)
	@$(PY) -m keyspaces_migration.config validate $(or $(FILES),dags/migrations)

.PHONY: reference
reference: setup ## write the migration file's JSON Schema and reference page anew
	@$(PY) -m keyspaces_migration.config schema > docs/reference/migration-file.schema.json
	@$(PY) -m keyspaces_migration.config reference > docs/reference/migration-file.md
	@$(PY) -m rehearsal.local_keyspaces.reference > docs/reference/local-keyspaces-rules.md

.PHONY: bench
bench: setup ## run one benchmark: make bench NAME=parse
	@test "$(NAME)" != backfill-spark || tools/setup.sh with-spark
	@test -n "$(NAME)" || { echo "name one: make bench NAME=… of: $$(cd benchmarks && ls *.py | sed 's/\.py//;s/_/-/g' | tr '\n' ' ')" >&2; exit 2; }
	@PYTHONPATH=. $(PY) benchmarks/$(subst -,_,$(NAME)).py

.PHONY: comparison-zip
comparison-zip: setup ## the comparison Lambda's code for AWS: ARCH=x86_64 or arm64, OUT=file
	@$(PY) tools/comparison_zip.py --arch $(or $(ARCH),x86_64) --out $(or $(OUT),comparison-$(or $(ARCH),x86_64).zip)

.PHONY: dist
dist: setup ## what a deployment takes: wheel, DAGs, plugins.zip, requirements of MWAA and Astronomer (OUT=folder)
	@$(PY) tools/dist.py --out $(or $(OUT),dist)

.PHONY: screenshots
screenshots: ## take the pictures in docs/ anew, in a real browser on the local world
	@tools/setup.sh with-browser
	@$(PY) -m rehearsal screenshots

.PHONY: lock
lock: ## resolve requirements/*.txt anew from pyproject.toml, requirements.txt and requirements/*.in
	@.venv/bin/uv pip compile pyproject.toml --extra rehearsal --group dev --universal --python-version 3.11 \
	  --generate-hashes --constraints requirements.txt --custom-compile-command "make lock" --quiet -o requirements/locked.txt
	@.venv/bin/uv pip compile requirements/spark.in --universal --python-version 3.11 \
	  --generate-hashes --constraints requirements/locked.txt --custom-compile-command "make lock" --quiet -o requirements/spark.txt
	@.venv/bin/uv pip compile requirements/comparison.in --universal --python-version 3.11 \
	  --generate-hashes --constraints requirements/locked.txt --custom-compile-command "make lock" --quiet -o requirements/comparison.txt
