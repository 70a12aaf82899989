# Python 3.11, Node and make are all that must be here; the rest is brought.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
DEVNET := $(VENV)/bin/python -m cryptopay.devnet

.PHONY: run install test messages bench torture write reset lock audit sbom

run: install            ## start everything, print where it is; Ctrl-C stops it
	@$(DEVNET) run

install: $(VENV)/installed
	@$(DEVNET) install

test: $(VENV)/installed ## lint, types, contracts, migrations, deployment, tests
	@$(DEVNET) install --for-tests
	@$(DEVNET) check

messages: $(VENV)/installed ## read the payment page's words off the code, and compile their translations
	@$(DEVNET) messages

bench: install           ## measure everything, or PARTS="ledger scan" alone; docs/benchmarks.md
	@$(DEVNET) bench $(PARTS)

torture: install         ## try to break the ledger for half an hour, or TRIALS="crash tampering" alone
	@$(DEVNET) torture $(TRIALS)

write: $(VENV)/installed ## write the Python client and the Postman collection anew from the API's description
	@$(DEVNET) write

lock: $(VENV)/installed  ## write the locks after a change of requirements; UPGRADE=yes; SOONER="ruff" if it is younger than a week
	@$(DEVNET) lock $(if $(UPGRADE),--upgrade) --sooner $(SOONER)

audit: $(VENV)/installed ## ask for known holes in what is locked
	@$(DEVNET) audit

sbom: $(VENV)/installed  ## list what the application consists of, in CycloneDX
	@$(DEVNET) sbom

reset: $(VENV)/installed ## forget the demo: database, chains, logs
	@$(DEVNET) reset

$(VENV)/installed: requirements-dev.lock
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or later is needed. Fix: install it, or name it: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Installing the Python packages into $(VENV) ...'
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(VENV)/bin/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "cryptopay.pth").write_text("$(CURDIR)\n")'
	@touch $@
