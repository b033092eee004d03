// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/debug/cachefs: regions and stores, for developers.  This may change. */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "internal.h"
#include "device.h"

static struct dentry *debugfs_dir;

static void debugfs_region(struct seq_file *m, const char *state,
			   const struct cachefs_open_region *open)
{
	const struct cachefs_cache *cache = m->private;

	seq_printf(m, "%s region=%u slots=%u unresolved=%u\n", state, open->nr,
		   open->next_slot, open->next_slot + READ_ONCE(open->left) - cache->geo.slots);
}

/* Show the number of regions in each state, and the regions with metadata in memory. */
static int debugfs_regions_show(struct seq_file *m, void *unused)
{
	struct cachefs_cache *cache = m->private;
	unsigned int nr[CACHEFS_REGION_SEALED + 1] = {};
	const struct cachefs_open_region *open;
	u32 region;

	for (region = 0; region < cache->geo.nr_regions; region++) {
		nr[READ_ONCE(cache->regions[region].state)]++;
		cond_resched();
	}
	seq_printf(m, "free=%u ready=%u open=%u sealed=%u\n",
		   nr[CACHEFS_REGION_FREE], nr[CACHEFS_REGION_READY],
		   nr[CACHEFS_REGION_OPEN], nr[CACHEFS_REGION_SEALED]);
	spin_lock(&cache->log_lock);
	list_for_each_entry(open, &cache->sealing, link)
		debugfs_region(m, "full", open);
	if (cache->current_region)
		debugfs_region(m, "open", cache->current_region);
	list_for_each_entry(open, &cache->ready, link)
		debugfs_region(m, "ready", open);
	spin_unlock(&cache->log_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(debugfs_regions);

/* Show the stores that have not ended and were not given up, oldest first. */
static int debugfs_stores_show(struct seq_file *m, void *unused)
{
	struct cachefs_cache *cache = m->private;
	const struct cachefs_store *store;

	spin_lock(&cache->stores_lock);
	list_for_each_entry(store, &cache->stores, watch)
		seq_printf(m, "v=%8phN block=%llu bytes=%zu pending=%d ms=%u\n",
			   store->version.id, store->block, store->bytes,
			   atomic_read(&store->pending),
			   jiffies_to_msecs(jiffies - store->began));
	spin_unlock(&cache->stores_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(debugfs_stores);

/**
 * cachefs_debugfs_add - Make the files of a cache in debugfs, if the kernel has it
 * @cache: attached
 *
 * Context: process, may sleep.
 */
void cachefs_debugfs_add(struct cachefs_cache *cache)
{
	debugfs_dir = debugfs_create_dir("cachefs", NULL);
	debugfs_create_file("regions", 0400, debugfs_dir, cache,
			    &debugfs_regions_fops);
	debugfs_create_file("stores", 0400, debugfs_dir, cache,
			    &debugfs_stores_fops);
}

/**
 * cachefs_debugfs_remove - Remove the files again
 *
 * Context: process, may sleep; waits for readers.
 */
void cachefs_debugfs_remove(void)
{
	debugfs_remove(debugfs_dir);
}
