// SPDX-License-Identifier: GPL-2.0
/*
 * The program behind bench/policy.  It replays a trace with all policies.  "check"
 * compares the policies of the textbook with results that were worked out by hand.
 *
 * usage: policy check | policy TRACE REQUESTS SEED FRACTION...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "policy_main.h"
#include "shim.h"

/**
 * struct result - Miss ratios of a trace's second half; the first half fills the cache
 * @all: of all requests
 * @repeats: of the requests for an object that was asked for before; no cache has the
 *	other objects
 */
struct result {
	double	all;
	double	repeats;
};

static struct result miss_ratio(const struct trace *trace, const bool *miss)
{
	bool *seen = calloc(trace->objects, sizeof(*seen));
	uint64_t misses = 0, repeats = 0, repeat_misses = 0, i;

	for (i = 0; i < trace->nr; i++) {
		bool repeat = seen[trace->requests[i]];

		seen[trace->requests[i]] = true;
		if (i < trace->nr / 2)
			continue;
		misses += miss[i];
		repeats += repeat;
		repeat_misses += repeat && miss[i];
	}
	free(seen);
	return (struct result) {
		.all = (double)misses / (trace->nr - trace->nr / 2),
		.repeats = repeats ? (double)repeat_misses / repeats : 0,
	};
}

static void replay_all(const struct trace *trace, double fraction,
		       const struct policy *policy)
{
	uint32_t capacity = trace->objects * fraction;
	bool *miss = malloc(trace->nr);
	struct result result;

	for (; policy->name; policy++) {
		policy->run(trace, capacity, miss);
		result = miss_ratio(trace, miss);
		printf("{\"trace\": \"%s\", \"cache_fraction\": %g, \"policy\": \"%s\", \"miss_ratio\": %.5f, \"repeat_miss_ratio\": %.5f, \"objects\": %u, \"requests\": %llu}\n",
		       trace->name, fraction, policy->name,
		       result.all, result.repeats, trace->objects,
		       (unsigned long long)trace->nr);
	}
	free(miss);
}

static void replay(const struct trace *trace, double fraction)
{
	uint32_t capacity = trace->objects * fraction;

	if (!ours_can(capacity)) {
		fprintf(stderr, "policy: %s, %g %%: %u objects are less than the core takes, left out\n",
			trace->name, 100 * fraction, capacity);
		return;
	}
	replay_all(trace, fraction, ours);
	replay_all(trace, fraction, others);
}

/* The requests as letters, and the number of them that a policy misses. */
static const struct example {
	const char	*policy;
	uint32_t	capacity;
	const char	*requests;
	unsigned int	misses;
} examples[] = {
	/* Silberschatz, Galvin, Gagne: Operating System Concepts, "Page Replacement" */
	{ "fifo", 3, "habcadaecdadcbcabhab", 15 },
	{ "lru", 3, "habcadaecdadcbcabhab", 12 },
	{ "belady", 3, "habcadaecdadcbcabhab", 9 },
	/* Belady's anomaly: more room, more misses */
	{ "fifo", 3, "abcdabeabcde", 9 },
	{ "fifo", 4, "abcdabeabcde", 10 },
	/* "a" was asked for again, so CLOCK evicts "b" instead */
	{ "fifo", 3, "abcadab", 6 },
	{ "clock", 3, "abcadab", 5 },
	/* SIEVE's hand has passed "d", so "d" stays.  CLOCK comes to "d" again. */
	{ "clock", 3, "abcabdeadxyzd", 10 },
	{ "sieve", 3, "abcabdeadxyzd", 9 },
	/* "a" comes back from the ghost queue.  "c" was asked for twice, "d" was not. */
	{ "s3fifo", 10, "abcdefghijkacclcda", 14 },
	{ "fifo", 10, "abcdefghijkacclcda", 15 },
	/* A loop that does not fit */
	{ "lru", 3, "abcdabcdabcd", 12 },
	{ "belady", 3, "abcdabcdabcd", 6 },
};

static int check_example(const struct example *example)
{
	struct trace trace = {
		.nr = strlen(example->requests),
		.objects = 26,
	};
	unsigned int misses = 0, i;
	const struct policy *policy = others;
	bool miss[64];

	trace.requests = calloc(trace.nr, sizeof(*trace.requests));
	for (i = 0; i < trace.nr; i++)
		trace.requests[i] = example->requests[i] - 'a';
	while (strcmp(policy->name, example->policy))
		policy++;
	policy->run(&trace, example->capacity, miss);
	for (i = 0; i < trace.nr; i++)
		misses += miss[i];
	free(trace.requests);
	if (misses == example->misses)
		return 0;
	printf("%s with room for %u misses %u of %s, not %u\n", example->policy,
	       example->capacity, misses, example->requests, example->misses);
	return 1;
}

static int check(void)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < sizeof(examples) / sizeof(*examples); i++)
		wrong += check_example(&examples[i]);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	struct trace *trace;
	int i;

	if (argc == 2 && !strcmp(argv[1], "check"))
		return check();
	if (argc < 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	trace = trace_make(argv[1], atof(argv[2]), atoll(argv[3]));
	if (!trace) {
		fprintf(stderr, "policy: there is no trace \"%s\"\n", argv[1]);
		return 2;
	}
	shim_reset(1);
	for (i = 4; i < argc; i++)
		replay(trace, atof(argv[i]));
	fflush(stdout);
	_exit(0);
}
