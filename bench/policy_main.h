/* SPDX-License-Identifier: GPL-2.0 */
/* Shared declarations of build/bench/policy, by the file that defines them. */
#ifndef _POLICY_MAIN_H
#define _POLICY_MAIN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct trace - Requests for objects, in order
 * @name: its name
 * @requests: numbers of objects, below @objects
 * @nr: number of requests
 * @objects: number of objects; each is asked for at least once
 */
struct trace {
	const char	*name;
	uint32_t	*requests;
	uint64_t	nr;
	uint32_t	objects;
};

/* policy_trace.c: traces of about @nr requests, the same for the same seed. */
extern const char *const trace_names[];
struct trace *trace_make(const char *name, uint64_t nr, uint64_t seed);

/**
 * struct policy - A cache of some objects, all of the same size
 * @name: its name
 * @run: replays a trace; @miss says for each request whether it missed
 */
struct policy {
	const char	*name;
	void		(*run)(const struct trace *trace, uint32_t capacity,
			       bool *miss);
};

/* policy_others.c, ends with a policy that has no name */
extern const struct policy others[];
/* policy_ours.c */
bool ours_can(uint32_t capacity);
/* The core without a policy of the export, and with the policy "second"; ends the same */
extern const struct policy ours[];

#endif
