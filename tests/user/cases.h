/* SPDX-License-Identifier: GPL-2.0 */
/* Functions that the cases share. */
#ifndef _CASES_H
#define _CASES_H

#include "model.h"

struct test_case {
	const char	*name;
	void		(*run)(void);
};

/* Check the reason of the last refusal since the last such check, and clear it. */
#define EXPECT_REFUSED(why) \
	do { \
		EXPECT_EQ(shim_refused, CACHEFS_WHY_##why); \
		shim_refused = CACHEFS_WHY_NONE; \
	} while (0)

#define CASE(name) { #name, name }

/* Each array ends with an empty entry. */
extern const struct test_case io_cases[];	/* cases_io.c */
extern const struct test_case index_cases[];	/* cases_index.c */
extern const struct test_case reinsert_cases[];	/* cases_reinsert.c */
extern const struct test_case budget_cases[];	/* cases_budget.c */
extern const struct test_case pace_cases[];	/* cases_pace.c */
extern const struct test_case volume_cases[];	/* cases_volume.c */
extern const struct test_case ghost_cases[];	/* cases_ghosts.c */
extern const struct test_case discard_cases[];	/* cases_discard.c */
extern const struct test_case disk_cases[];	/* cases_disk.c */
extern const struct test_case format_cases[];	/* cases_format.c */
extern const struct test_case error_cases[];	/* cases_errors.c */
extern const struct test_case task_cases[];	/* cases_tasks.c */
extern const struct test_case metadata_cases[];	/* cases_metadata.c */
extern const struct test_case recover_cases[];	/* cases_recover.c */
extern const struct test_case golden_cases[];	/* cases_golden.c */

/* The smallest cache, attached, with versions 1 and 2 of 200 blocks. */
void tiny(void);
/* Fill as many regions as there are with data that is not read. */
void one_lap(void);
/* tiny(), with blocks in regions 0 and 1 whose checksums are not in memory. */
void two_regions(void);
void bad_blocks(u64 start, unsigned int nr);
void reattach(void);
void cut_power(enum device_death death);
void lose_power(enum device_death death);	/* and attach again */

/* Pin all regions, as readers do: none can be reused, so none gets ready any more. */
void pin_all(int change);
/* Store all of a version, in steps: the ready regions may not take all at once. */
void store_all(unsigned int v);
s64 stat(enum cachefs_stat which);
/* Take all slots that there are before the log runs.  Return their number. */
u32 take_slots(bool last);

#endif
