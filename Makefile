# SPDX-License-Identifier: GPL-2.0
# fother: one Makefile for the host programs, the guest module and the tests.
# Sources are found by wildcard; `make help` lists what there is to make.

BUILD ?= build
FOTHER_CACHE ?= $(CURDIR)/build/cache
PREFIX ?= /usr/local
DESTDIR ?=
export BUILD FOTHER_CACHE

CC := gcc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
HOST_LIBS := libevent libevent_pthreads libvirt libxml-2.0 sqlite3 jansson libcyaml yaml-0.1 libcurl libsodium libcrypto \
	libelf
DEFAULT_KERNEL := 6.1

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
# Looked up once, and only where something is compiled for the host.
lib_cflags = $(eval lib_cflags := $$(shell $(PKG_CONFIG) --cflags $(HOST_LIBS)))$(lib_cflags)
lib_ldlibs = $(eval lib_ldlibs := $$(shell $(PKG_CONFIG) --libs $(HOST_LIBS)) -lpthread)$(lib_ldlibs)
INCLUDES := -Iinclude -Ihost-agent -Iprotocol -Itests/vectors
OPT := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
HOST_CFLAGS = -std=gnu11 $(OPT) -D_GNU_SOURCE $(WARNINGS) $(INCLUDES) $(lib_cflags) $(CFLAGS)

H := $(BUILD)/host
comma := ,
lib_src := $(wildcard protocol/*.c host-agent/core/*.c host-agent/io/*.c)
app_src := $(wildcard host-agent/app/*.c)
cli_src := $(wildcard host-agent/cli/*.c)
unit_src := $(wildcard tests/unit/*_test.c)
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)
# Helpers that several unit tests share: tests/unit/*.c that are no test themselves.
unit_help_src := $(filter-out $(unit_src),$(wildcard tests/unit/*.c)) $(wildcard tests/vectors/*.c)
obj = $(patsubst %.c,$(H)/obj/%.o,$(1))

unit_bin := $(patsubst tests/unit/%.c,$(H)/unit/%,$(unit_src))
e2e_bin := $(patsubst tests/e2e/%.c,$(H)/e2e/%,$(wildcard tests/e2e/*.c))
sim_src := $(wildcard tests/sim/*.c)
fuzz_bin := $(patsubst tests/fuzz/%.c,$(H)/fuzz/%,$(fuzz_src))

.PHONY: all help deps install uninstall install-guest uninstall-guest host-agent guest-kmod unit fuzz fuzz-long test-programs demo bench check \
	check-guest check-debug check-host check-e2e e2e-programs bench-agent bench-programs host-flags lint format clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

all: host-agent guest-kmod ## build everything: host-agent and guest-kmod

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24
	@echo
	@echo "Variables: KREL=<release or flavour> (default: Debian's newest $(DEFAULT_KERNEL) cloud kernel),"
	@echo "PREFIX=<folder> (/usr/local), DESTDIR=<folder> (none): where install puts things,"
	@echo "BUILD=<folder> (build), FOTHER_CACHE=<folder> (build/cache), V=1 (show commands),"
	@echo "FOTHER_KEY=<certificates in DER> (guest-kmod: accept what they sign)."
	@echo "Kernels: 6.1, 6.1-generic, 6.12, debug, 7.2 (of Debian sid; 130 MB, not part of make check)."

deps: ## install the Debian packages that are missing
	tools/deps build

host-agent: $(H)/fotherd $(H)/fother ## build build/host/fotherd and build/host/fother

guest-kmod: $(BUILD)/guest/fother-relay ## build build/guest/<KREL>/fother.ko, the examples and the test modules
	$(Q)FOTHER_KEY='$(FOTHER_KEY)' tools/kmod $(or $(KREL),$(DEFAULT_KERNEL))

# A module is installed for the kernel that it was built for, named in full.
guest_release = $(or $(shell tools/kernel release $(or $(KREL),$(DEFAULT_KERNEL))),$(error no kernel))
placed = $(Q)PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install
install: host-agent ## install the agent, its unit, manual pages and completion: PREFIX=/usr/local DESTDIR=
	$(placed) host

install-guest: guest-kmod ## install fother.ko and fother-relay in a guest, or into DESTDIR: KREL=
	$(placed) guest $(guest_release)

uninstall: ## take away what install put there; configuration and journal stay
	$(placed) host --remove

uninstall-guest:
	$(placed) guest $(guest_release) --remove

unit: $(unit_bin) ## build the unit tests

fuzz: $(fuzz_bin) ## build the fuzz targets (clang)

.PHONY: sim sim-program
sim: sim-program ## run the agent against simulated fleets: SEED= N= VMS= FAULTS= BREAK= CALM=1 DEFAULTS=1 V=1
	$(H)/sim --seed=$(or $(SEED),1) --n=$(or $(N),1) $(if $(VMS),--vms=$(VMS)) \
		$(if $(FAULTS),--faults=$(FAULTS)) $(if $(BREAK),--break=$(BREAK)) \
		$(if $(CALM),--calm --once) $(if $(DEFAULTS),--defaults) $(if $(filter 1,$(V)),--verbose)

sim-program: $(H)/sim

# Each tests/e2e/*.c is one program that an end-to-end test plays a peer with.
e2e-programs: $(e2e_bin)

check: ## install what is missing, build, lint and run all tests
	tests/lib/check all

check-guest: ## run only the tests inside guests (on other kernels: KERNELS="7.2 6.12")
	tests/lib/check guest

check-debug: ## run the tests inside guests on a kernel with KASAN, lockdep, kmemleak (slow)
	tests/lib/check debug

check-host: ## run only the tests that need no guest, and the harness's own
	tests/lib/check host

check-e2e: ## run only the end-to-end tests
	tests/lib/check e2e

.PHONY: check-systemd
check-systemd: host-agent bench-programs ## boot a Debian with systemd and libvirt, install and use the agent there (for root)
	tools/deps build test systemd
	@mkdir -p $(BUILD)/check
	@printf 'systemd\ttap\t3600\ttests/systemd/boot\n' | tests/lib/run -l $(BUILD)/check

# For tools that compile for themselves.
host-flags:
	@echo -std=gnu11 -D_GNU_SOURCE $(INCLUDES) $(lib_cflags)

lint: ## formatting, static analysis and layer checks
	tools/lint

format: ## format all C sources in place
	tools/lint --format

demo: ## three VMs, one rollout, and back
	tools/demo

bench-agent: host-agent bench-programs sim-program ## measure one agent with thousands of emulated VMs, into build/bench/agent.json
	tests/bench/agent/run

# Emulated guests, for the agent's benchmark and tests.
bench-programs: $(H)/bench/guests $(H)/bench/rollout_cost

bench: guest-kmod ## measure fother beside the in-tree core, into build/bench/results.json
	tests/bench/run

clean: ## remove what was built; the cache of kernels stays
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache -exec rm -r {} +

ifeq ($(V),1)
Q :=
else
Q := @
endif
say = @printf '  %-6s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@)

$(H)/obj/%.o: %.c
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

# Rebuilt whole: a source that is gone must not stay in the archive.
$(H)/libfother.a: $(call obj,$(lib_src)) $(H)/lib.list
	$(call say,AR)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(H)/lib.list: FORCE
	@mkdir -p $(@D)
	@echo '$(lib_src)' | cmp -s - $@ || echo '$(lib_src)' >$@

$(H)/fotherd: $(H)/obj/host-agent/app/main.o $(H)/libfotherd.a $(H)/libfother.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib_ldlibs)

# fotherd but for its main(), so that unit tests can run an agent.
$(H)/libfotherd.a: $(call obj,$(filter-out %/main.c,$(app_src))) $(H)/app.list
	$(call say,AR)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(H)/app.list: FORCE
	@mkdir -p $(@D)
	@echo '$(app_src)' | cmp -s - $@ || echo '$(app_src)' >$@

$(H)/fother: $(call obj,$(cli_src)) $(H)/libfother.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib_ldlibs)

# The same of fother.
$(H)/libcli.a: $(call obj,$(filter-out %/main.c,$(cli_src))) $(H)/cli.list
	$(call say,AR)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(H)/cli.list: FORCE
	@mkdir -p $(@D)
	@echo '$(cli_src)' | cmp -s - $@ || echo '$(cli_src)' >$@

$(H)/unit/cli_%: $(H)/obj/tests/unit/cli_%.o $(H)/libcli.a $(H)/libfother.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(lib_ldlibs)

$(H)/unit/%: $(H)/obj/tests/unit/%.o $(call obj,$(unit_help_src)) $(H)/libfotherd.a \
		$(H)/libfother.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(lib_ldlibs)

$(H)/unit/app_clock_test: LDFLAGS += -Wl,--wrap=fth_loop_wall_ms

# The agent's own objects, but for what tests/sim defines in their place; functions between
# two of its files that the checks watch are wrapped.
SIM_WRAPS := time abort fth_rollout_step fth_store_append fth_store_commit \
	fth_store_rollback fth_replay_all fth_replay_again fth_budget_full fth_executor_queue \
	fth_journal_encode fth_rollout_pending fth_incident_fill fth_guest_fill_seen fth_live_tick_due \
	fth_store_raise_epoch fth_rollout_pause fth_agent_flush fth_store_add_block \
	fth_rollout_forget_vm fth_rollout_resume fth_live_take_back fth_live_in_way
$(H)/sim: $(call obj,$(sim_src) tests/unit/core_agenda.c) $(H)/libfotherd.a $(H)/libfother.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(SIM_WRAPS)) -o $@ $^ $(lib_ldlibs)

# Programs of the end-to-end tests that stand beside the agent; a folder of the same
# name has more of one.
$(H)/e2e/peer: $(patsubst %.c,$(H)/obj/%.o,$(wildcard tests/e2e/peer/*.c))
$(H)/e2e/%: $(H)/obj/tests/e2e/%.o $(H)/libfother.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(lib_ldlibs)

$(H)/bench/rollout_cost: $(H)/obj/tests/bench/rollout_cost.o $(H)/libfother.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib_ldlibs)

$(H)/bench/guests: $(patsubst %.c,$(H)/obj/%.o,$(wildcard tests/bench/agent/*.c)) $(H)/libfother.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lsodium

# The fuzzers see the pure parts only; these need no library.
$(H)/fuzz/%: tests/fuzz/%.c $(wildcard protocol/*.c protocol/*.h include/fother/*.h tests/fuzz/*.h)
	$(call say,FUZZ)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(INCLUDES) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(wildcard protocol/*.c)

# The agent's side that guests see; but for io/channel.c it makes io/ up.
fuzz_agent_src := $(wildcard host-agent/core/*.c) $(patsubst %,host-agent/app/%.c,allow api_json \
	executor extend fault guest guest_epoch guest_feed guest_inventory guest_quota guest_tasks \
	guest_word hand history identity incident live) host-agent/io/channel.c host-agent/io/json_text.c
$(H)/fuzz/fuzz_agent: tests/fuzz/fuzz_agent.c $(fuzz_agent_src) \
		$(wildcard host-agent/*/*.h protocol/*.c protocol/*.h include/fother/*.h)
	$(call say,FUZZ)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(INCLUDES) $(lib_cflags) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(fuzz_agent_src) $(wildcard protocol/*.c) -ljansson

fuzz-long: $(fuzz_bin) ## fuzz what guests can reach of the agent for ten minutes
	@mkdir -p $(BUILD)/fuzz/fuzz_agent
	$(H)/fuzz/fuzz_agent -max_total_time=$(or $(SECONDS),600) -max_len=71680 -print_final_stats=1 \
		-artifact_prefix=$(BUILD)/fuzz/fuzz_agent- $(BUILD)/fuzz/fuzz_agent \
		$(wildcard tests/fuzz/corpus/fuzz_agent)

# Static programs for the guests; each file is one.
test-programs: $(patsubst tests/guest/%.c,$(BUILD)/guest/programs/%,$(wildcard tests/guest/*.c))

$(BUILD)/guest/programs/%: tests/guest/%.c $(wildcard tests/guest/*.h)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE $(WARNINGS) $(INCLUDES) -static -pthread -o $@.tmp $<
	@strip -g $@.tmp && mv $@.tmp $@

# Of the guest's userspace, where fother.ko has no controller of its own.
$(BUILD)/guest/fother-relay: guest-kmod/relay/fother-relay.c include/fother/wire.h
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(OPT) -D_GNU_SOURCE $(WARNINGS) -Iinclude -static -o $@.tmp $<
	@strip -g $@.tmp && mv $@.tmp $@

.SECONDARY:
FORCE:
-include $(shell [ ! -d $(H)/obj ] || find $(H)/obj -name '*.d')
