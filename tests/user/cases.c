// SPDX-License-Identifier: GPL-2.0
/*
 * Single promises of the core, each in a process of its own.
 *
 * usage: cases [-1] [NAME...]	prints "ok NAME" or "not ok NAME - why"; with -1
 *				it ends at the first failure
 */
#include <sys/wait.h>
#include <unistd.h>
#include "cases.h"

void tiny(void)
{
	model_format(TINY_BLOCKS, TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	model_new_version(1, 200);
	model_new_version(2, 200);
}

void one_lap(void)
{
	unsigned int i;

	for (i = 0; i < TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
}

/* Store blocks in regions 0 and 1, and attach again: no checksums are in memory. */
void two_regions(void)
{
	tiny();
	/* Base 0 makes each store a single I/O. */
	model.versions[1].base = 0;
	model.versions[2].base = 0;
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(3, 0, 1), 0);
	shim_advance_ms(11000);
	reattach();
}

void bad_blocks(u64 start, unsigned int nr)
{
	model.device->bad_start = start;
	model.device->bad_end = start + nr;
}

void reattach(void)
{
	model_detach();
	EXPECT_EQ(model_attach(), 0);
}

void cut_power(enum device_death death)
{
	struct cachefs_device *device = model.device;

	device->death = death;
	device->die_at = device->writes + 1;
	model_detach();
	EXPECT(device->dead);
	device_power_on(device);
}

void lose_power(enum device_death death)
{
	cut_power(death);
	EXPECT_EQ(model_attach(), 0);
}

void pin_all(int change)
{
	u32 nr;

	for (nr = 0; nr < model.cache->geo.nr_regions; nr++)
		atomic_add(change, &model.cache->regions[nr].pins);
}

void store_all(unsigned int v)
{
	unsigned int block, blocks = model.versions[v].blocks;

	for (block = 0; block < blocks; block += 60) {
		EXPECT_EQ(model_store_now(v, block, min(60, blocks - block)),
			  0);
		shim_run();
	}
}

/* Take all slots that there are before the log runs.  Return their number. */
u32 take_slots(bool last)
{
	struct cachefs_piece slots;
	u32 sum = 0;

	while (cachefs_region_alloc_slots(model.cache, TINY_SLOTS, &slots, last)) {
		cachefs_region_abandon(model.cache, &slots);
		sum += slots.nr;
	}
	return sum;
}

s64 stat(enum cachefs_stat which)
{
	return cachefs_stat_read(model.cache, which);
}

static void run_case(const struct test_case *test)
{
	/* A wait that never ends is a failure, too. */
	alarm(900);
	shim_reset(1);
	test->run();
	if (model.device)
		model_exit();
	shim_reset(1);		/* checks that all memory was freed */
}

/* Run a case in a process of its own.  Return the status of the process. */
static int fork_case(const struct test_case *test)
{
	int status;

	fflush(stdout);
	if (!fork()) {
		run_case(test);
		exit(0);
	}
	wait(&status);
	if (status)
		printf("not ok %s - ended with status %x\n", test->name,
		       status);
	else
		printf("ok %s\n", test->name);
	return status;
}

int main(int argc, char **argv)
{
	static const struct test_case *const lists[] = {
		io_cases, index_cases, reinsert_cases, budget_cases, pace_cases, disk_cases,
		format_cases, error_cases, task_cases, metadata_cases, recover_cases, golden_cases,
		volume_cases, ghost_cases, discard_cases,
	};
	bool until_first = argc > 1 && !strcmp(argv[1], "-1");
	int failed = 0, a, names = 1 + until_first;
	const struct test_case *test;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		for (test = lists[i]; test->name; test++) {
			bool wanted = argc <= names;

			for (a = names; a < argc; a++)
				wanted |= !strcmp(argv[a], test->name);
			if (wanted && !(failed && until_first))
				failed |= fork_case(test);
		}
	return failed ? 1 : 0;
}
