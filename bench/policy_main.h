/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of build/bench/policy share, by the file that defines it. */
#ifndef _POLICY_MAIN_H
#define _POLICY_MAIN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct trace - Who reads what, in order
 * @name: what it is called
 * @requests: numbers of objects, below @objects
 * @nr: how many requests
 * @objects: how many objects there are; each is asked for at least once
 */
struct trace {
	const char	*name;
	uint32_t	*requests;
	uint64_t	nr;
	uint32_t	objects;
};

/* policy_trace.c: about so many requests; the same for the same seed. */
extern const char *const trace_names[];
struct trace *trace_make(const char *name, uint64_t nr, uint64_t seed);

/**
 * struct policy - A cache of some objects, all of the same size
 * @name: what it is called
 * @run: replay a trace; @miss says for each request whether it was one
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
void ours_run(const struct trace *trace, uint32_t capacity, bool *miss);

#endif
