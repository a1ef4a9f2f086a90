# Everything installs into .venv in the checkout; only the system packages of `make test` need root.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
# Python keeps what it compiled: every process of the tests starts seconds sooner.
unexport PYTHONDONTWRITEBYTECODE
# A production environment, for Django's deployment checks.
DEPLOYED := PORTAL_PUBLIC_URL=https://portal.example PORTAL_DATA_DIR=$${TMPDIR:-/tmp}/drayage-deploy-check

.PHONY: help up demo check test test-security coverage mutants fuzz bench chaos screenshots lint types audit secrets sbom lock clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

up: .venv/base.installed ## run the portal in the foreground: installs, migrates, starts all processes
	@$(PY) manage.py up

demo: .venv/base.installed ## the same with a sample registry, image and node; DEMO_ONCE=1 verifies one delivery and exits
	@$(PY) manage.py demo

check: .venv/dev.installed ## run the linters, mypy and the fast tests
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types
	$(PY) -m pytest -q -n 2 -m "not slow and not interop and not faults and not browser" \
		--ignore=tests/interop --ignore=tests/faults --ignore=tests/browser

test: .venv/dev.installed ## install what the tests need and run all of them
	sh .ci/packages
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types
	$(MAKE) --no-print-directory sbom secrets
	$(PY) -m pytest -n 2 -p tests.security.summary
	$(PY) -m tests.on_postgresql

test-security: .venv/dev.installed ## run the tests of tests/security/catalogue.toml alone, and count cases, passed and violations
	@sh .ci/packages
	@$(PY) -m tests.security

coverage: .venv/dev.installed ## run all tests but the browser's, and name the branches of critical modules that none reaches
	@sh .ci/packages
	$(PY) -m tests.branches

mutants: .venv/dev.installed ## change critical modules and see whether a test notices; MUTANTS="all" or files, MUTANTS_SECONDS (900)
	@sh .ci/packages
	@$(PY) -m tests.mutants --seconds $${MUTANTS_SECONDS:-900} --per-module $${MUTANTS_PER_MODULE:-25} $(MUTANTS)

fuzz: .venv/dev.installed ## give random input to what reads strangers' input for FUZZ_SECONDS (60); FUZZ="reference paste" selects
	@$(PY) -m tests.fuzz --seconds $${FUZZ_SECONDS:-60} $(FUZZ)

bench: .venv/dev.installed ## run the benchmarks, one JSON line per figure; BENCH="ingest wakeup" selects
	@sh .ci/packages
	@$(PY) -m tests.benchmarks $(BENCH)

chaos: .venv/dev.installed ## inject random faults under 30 pulls for CHAOS_SECONDS (300); CHAOS_SEED repeats a run
	@sh .ci/packages
	@$(PY) -m tests.faults.chaos

screenshots: .venv/dev.installed ## update the pictures of the README
	GALLERY=.readme $(PY) -m pytest -q -n 0 "tests/browser/test_gallery.py::test_the_main_pages[light]"
	pngquant --force --skip-if-larger --strip --ext .png 128 .readme/*.png

lint: .venv/dev.installed ## run the linters and Django's checks
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/djlint --lint --quiet templates
	$(DEPLOYED) $(PY) manage.py makemigrations --check --dry-run
	$(DEPLOYED) $(PY) manage.py check --deploy --fail-level WARNING
	.venv/bin/hadolint Dockerfile
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml deploy/compose.outside.yaml

types: .venv/dev.installed ## run mypy
	.venv/bin/mypy portal registries groups tests

audit: .venv/dev.installed .venv-tools/tools.installed secrets ## look for known vulnerabilities, secrets in the history, and licences; exit code 2 of make if one fails
	@$(PY) -m tests.supply_chain.licences
	@$(PY) -m tests.supply_chain.vulnerabilities .venv-tools/bin/pip-audit

secrets: .venv/dev.installed
	@$(PY) -m tests.supply_chain.secret_scan

sbom: .venv/dev.installed .venv-tools/tools.installed ## write the bill of materials to sbom.json (CycloneDX)
	@.venv-tools/bin/python -W ignore -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml \
		--mc-type application --output-reproducible --of JSON -o sbom.json
	@$(PY) -m tests.supply_chain.sbom sbom.json

lock: ## update the lock files (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url -o requirements.txt
	uv pip compile --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url -o requirements-dev.txt
	uv pip compile --group tools --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url -o requirements-tools.txt

clean: ## remove what was installed; keeps the data in var/
	rm -rf .venv .venv-tools sbom.json .fuzz .coverage* .mutants .mypy_cache .pytest_cache .ruff_cache

.venv/base.installed: requirements.txt
	@sh .ci/environment .venv
	@echo "Installing into .venv"
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev.installed: .venv/base.installed requirements-dev.txt
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Tools that need other versions of packages than the portal does.
.venv-tools/tools.installed: requirements-tools.txt
	@sh .ci/environment .venv-tools
	@.venv-tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt
	@touch $@
