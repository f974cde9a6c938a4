# make up and make test need Python 3.11 and nothing else; each installs what it uses into .venv.
PYTHON ?= python3.11
ifeq (, $(shell command -v $(PYTHON)))
PYTHON := python3
endif

export FOREWATT_DATA ?= .forewatt
SUITE ?= infer
P99_MS ?= 150
WORKERS ?= 2
export FOREWATT_SHARED ?= ../shared
export BENTOML_HOME ?= $(abspath $(FOREWATT_DATA))/bentoml
export BENTOML_DO_NOT_TRACK = true
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
unexport PYTHONDONTWRITEBYTECODE # each process that a test starts would compile all modules again
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help up doctor demo-fault test check train simulate load capacity tune canaries figures bench-peers clean data

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

data: # where only its owner may enter, whichever of the commands comes first
	@mkdir -p -m 700 $(FOREWATT_DATA)
	@mkdir -p $(BENTOML_HOME)

up: export FOREWATT_INFERENCE_URL ?= http://127.0.0.1:$(or $(FOREWATT_INFERENCE_PORT),3000)
up: .venv/up data ## install and start everything on loopback; Ctrl-C stops it
	@python -m bentos.load.sample $(FOREWATT_DATA)/uploads/power_data.csv
	@python -m gateway.greeting $$$$ & exec python -m gateway.up

doctor: export FOREWATT_INFERENCE_URL ?= http://127.0.0.1:$(or $(FOREWATT_INFERENCE_PORT),3000)
doctor: .venv/up ## what is wrong with this machine, and what to do
	@python -m gateway.doctor

demo-fault: .venv/demo ## a simulated air-handling unit breaks slowly in front of you, and somebody is told in time; three minutes
	@python -m gateway.demo

test: .venv/dev data ## install and run all tests, by WORKERS=2 processes; pytest and a path runs a few
	@# What was too late beside another process's servers has to be in time alone; each such test is named, and counts.
	pytest --numprocesses $(WORKERS) --dist worksteal || pytest --last-failed --last-failed-no-failures none

check: .venv/dev ## format, lint, types, import contracts
	ruff format --check .
	ruff check .
	mypy
	lint-imports

train: .venv/dev data ## fit the released model again, score it, compare it with the one in the repository
	python -m training load released --out $(FOREWATT_DATA)/training
	python -m training compare $(FOREWATT_DATA)/training/artifact bentos/load/released

simulate: .venv/dev data ## run the fault laboratory into $FOREWATT_DATA/laboratory; goes on where it stopped
	python -m training simulate laboratory --out $(FOREWATT_DATA)/laboratory

load: .venv/dev data ## ask a started system with the short load suites; reports in $FOREWATT_DATA/load. Exit: 1 not enough, 2 says nothing
	python -m loadtests --out $(FOREWATT_DATA)/load

capacity: .venv/dev data ## the highest rate a started system answers in time: make capacity SUITE=infer P99_MS=150
	@mkdir -p $(FOREWATT_DATA)/load
	python -m loadtests.capacity $(SUITE) --p99-ms $(P99_MS) --out $(FOREWATT_DATA)/load/capacity-$(SUITE).json

tune: .venv/dev data ## find and prove the batcher's settings for this machine: make tune SUITE=infer P99_MS=150
	python -m loadtests.tune $(SUITE) --p99-ms $(P99_MS) --out $(FOREWATT_DATA)/tuned.env

canaries: .venv/dev data ## does a load run see a server that froze, or became slower? a quarter of an hour
	python -m loadtests.canaries

figures: .venv/dev ## measure what docs/measured.md says, again
	python -m training load --card docs/cards/vic_elec --measured docs/measured.json
	python -m training load --data $$FOREWATT_SHARED/data/load_eecup2016_area1 --timezone Asia/Shanghai --country CN \
		--subject eecup --card docs/cards/eecup --measured docs/measured.json
	python -m training score --data $$FOREWATT_SHARED/data/load_eecup2016_area1 --timezone Asia/Shanghai --country CN \
		--subject eecup-cold --card docs/cards/eecup-cold --measured docs/measured.json
	python -m training.duration --measured docs/measured.json
	python -m training fault --data $(FOREWATT_DATA)/laboratory --out $(FOREWATT_DATA)/training/fault
	python -m training judge --artifact $(FOREWATT_DATA)/training/fault/artifact --data $(FOREWATT_DATA)/laboratory \
		--lbnl $$FOREWATT_SHARED/data/hvac_lbnl_mzvav2 --card docs/cards/fault --measured docs/measured.json
	python -m training.runtimes --artifact $(FOREWATT_DATA)/training/fault/artifact --data $(FOREWATT_DATA)/laboratory \
		--measured docs/measured.json

bench-peers: .venv/dev ## serve one model from us and from comparable servers, side by side: docs/peers.md; wants wrk, takes half an hour
	python -m loadtests.peers

clean: ## remove the environment; data stays
	rm -rf .venv

.venv/up .venv/demo .venv/dev: .venv/%: pyproject.toml constraints.txt
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "installing forewatt[$*]; the first time takes a minute or two"
	@.venv/bin/pip install -q -c constraints.txt -e '.[$*]'
	@touch $@ $(if $(filter dev,$*),.venv/up .venv/demo) # dev has all that the others have
