# "make" lists the commands.
.DEFAULT_GOAL := help
.PHONY: help setup package demo check lint format test coverage audit appinspect bench dashboard release test-splunk test-sdk up down lock clean
SHELL := bash
# Tests start hundreds of programs. Without bytecode, each compiles everything that it imports.
unexport PYTHONDONTWRITEBYTECODE

# Any Python from 3.9 on. (Tests run the app under both of Splunk's Pythons if they are installed.)
PYTHON ?= python3
VENV := .venv
TOOLS := build/venvs

# $(call install,python,list): packages without a wheel are built with the setuptools pinned in tests/build.txt.
PIP_INSTALL = -m pip install -qq --disable-pip-version-check --require-hashes --no-build-isolation
install = @$(1) $(PIP_INSTALL) -r tests/build.txt && $(1) $(PIP_INSTALL) -r $(2)

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/ready  ## create .venv, with what the demo and the tests need

# Updates an existing environment in place.
$(VENV)/ready: tests/requirements.txt tests/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9) and "Python 3.9 or newer is needed: make PYTHON=...")'
	@echo "setup: installing tests/requirements.txt into $(VENV)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(call install,$(VENV)/bin/python,$<)
	@touch $@

package: setup  ## build dist/segment_bridge-<version>.tar.gz
	@./package.sh

demo: setup  ## run the whole job on loopback (KEEP=1 leaves it running)
	@package=$$(./package.sh) && $(VENV)/bin/python -m tests.demo $(if $(KEEP),--keep) "$$(tail -n 1 <<< "$$package")"

check: lint package  ## the quick checks: make lint, and the unit tests with fewer random examples
	@$(VENV)/bin/python -m pytest tests/unit --hypothesis-profile=quick -q

lint: setup javascript  ## check format, style and mistakes (ruff, eslint), types (mypy) and imports (import-linter)
	@$(VENV)/bin/ruff format --quiet --check || { echo "some files are not formatted: run make format"; exit 1; }
	@$(VENV)/bin/ruff check --quiet --ignore-noqa
	@$(VENV)/bin/mypy --no-error-summary
	@told=$$(PYTHONPATH=bin $(VENV)/bin/lint-imports --no-cache) || { echo "$$told"; exit 1; }

ESLINT := build/eslint
NODE_IS_HERE := command -v npm > /dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null

# Developers who do not change JavaScript need no Node.js.
.PHONY: javascript
javascript:
	@if $(NODE_IS_HERE) && $(MAKE) -s $(ESLINT)/ready; then NODE_PATH=$(ESLINT)/node_modules \
	    $(ESLINT)/node_modules/.bin/eslint --config tests/eslint/eslint.config.cjs --max-warnings=0 app/appserver/static; \
	else echo "lint: skipped the JavaScript: ESLint needs Node.js 20 or later, with an npm that can install it"; fi

format: setup  ## format the Python code (ruff)
	@$(VENV)/bin/ruff format --quiet

AXE := build/axe

# Without it, the browser tests skip the accessibility checks, and say so.
.PHONY: axe
axe:
	@! $(NODE_IS_HERE) || $(MAKE) -s $(AXE)/ready || echo "test: axe-core could not be installed: its tests are skipped"

# A "make coverage" that was killed leaves a file with which every start of Python imports coverage.py.
test: $(if $(ARGS),,lint) package axe $(TOOLS)/appinspect/ready $(TOOLS)/slim/ready $(TOOLS)/workflows/ready  ## run all checks and tests (ARGS="tests/unit -k retry" for a part)
	@rm -f $(VENV)/lib/python*/site-packages/subcover_*.pth
	@$(VENV)/bin/python -m pytest $(or $(ARGS),$(IN_PARALLEL))

# One test file at a time, the slowest files first (tests/conftest.py). Three processes for two cores: many tests wait.
IN_PARALLEL := --numprocesses=3 --dist=loadfile --no-loadscope-reorder

# Everything runs on .venv's Python, including the app's programs. Leaves out the year: it covers nothing more.
coverage: package  ## measure which lines and branches of the app the tests run
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(VENV)/bin/python -m coverage run -m pytest $(IN_PARALLEL) tests/unit tests/integration tests/system \
	    --ignore=tests/system/operations/test_year.py
	@$(VENV)/bin/python -m coverage combine --quiet && $(VENV)/bin/python -m coverage report

audit: $(TOOLS)/audit/ready  ## look for known vulnerabilities in the libraries that the app ships
	@$(TOOLS)/audit/bin/pip-audit --strict --require-hashes --disable-pip -r app/lib/requirements.txt \
	    $$(sed -n 's/^[^#]* \(GHSA-[a-z0-9-]*\) .*/--ignore-vuln \1/p' tests/package/advisories.txt)

NEWEST := $(TOOLS)/appinspect-newest

# The only place that wants the newest version, and so does not pin one.
appinspect: package  ## check the package with Splunk's newest AppInspect
	@test -x $(NEWEST)/bin/python || "$$($(VENV)/bin/python -m tests.support.pythons 3.13 3.9 || echo $(PYTHON))" -m venv $(NEWEST)
	@$(NEWEST)/bin/python -m pip install -qq --disable-pip-version-check --upgrade splunk-appinspect pylibmagic
	@APPINSPECT=$(abspath $(NEWEST))/bin/python $(VENV)/bin/python -m pytest tests/package/test_appinspect.py

release: setup $(TOOLS)/sbom/ready  ## after all tests, build the tagged version's package with checksums and an SBOM
	@.ci/release

bench: package  ## run the benchmarks (tests/bench/README.md)
	@$(VENV)/bin/python -m tests.bench $(ARGS)

test-splunk: package  ## run the end-to-end tests in a real Splunk, in containers (SPLUNK_VERSION=9.4)
	@$(VENV)/bin/python -m tests.docker test $(ARGS)

test-sdk: setup  ## run splunk-sdk-python's own tests against the stand-in (SDK_SOURCE=<a checkout of it>)
	@test -n "$(SDK_SOURCE)" || { echo "make test-sdk needs SDK_SOURCE=<a checkout of github.com/splunk/splunk-sdk-python>"; exit 1; }
	@$(VENV)/bin/python -m tests.standin.sdk "$(SDK_SOURCE)"

up: setup  ## start a real Splunk, a fake Segment and a cluster in containers, to set the app up by hand
	@package=$$(./package.sh) && $(VENV)/bin/python -m tests.docker up "$$(tail -n 1 <<< "$$package")"

down: setup  ## stop what "make up" started
	@$(VENV)/bin/python -m tests.docker down

DASHBOARD := build/dashboard

# $(call npm,folder): installs what its package-lock.json pins into build/
npm = @echo "setup: installing $(1)/package.json into $(@D)" && mkdir -p $(@D) && cp $(1)/package*.json $(@D) \
    && npm ci --prefix $(@D) --no-audit --no-fund --silent && touch $@

# Splunk's own components in Chromium. They are half a gigabyte of npm packages, which nothing else needs.
dashboard: setup $(DASHBOARD)/ready  ## draw the dashboard: docs/overview.png (needs npm and chromium)
	@NODE_PATH=$(DASHBOARD)/node_modules $(DASHBOARD)/node_modules/.bin/esbuild tests/dashboard/page.jsx --bundle \
	    --outfile=$(DASHBOARD)/page.js --jsx=automatic --define:global=window \
	    '--define:process.env.NODE_ENV="production"' --loader:.css=empty --loader:.svg=dataurl --loader:.png=dataurl \
	    --log-level=error
	@package=$$(./package.sh) && PYTHONPATH=bin $(VENV)/bin/python -m tests.dashboard "$$(tail -n 1 <<< "$$package")" \
	    $(DASHBOARD)/page.js docs/overview.png

$(DASHBOARD)/ready: tests/dashboard/package-lock.json
	@command -v npm > /dev/null || { echo "make dashboard needs npm (Node.js)"; exit 1; }
	$(call npm,tests/dashboard)

$(ESLINT)/ready: tests/eslint/package-lock.json
	$(call npm,tests/eslint)

$(AXE)/ready: tests/axe/package-lock.json
	$(call npm,tests/axe)

# Splunk's checkers need old libraries, so each has its own environment. AppInspect parses our code with the Python
# that it runs on, so it runs on the older of Splunk's Pythons.
$(TOOLS)/%/ready: tests/package/%.txt | setup
	@echo "setup: installing $< into $(@D)"
	@test -x $(@D)/bin/python || "$$($(VENV)/bin/python -m tests.support.pythons 3.9 3.13 || echo $(PYTHON))" -m venv $(@D)
	$(call install,$(@D)/bin/python,$<)
	@touch $@

lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: setup  ## pin the newest versions that the requirements.in files allow
	@test -x $(TOOLS)/uv/bin/uv || { $(VENV)/bin/python -m venv $(TOOLS)/uv && $(TOOLS)/uv/bin/python -m pip install -qq uv; }
	@cd app/lib && ../../$(TOOLS)/uv/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.9 \
	    --no-emit-package tzdata --no-emit-package websocket-client requirements.in -o requirements.txt
	@for name in docs/requirements tests/build tests/requirements tests/package/appinspect tests/package/slim \
	    tests/package/audit tests/package/sbom tests/package/workflows tests/bench/requirements; do \
	    $(TOOLS)/uv/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.9 --universal --fork-strategy fewest \
	        --no-strip-extras $$name.in -o $$name.txt || exit 1; \
	done

clean:  ## remove what was built (not .venv)
	@rm -rf build dist
