# Everything is `make TARGET`; `make help` lists the targets. Works on GNU make 3.81 and later.

SHELL := /bin/sh
.DEFAULT_GOAL := help

SETUP := sh tools/setup.sh
STACK := sh tools/stack/stack.sh
CONTRACT := $(shell find proto/shop tools/contract -type f 2>/dev/null) buf.yaml buf.gen.yaml tools/generate.ts
# Both tests/ and the parts: `make test TESTS='order-svc/src/**/*.test.ts'` runs some of them.
TESTS ?=

.PHONY: help doctor generate up dev down status logs redeploy debug reset seed admin audit backup restore replay parked check format test faults mutants verify new-service split clean

help: ## Show the targets
	@echo 'make TARGET [MODE=docker|native] [SVC=order-svc]'
	@awk -F ':.*## ' '/^##@ /{ printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## /{ printf "  %-11s %s\n", $$1, $$2 }' Makefile

##@ Run it
up: ## Start everything, add products and an administrator, say what to try
	@$(STACK) up

down: ## Stop everything; data stays
	@$(STACK) down

status: ## Show what runs and whether it is ready
	@$(STACK) status

admin: ## Reset the administrator's password and print it
	@$(STACK) admin

seed: ## Add the products and the administrator that are missing
	@$(STACK) seed

backup: ## Copy the databases of the running system, all as of one moment: TO=
	@$(STACK) backup

restore: ## Put a backup in the place of the databases, of a stopped system: FROM=
	@$(STACK) restore

parked: ## List messages nobody tries any more, show one, try again: SVC= ID= ALL=1 REPLAY=1
	@$(STACK) parked $(SVC)

replay: ## Publish again what was sent and nobody has handled, or all since SINCE=
	@$(STACK) replay

reset: ## Stop everything and delete all data of this checkout
	@$(STACK) reset

doctor: ## Say what this machine has and lacks for Quartet, and what to do
	@sh tools/doctor/doctor.sh

##@ Work on it
dev: ## Start everything, reload what changes, show all logs as one: LOG=json
	@$(STACK) dev

logs: ## Follow the logs, of one part with SVC=; FOLLOW=0 LINES=100 LOG=json
	@$(STACK) logs $(SVC)

redeploy: ## Restart one part with the current code: SVC=
	@$(STACK) redeploy $(SVC)

debug: ## Run one service of the stack under Node's inspector: SVC= DEBUG_PORT=9229 BREAK=1
	@$(STACK) debug $(SVC)

generate: ## Generate code from proto/ (in the image build where there is only Docker)
	@$(STACK) generate

format: .build/installed ## Format the code and apply safe fixes
	@$(SETUP) biome check --write .

new-service: .build/generated ## Make a service of the common shape: NAME=review
	@$(SETUP) node tools/new-service.ts '$(NAME)' '$(PLURAL)'

split: .build/generated ## Cut a service out into a folder that builds alone: SVC=order-svc
	@$(SETUP) node tools/split.ts $(SVC)

clean: ## Delete generated code, builds and fetched tools; data stays
	rm -rf .build .tools proto/gen examples/go-client/gen node_modules

##@ Prove it
check: .build/generated ## Check format, lint, types, contract and drift
	@$(SETUP) sh tools/check.sh

audit: ## Say whether the books of the running system add up, and what does not: WAIT_S=30
	@$(STACK) audit

test: .build/generated ## Run all tests, on a real RabbitMQ and a real Envoy: TESTS='order-svc/src/**/*.test.ts'
	@$(SETUP) node tools/stack/cli.ts fetch
	@set -f; $(SETUP) node tools/test.ts $(TESTS)

faults: .build/generated ## Kill parts at random during checkouts, look for what is lost or doubled: SEED= CHECKOUTS=
	@$(SETUP) node tools/stack/cli.ts fetch
	@$(SETUP) node tools/test.ts tests/faults/campaign/campaign.test.ts

mutants: .build/generated ## Break the code in one place after another, and see the fault tests notice: NAMES='no-inbox …'
	@$(SETUP) node tests/mutants/run.ts $(NAMES)

verify: .build/generated ## Run the long campaigns, which take two hours: TESTS='tests/faults/**/*.verify.ts'
	@$(SETUP) node tools/stack/cli.ts fetch
	@set -f; $(SETUP) node tools/test.ts $(or $(TESTS),--long)

.build/installed: package-lock.json package.json
	@$(SETUP) --install
	@mkdir -p .build && touch $@

.build/generated: .build/installed $(CONTRACT)
	@$(SETUP) node tools/generate.ts
	@touch $@
