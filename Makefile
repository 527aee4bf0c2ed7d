# Two commands do everything: `make demo` runs the main job, `make test` passes the tests.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint venv services bench bench-smtp bench-dkim bench-traffic bench-line bench-backlog bench-expiry bench-tracker bench-growth bench-cores faults conformance world lock audit schemas release clean

demo: .venv/.runtime
	$(BIN)/campaign-mta demo

test: lint services
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

venv: .venv/.test

# Each prints a table and writes build/NAME.json; bench-traffic also holds the simulator against real processes.
bench bench-smtp bench-dkim bench-traffic bench-line bench-backlog bench-expiry bench-tracker bench-growth bench-cores: .venv/.test services
	$(BIN)/python -m tests.bench.$(or $(patsubst bench-%,%,$(filter bench-%,$@)),whole)
	$(if $(filter bench-traffic,$@),$(BIN)/python -m tests.bench.wire)

faults conformance world: .venv/.test services
	$(BIN)/python -m tests.$@
	$(if $(filter faults,$@),$(BIN)/python -m tests.faults.soak)
	$(if $(filter faults,$@),$(BIN)/pytest -m long)

# The real broker, store and mail server that the tests run against.
services:
	@tests/services/install

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "campaign-mta needs Python 3.11 or newer; name one with: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python3 -m venv is missing; install it with: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.runtime: .venv/bin/python deploy/requirements.txt pyproject.toml
	$(BIN)/pip install -q -r deploy/requirements.txt
	$(BIN)/pip install -q --no-deps -e .
	@touch $@

.venv/.test: .venv/.runtime tests/requirements.txt
	$(BIN)/pip install -q -r tests/requirements.txt
	@touch $@

# Write the contract's documents and the reference of the configuration anew, from the types that read and write them.
schemas: .venv/.runtime
	$(BIN)/python -m worker.contract deploy
	$(BIN)/python -m worker.reference deploy/configuration.md

# Renew both lock files from the bounds in pyproject.toml. pip-compile drops the markers of what exists for one platform only.
lock: .venv/bin/python
	$(BIN)/pip install -q 'pip-tools>=7.5,<8'
	$(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate --generate-hashes \
	  --upgrade --extra console -o deploy/requirements.txt pyproject.toml
	$(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate --generate-hashes \
	  --upgrade --extra console --extra multibuffer --extra otel --extra test -c deploy/requirements.txt -o tests/requirements.txt pyproject.toml
	sed -i "s/^\(intel-cmplr-lib-rt\|ipp-crypto\)==[^ ]*/& ; sys_platform == 'linux' and platform_machine == 'x86_64'/" tests/requirements.txt

# Known vulnerabilities of what is installed, by the package index's own list; a package that it does not know is a fault.
audit: .venv/bin/python
	$(BIN)/pip install -q 'pip-audit>=2.10,<3'
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r deploy/requirements.txt

# Wheel, sdist and what is in them (CycloneDX) in build/release. Each has been tried in an environment of its own: the wheel
# passes the demo; of the sdist the same wheel is built, which installs and knows its version.
release: .venv/.test
	rm -rf build/release build/tried build/unpacked
	$(BIN)/pip install -q 'build>=1.3,<2' 'cyclonedx-bom>=7,<8'
	$(BIN)/python -m build -o build/release . >/dev/null
	$(PYTHON) -m venv build/tried
	build/tried/bin/pip install -q -r deploy/requirements.txt
	build/tried/bin/pip install -q --no-deps build/release/*.whl
	cd / && echo '{"reply": "550 5.1.1 User unknown"}' | $(CURDIR)/build/tried/bin/campaign-mta qualify
	cd / && $(CURDIR)/build/tried/bin/campaign-mta demo
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml -o build/release/sbom.json build/tried/bin/python
	build/tried/bin/pip uninstall -q -y campaign-mta
	build/tried/bin/pip install -q --no-deps build/release/*.tar.gz
	cd / && $(CURDIR)/build/tried/bin/campaign-mta --version
	mkdir build/unpacked && tar -xzf build/release/*.tar.gz -C build/unpacked --strip-components=1
	$(MAKE) -C build/unpacked demo PYTHON=$(PYTHON)

clean:
	rm -rf .venv build
