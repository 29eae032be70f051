// SPDX-License-Identifier: GPL-2.0
/* A policy of chance, as a file that a person could have written. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

#define LARGE_VMS 1000u

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->at, text->left, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= text->left)
		return;
	text->at += length;
	text->left -= (size_t)length;
}

static uint32_t draw(uint32_t below)
{
	return sim_random(SIM_RANDOM_POLICY, below);
}

static const char *one_of(const char *const *words, uint32_t count)
{
	return words[draw(count)];
}

#define ONE_OF(...)                                  \
	one_of((const char *const[]){ __VA_ARGS__ }, \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void add_budgets(struct text *text)
{
	uint32_t fleet = draw(4) ? 1 + draw(8) : 0, host = draw(3), group = draw(3);

	if (fleet && host > fleet)
		host = fleet;
	add(text, "  in-flight: {fleet: %u, host: %u, group: %u}\n", fleet, host, group);
	add(text, "  recall: {in-flight: {fleet: %u, host: %u, group: %u}}\n",
	    fleet ? fleet + draw(20) : 0, host ? host + draw(3) : 0, group ? group + draw(3) : 0);
	add(text, "  failures: {max: %s, inconclusive: %s, then: %s}\n",
	    ONE_OF("0", "1", "3", "10%", "40%", "100%"), ONE_OF("0", "2", "20%", "100%"),
	    ONE_OF("reverse", "pause"));
}

static void add_health(struct text *text)
{
	add(text, "health:\n  guest: [%s]\n", ONE_OF("oops, warn", "oops", "oops, warn, effect"));
	add(text, "  host: [%s]\n", ONE_OF("", "", "domain-state", "vcpu-progress, domain-state"));
	if (!draw(4))
		add(text, "  command: [/sim/probe, \"{vm}\"]\n");
	if (!draw(4))
		add(text, "  http: \"http://{vm}/\"\n");
	if (!draw(4))
		add(text, "  wave-command: [/sim/wave, \"{wave}\"]\n");
	add(text, "  timeout: %s\n  retry: 5s\n  parallel: %u\n", ONE_OF("2s", "10s"), 1 + draw(8));
}

/* A fleet that is large is there to be measured: nothing is to stop it. */
static void write_large(struct text *text)
{
	add(text, "confirm: {within: 10m}\nrollout:\n"
		  "  waves: [1, 10%%, 50%%, 100%%]\n  soak: 2s\n"
		  "  in-flight: {fleet: 5000, host: 0, group: 0}\n"
		  "  recall: {in-flight: {fleet: 20000, host: 0, group: 0}}\n"
		  "  failures: {max: 2%%, inconclusive: 5%%, then: pause}\n");
}

static void write_random(struct text *text)
{
	add(text, "confirm: {within: %s}\n", ONE_OF("20s", "45s", "2m", "10m", "none"));
	add(text, "revert: {on: [%s], host-loss-after: %s}\n",
	    ONE_OF("", "oops", "oops, warn", "host-loss", "oops, host-loss"), ONE_OF("20s", "60s"));
	add_health(text);
	add(text, "rollout:\n  waves: [%s]\n",
	    ONE_OF("1, 50%, 100%", "1, 10%, 50%, 100%", "100%", "2, 70%", "1, 3, 100%"));
	add(text, "  soak: %s\n", ONE_OF("0s", "2s", "5s", "15s", "50s"));
	add(text, "  gate: %s\n", ONE_OF("auto", "auto", "auto", "auto", "auto", "manual"));
	add_budgets(text);
}

void sim_policy_write(char *ret_text, size_t size)
{
	struct text text = { ret_text, size };

	add(&text, "version: 1\npatch: {name: %s, file: /sim/%s%s.ko}\n", SIM_PATCH, SIM_PATCH,
	    sim.payload ? "-2" : "");
	if (sim.options.defaults) {
		sim_note("policy:\n%s", ret_text);
		return;
	}
	add(&text, "transition: {deadline: %s}\n", ONE_OF("3s", "5s", "20s"));
	if (sim.vm_count >= LARGE_VMS)
		write_large(&text);
	else
		write_random(&text);
	sim_note("policy:\n%s", ret_text);
}

/* Mostly one chunk; now and then more than one window of them. */
uint32_t sim_policy_payload_size(void)
{
	uint64_t draw = sim.options.seed * 0x9e3779b97f4a7c15ull >> 56;

	if (sim.vm_count <= 12 && draw < 40)
		return 400000;
	return draw < 110 ? 70000 : 1500;
}
