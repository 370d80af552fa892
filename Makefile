# What there is to do here: "make" lists it.
.DEFAULT_GOAL := help
.PHONY: help setup package demo check lint format test coverage audit appinspect bench dashboard release test-splunk test-sdk up down lock clean
SHELL := bash

# Any Python from 3.9 on. (The app itself is tried under both Pythons that Splunk has, where they are found.)
PYTHON ?= python3
VENV := .venv
TOOLS := build/venvs

# $(call install,python,list): what has no wheel is built by the setuptools that tests/build.txt pins, not by the newest.
PIP_INSTALL = -m pip install -qq --disable-pip-version-check --require-hashes --no-build-isolation
install = @$(1) $(PIP_INSTALL) -r tests/build.txt && $(1) $(PIP_INSTALL) -r $(2)

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/ready  ## make .venv, with what the demo and the tests need

# An environment that is there already is brought up to date in place.
$(VENV)/ready: tests/requirements.txt tests/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9) and "Python 3.9 or newer is needed: make PYTHON=...")'
	@echo "setup: installing tests/requirements.txt into $(VENV)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(call install,$(VENV)/bin/python,$<)
	@touch $@

package: setup  ## build dist/segment_bridge-<version>.tar.gz
	@./package.sh

demo: setup  ## the whole job, here on loopback (KEEP=1 leaves it running)
	@package=$$(./package.sh) && $(VENV)/bin/python -m tests.demo $(if $(KEEP),--keep) "$$(tail -n 1 <<< "$$package")"

check: lint package  ## what you wait for: make lint, and the unit tests with fewer examples by chance
	@$(VENV)/bin/python -m pytest tests/unit --hypothesis-profile=quick -q

lint: setup javascript  ## format, style and mistakes (ruff, eslint), types (mypy), and who may import what
	@$(VENV)/bin/ruff format --quiet --check || { echo "make format formats what is not"; exit 1; }
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/mypy --no-error-summary
	@told=$$(PYTHONPATH=bin $(VENV)/bin/lint-imports --no-cache) || { echo "$$told"; exit 1; }

ESLINT := build/eslint
NODE_IS_HERE := command -v npm > /dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null

# Who changes no JavaScript needs no Node.js.
.PHONY: javascript
javascript:
	@if $(NODE_IS_HERE) && $(MAKE) -s $(ESLINT)/ready; then NODE_PATH=$(ESLINT)/node_modules \
	    $(ESLINT)/node_modules/.bin/eslint --config tests/eslint/eslint.config.cjs --max-warnings=0 app/appserver/static; \
	else echo "lint: the JavaScript was not read: ESLint needs Node.js 20 or later, with an npm that can install it"; fi

format: setup  ## format the Python code (ruff)
	@$(VENV)/bin/ruff format --quiet

AXE := build/axe

# Without it, the browser tests do not look for what shuts people out, and say so.
.PHONY: axe
axe:
	@! $(NODE_IS_HERE) || $(MAKE) -s $(AXE)/ready || echo "test: axe-core could not be installed: its tests are skipped"

test: $(if $(ARGS),,lint) package axe $(TOOLS)/appinspect/ready $(TOOLS)/slim/ready $(TOOLS)/workflows/ready  ## everything that is checked (ARGS="tests/unit -k retry" for a part)
	@$(VENV)/bin/python -m pytest $(or $(ARGS),$(IN_PARALLEL))

# Two processes, a file of tests at a time; those that take longest come first (tests/conftest.py).
IN_PARALLEL := --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# On one Python, that of .venv, which programs of the app run under too; without the year, which runs nothing else.
coverage: package  ## how much of the app the tests run, by lines and branches, and what not
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(VENV)/bin/python -m coverage run -m pytest $(IN_PARALLEL) tests/unit tests/integration tests/system \
	    --ignore=tests/system/operations/test_year.py
	@$(VENV)/bin/python -m coverage combine --quiet && $(VENV)/bin/python -m coverage report

audit: $(TOOLS)/audit/ready  ## whether known weaknesses of the libraries that the app ships bite
	@$(TOOLS)/audit/bin/pip-audit --strict --require-hashes --disable-pip -r app/lib/requirements.txt \
	    $$(sed -n 's/^[^#]* \(GHSA-[a-z0-9-]*\) .*/--ignore-vuln \1/p' tests/package/advisories.txt)

NEWEST := $(TOOLS)/appinspect-newest

# The one place where what is newest is wanted, and so not pinned.
appinspect: package  ## what Splunk's newest AppInspect says of the package
	@test -x $(NEWEST)/bin/python || "$$($(VENV)/bin/python -m tests.support.pythons 3.13 3.9 || echo $(PYTHON))" -m venv $(NEWEST)
	@$(NEWEST)/bin/python -m pip install -qq --disable-pip-version-check --upgrade splunk-appinspect pylibmagic
	@APPINSPECT=$(abspath $(NEWEST))/bin/python $(VENV)/bin/python -m pytest tests/package/test_appinspect.py

release: setup $(TOOLS)/sbom/ready  ## the package of the version that is tagged, after all tests, with checksums and an SBOM
	@.ci/release

bench: package  ## how fast the command is
	@$(VENV)/bin/python -m tests.bench $(ARGS)

test-splunk: package  ## the end-to-end tests in a real Splunk, in containers (SPLUNK_VERSION=9.4)
	@$(VENV)/bin/python -m tests.docker test $(ARGS)

test-sdk: setup  ## splunk-sdk-python's own tests, against the stand-in (SDK_SOURCE=<a checkout of it>)
	@test -n "$(SDK_SOURCE)" || { echo "make test-sdk needs SDK_SOURCE=<a checkout of github.com/splunk/splunk-sdk-python>"; exit 1; }
	@$(VENV)/bin/python -m tests.standin.sdk "$(SDK_SOURCE)"

up: setup  ## a real Splunk, Segment and a cluster in containers, to set the app up by hand
	@package=$$(./package.sh) && $(VENV)/bin/python -m tests.docker up "$$(tail -n 1 <<< "$$package")"

down: setup  ## end what "make up" began
	@$(VENV)/bin/python -m tests.docker down

DASHBOARD := build/dashboard

# $(call npm,folder): what its package-lock.json pins, into build/
npm = @echo "setup: installing $(1)/package.json into $(@D)" && mkdir -p $(@D) && cp $(1)/package*.json $(@D) \
    && npm ci --prefix $(@D) --no-audit --no-fund --silent && touch $@

# Splunk's own components in Chromium; half a gigabyte of npm packages, which nothing else needs.
dashboard: setup $(DASHBOARD)/ready  ## show the dashboard: docs/overview.png (needs npm and chromium)
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

# Splunk's own checkers need old libraries: each has an environment of its own. AppInspect reads our code with the
# Python that it runs on, so that is the older one of Splunk's.
$(TOOLS)/%/ready: tests/package/%.txt | setup
	@echo "setup: installing $< into $(@D)"
	@test -x $(@D)/bin/python || "$$($(VENV)/bin/python -m tests.support.pythons 3.9 3.13 || echo $(PYTHON))" -m venv $(@D)
	$(call install,$(@D)/bin/python,$<)
	@touch $@

lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: setup  ## pin anew what the requirements.in files ask for
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
