// SPDX-License-Identifier: GPL-2.0
/*
 * Readers, stores, invalidations and the shrinker at the same time, in threads,
 * on a device so small that regions are reused all the time; with detaches in
 * between, while they go on.  For ThreadSanitizer, and without it for speed.
 *
 * usage: race [SECONDS [SEED]]
 *
 * A block's content is a function of version and block.  A store gets the content that
 * a server has at some time after the store's read began, maybe of another version.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "shim.h"

/* Regions have one block of metadata for half of the time, and two for the other half. */
#define REGION_BLOCKS	256		/* the most */
static const u32 region_sizes[] = { CACHEFS_MIN_REGION_BLOCKS, REGION_BLOCKS };
#define REGIONS		(CACHEFS_MIN_REGIONS + 2)
#define BLOCKS		(CACHEFS_FIRST_BLOCK + REGIONS * REGION_BLOCKS + \
			 CACHEFS_LAST_BLOCKS)
#define FILES		6
#define FILE_BLOCKS	120
#define MAX_PENDING	40		/* operations */
#define MAX_IN_FLIGHT	(24 * CACHEFS_BLOCK_SIZE)

struct file {
	struct mutex		lock;
	struct cachefs_version	version;
	u64			state;		/* number << 32 | generation */
};

struct operation {
	struct cachefs_store	store;
	struct cachefs_read	read;
	struct file		*file;
	u64			state;		/* at its begin */
	unsigned int		block;
	unsigned int		nr;
	struct page		**pages;
	struct page		**given;	/* the core may replace entries */
};

struct race_io {
	struct cachefs_io	io;
	struct work_struct	work;
	bool			write;
};

static u8 *disk;
static u64 device_blocks;
static struct workqueue_struct *device_wq;
static bool device_fails;
/* The cache has said that it does not use the device any more. */
static bool device_idle;
/* Like cachefs_attach_mutex: no shrinker runs while the cache is finished. */
static pthread_mutex_t attach_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct cachefs_cache *cache;
static struct file files[FILES];
static bool stop;
static unsigned int pending, next_number;
static s64 writing;			/* bytes on their way to the device */
static u64 stored, served, refused, stale, missed, mismatches, invalidations;
static u64 released;
static u64 found, merged;		/* entries of the index, and pages */
static u64 loaded, rounds, failed_rounds, regions_used;

static void count(u64 *counter, u64 n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

/* The device.  It has no lock: a read of a block that is being written is a race. */

u64 cachefs_device_blocks(struct cachefs_device *device)
{
	return device_blocks;
}

int cachefs_device_discard(struct cachefs_device *device, u64 block, unsigned int nr)
{
	return -EOPNOTSUPP;
}

const char *cachefs_device_name(struct cachefs_device *device)
{
	return "memory";
}

int cachefs_device_signature(struct cachefs_device *device, const char **what)
{
	*what = "unknown data";
	return CACHEFS_SIGNATURE_OWN;
}

int cachefs_device_wipe(struct cachefs_device *device)
{
	return 0;
}

static u8 *at(u64 block)
{
	EXPECT(block < BLOCKS);
	return disk + (block << CACHEFS_BLOCK_SHIFT);
}

static int device_error(void)
{
	return READ_ONCE(device_fails) && shim_chance(4) ? -EIO : 0;
}

int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr, blk_opf_t flags)
{
	might_sleep();
	shim_pause();
	memcpy(buffer, at(block), (size_t)nr << CACHEFS_BLOCK_SHIFT);
	count(&loaded, 1);
	return device_error();
}

int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags)
{
	might_sleep();
	EXPECT(!READ_ONCE(device_idle));
	shim_pause();
	memcpy(at(block), buffer, (size_t)nr << CACHEFS_BLOCK_SHIFT);
	return device_error();
}

struct cachefs_io *cachefs_io_alloc(struct cachefs_cache *cache, bool write,
				    unsigned int nr)
{
	struct race_io *rio;

	if (write && shim_chance(5))
		return NULL;
	rio = kzalloc(sizeof(*rio), GFP_NOIO | __GFP_NOFAIL);
	rio->write = write;
	rio->io.cache = cache;
	rio->io.nr = nr;
	return &rio->io;
}

static void transfer(struct work_struct *work)
{
	struct race_io *rio = container_of(work, struct race_io, work);
	struct cachefs_io *io = &rio->io;
	unsigned int i;

	shim_pause();
	for (i = 0; i < io->nr; i++) {
		u8 *bytes = page_address(io->pages[i]);

		if (rio->write)
			memcpy(at(io->device_block + i), bytes,
			       CACHEFS_BLOCK_SIZE);
		else
			memcpy(bytes, at(io->device_block + i),
			       CACHEFS_BLOCK_SIZE);
		/* Sometimes a read returns other bytes than the disk has. */
		if (!rio->write && shim_below(500) == 0)
			bytes[shim_below(CACHEFS_BLOCK_SIZE)] ^= 1;
	}
	if (rio->write)
		__atomic_sub_fetch(&writing, io->nr << CACHEFS_BLOCK_SHIFT,
				   __ATOMIC_SEQ_CST);
	io->error = device_error();
	shim_irq_enter();
	io->end(io);
	shim_irq_exit();
}

void cachefs_io_submit(struct cachefs_io *io)
{
	struct race_io *rio = container_of(io, struct race_io, io);

	might_sleep();
	EXPECT(!READ_ONCE(device_idle));
	if (rio->write)
		EXPECT(__atomic_add_fetch(&writing,
					  io->nr << CACHEFS_BLOCK_SHIFT,
					  __ATOMIC_SEQ_CST) <= MAX_IN_FLIGHT);
	INIT_WORK(&rio->work, transfer);
	queue_work(device_wq, &rio->work);
}

void cachefs_io_free(struct cachefs_io *io)
{
	kfree(container_of(io, struct race_io, io));
}

bool cachefs_device_stable_writes(struct cachefs_device *device)
{
	return false;
}

struct page *cachefs_copy_page_alloc(struct cachefs_device *device)
{
	if (shim_chance(5))
		return NULL;
	return alloc_page(GFP_NOIO | __GFP_NOFAIL);
}

void cachefs_copy_page_free(struct cachefs_device *device, struct page *page)
{
	__free_page(page);
}

/* Content */

#define WORDS	(CACHEFS_BLOCK_SIZE / sizeof(u64))

static void fill(u8 *bytes, u64 number, unsigned int block)
{
	u64 *words = (u64 *)bytes, word = number + block;
	unsigned int i;

	words[0] = number;
	words[1] = block;
	for (i = 2; i < WORDS; i++) {
		word = word * 6364136223846793005ULL + 1442695040888963407ULL;
		words[i] = word;
	}
}

/* Check that a page has the content of the operation's version. */
static void check_page(const struct operation *op, unsigned int i)
{
	u8 right[CACHEFS_BLOCK_SIZE];
	u64 found = *(u64 *)page_address(op->pages[i]);

	fill(right, found, op->block + i);
	if (op->block + i == FILE_BLOCKS - 1)
		memset(right + 100, 0, sizeof(right) - 100);
	if (found != op->state >> 32 ||
	    memcmp(right, page_address(op->pages[i]), sizeof(right)))
		shim_panic("block %u: wrong bytes", op->block + i);
}

/* Operations */

static struct operation *operation_alloc(unsigned int max_blocks)
{
	struct operation *op = kzalloc(sizeof(*op), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int i;

	while (__atomic_load_n(&pending, __ATOMIC_ACQUIRE) > MAX_PENDING)
		usleep(50);
	__atomic_add_fetch(&pending, 1, __ATOMIC_RELAXED);
	op->file = &files[shim_below(FILES)];
	op->block = shim_below(FILE_BLOCKS);
	op->nr = 1 + shim_below(min(max_blocks, FILE_BLOCKS - op->block));
	op->pages = kcalloc(op->nr, sizeof(*op->pages),
			    GFP_KERNEL | __GFP_NOFAIL);
	op->given = kcalloc(op->nr, sizeof(*op->given),
			    GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < op->nr; i++)
		op->pages[i] = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	memcpy(op->given, op->pages, op->nr * sizeof(*op->pages));
	return op;
}

static void free_pages(struct operation *op)
{
	unsigned int i;

	for (i = 0; i < op->nr; i++)
		__free_page(op->pages[i]);
}

static void operation_free(struct operation *op)
{
	kfree(op->pages);
	kfree(op->given);
	kfree(op);
	__atomic_sub_fetch(&pending, 1, __ATOMIC_RELEASE);
}

static struct cachefs_version begin(struct operation *op)
{
	struct cachefs_version version;

	mutex_lock(&op->file->lock);
	version = op->file->version;
	op->state = READ_ONCE(op->file->state);
	mutex_unlock(&op->file->lock);
	return version;
}

static enum cachefs_reason still_valid(struct cachefs_store *store)
{
	struct operation *op = container_of(store, struct operation, store);

	might_sleep();
	shim_pause();
	/* Do not take the lock: it would put too much into an order. */
	return __atomic_load_n(&op->file->state, __ATOMIC_ACQUIRE) == op->state ?
		CACHEFS_WHY_NONE : CACHEFS_WHY_VERSION;
}

/* If this is called too early, the device may still read the pages. */
static void store_release(struct cachefs_store *store)
{
	might_sleep();
	free_pages(container_of(store, struct operation, store));
	count(&released, store->released);
}

static void store_done(struct cachefs_store *store)
{
	struct operation *op = container_of(store, struct operation, store);

	EXPECT(store->stored <= store->bytes);
	EXPECT(store->error || store->stored == store->bytes);
	EXPECT(!store->released || !store->stored);
	count(&stored, DIV_ROUND_UP(store->stored, CACHEFS_BLOCK_SIZE));
	count(&stale, store->error == -ESTALE);
	if (!store->release)
		free_pages(op);
	operation_free(op);
}

static void store_some(void)
{
	struct operation *op = operation_alloc(16);
	size_t bytes = op->nr << CACHEFS_BLOCK_SHIFT;
	struct cachefs_version version = begin(op);
	unsigned int i;
	u64 number;

	/* The server answers; it may have another version by now. */
	shim_pause();
	number = __atomic_load_n(&op->file->state, __ATOMIC_ACQUIRE) >> 32;
	for (i = 0; i < op->nr; i++)
		fill(page_address(op->pages[i]), number, op->block + i);
	if (op->block + op->nr == FILE_BLOCKS)
		bytes -= CACHEFS_BLOCK_SIZE - 100;
	op->store.may_wait = shim_chance(50);
	if (!op->store.may_wait &&
	    !cachefs_store_wanted(cache, &version, op->block, bytes)) {
		count(&refused, 1);
		free_pages(op);
		operation_free(op);
		return;
	}
	op->store.cache = cache;
	op->store.version = version;
	op->store.block = op->block;
	op->store.bytes = bytes;
	op->store.pages = op->given;
	op->store.still_valid = still_valid;
	op->store.release = shim_chance(80) ? store_release : NULL;
	op->store.done = store_done;
	cachefs_store(&op->store);
}

static void read_done(struct cachefs_read *read)
{
	struct operation *op = container_of(read, struct operation, read);
	unsigned int i;

	count(&mismatches, read->error == -EUCLEAN);
	count(&missed, read->error == -ENODATA);
	for (i = 0; !read->error && i < op->nr; i++)
		check_page(op, i);
	if (!read->error)
		count(&served, op->nr);
	free_pages(op);
	operation_free(op);
}

static void read_some(void)
{
	struct operation *op = operation_alloc(40);
	struct cachefs_version version = begin(op);
	unsigned int nr, i;
	bool cached;

	nr = cachefs_lookup(cache, &version, op->block, op->nr, &cached);
	if (!cached && shim_chance(95)) {
		free_pages(op);
		operation_free(op);
		return;
	}
	for (i = nr; i < op->nr; i++)
		__free_page(op->pages[i]);
	op->nr = nr;
	op->read.cache = cache;
	op->read.version = version;
	op->read.block = op->block;
	op->read.nr = op->nr;
	op->read.pages = op->pages;
	op->read.done = read_done;
	cachefs_read(&op->read);
}

/* The caller holds the lock of @file. */
static void new_version(struct file *file)
{
	u64 number = __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED);

	__atomic_store_n(&file->state, number << 32, __ATOMIC_RELEASE);
	cachefs_version_id(cache, file->version.id, "volume", 6, "file", 4,
			   &number, sizeof(number), FILE_BLOCKS);
}

static void invalidate_some(void)
{
	struct file *file = &files[shim_below(FILES)];

	mutex_lock(&file->lock);
	if (shim_chance(20)) {
		new_version(file);
	} else {
		__atomic_add_fetch(&file->state, 1, __ATOMIC_SEQ_CST);
		count(&invalidations, 1);
	}
	mutex_unlock(&file->lock);
	usleep(shim_below(2000));
}

static void shrink_some(void)
{
	if (!pthread_mutex_trylock(&attach_mutex)) {
		cachefs_region_drop_checksums(cache, 1 + shim_below(REGIONS));
		cachefs_index_shrink(cache, true);
		pthread_mutex_unlock(&attach_mutex);
	}
	WRITE_ONCE(shim_ram_available, shim_below(100));
	usleep(shim_below(500));
}

/* Read counters at any time, as sysfs does. */
static void look_at_counters(void)
{
	EXPECT(READ_ONCE(cache->live_blocks) <= REGIONS * REGION_BLOCKS);
	EXPECT(READ_ONCE(cache->nr_extents) <= REGIONS * REGION_BLOCKS);
	usleep(shim_below(500));
}

static void (*const jobs[])(void) = {
	read_some, read_some, store_some, store_some, invalidate_some,
	shrink_some, shrink_some, look_at_counters,
};

struct thread {
	pthread_t	thread;
	void		(*job)(void);
	u64		seed;
};

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	shim_seed(thread->seed);
	while (!READ_ONCE(stop))
		thread->job();
	return NULL;
}

static void start_all(struct thread *threads, void (*const *job)(void),
		      unsigned int nr, u64 seed)
{
	unsigned int i;

	WRITE_ONCE(stop, false);
	for (i = 0; i < nr; i++) {
		threads[i] = (struct thread) { .job = job[i], .seed = seed + i + 1 };
		EXPECT_EQ(pthread_create(&threads[i].thread, NULL, thread_main,
					 &threads[i]), 0);
	}
}

static void stop_all(struct thread *threads, unsigned int nr)
{
	WRITE_ONCE(stop, true);
	while (nr--)
		pthread_join(threads[nr].thread, NULL);
}

/* Tests of the index alone, with many more entries than there are slots. */
#define MANY	500

static u32 place_of(u32 n)
{
	return (REGIONS - 1 - n / MANY) << cache->ref_shift | n % cache->geo.slots;
}

static void find_some(void)
{
	struct cachefs_version version = {};
	u32 n = shim_below(4 * MANY), place;

	*(u32 *)version.id = n;
	cachefs_index_map(cache, &version, 0, 1, &place, CACHEFS_MAP_LOOK);
	EXPECT(place == CACHEFS_NO_REF || place == place_of(n));
	count(&found, place != CACHEFS_NO_REF);
}

/* Give a region other entries, or none: then there are fewer pages. */
static void replace_some(void)
{
	struct cachefs_version version = {};
	u32 of = shim_below(4) * MANY, n = of, region = REGIONS - 1 - of / MANY;
	u32 pages = READ_ONCE(cache->index.nr_pages);

	cachefs_index_forget(cache, region);
	cachefs_index_sweep(cache, true);
	/* All pages that are not in use are freed, and some are allocated anew. */
	WRITE_ONCE(cache->index.max_bytes, 1);
	EXPECT_EQ(cachefs_index_reserve(cache, 1), 0);
	WRITE_ONCE(cache->index.max_bytes, 0);
	EXPECT_EQ(cachefs_index_reserve(cache, 1), 0);
	count(&merged, pages - min(pages, READ_ONCE(cache->index.nr_pages)));
	if (shim_chance(30))
		return;
	for (; n < of + MANY; n++) {
		*(u32 *)version.id = n;
		write_lock(&cache->index_lock);
		cachefs_index_insert(cache, region, version.id, 0,
				     n % cache->geo.slots, 1);
		write_unlock(&cache->index_lock);
	}
}

static void (*const index_jobs[])(void) = { find_some, find_some, replace_some };

static void one_round_of_the_index(u64 seed)
{
	struct thread threads[ARRAY_SIZE(index_jobs)];
	u32 nr;

	/* The round before may have left a device that fails. */
	WRITE_ONCE(device_fails, false);
	EXPECT_EQ(cachefs_attach(NULL, 0, &cache), 0);
	start_all(threads, index_jobs, ARRAY_SIZE(index_jobs), seed);
	usleep(200000);
	stop_all(threads, ARRAY_SIZE(index_jobs));
	for (nr = 0; nr < REGIONS; nr++)
		cachefs_index_forget(cache, nr);
	cachefs_detach(cache);
}

/* An attach, threads that use the cache, and a detach under them. */
static void one_round(u64 seed)
{
	struct thread threads[ARRAY_SIZE(jobs)];
	unsigned int i;

	shim_seed(seed);
	WRITE_ONCE(device_fails, false);
	EXPECT_EQ(cachefs_attach(NULL, 0, &cache), 0);
	cache->max_in_flight = MAX_IN_FLIGHT;
	if (shim_chance(50))
		cache->max_in_flight_ms = 100;
	for (i = 0; i < FILES; i++)
		if (!files[i].state || shim_chance(30))
			new_version(&files[i]);
	start_all(threads, jobs, ARRAY_SIZE(jobs), seed);
	usleep(200000 + shim_below(200000));
	WRITE_ONCE(device_fails, shim_chance(20));
	usleep(200000);
	/* The cache fails, and an administrator has it used again. */
	if (shim_chance(40)) {
		cmpxchg(&cache->state, CACHEFS_ACTIVE, CACHEFS_FAILED);
		usleep(shim_below(20000));
		failed_rounds++;
		if (shim_chance(70)) {
			EXPECT_EQ(cachefs_use_again(cache), 0);
			usleep(100000);
		}
	}
	/* The threads do not end yet: they go on for a while and are refused. */
	if (shim_chance(50)) {
		pthread_mutex_lock(&attach_mutex);
		cachefs_finish(cache);
		pthread_mutex_unlock(&attach_mutex);
		WRITE_ONCE(device_idle,
			   READ_ONCE(cache->state) == CACHEFS_DETACHED);
	} else {
		cachefs_quiesce(cache);
	}
	usleep(shim_below(5000));
	stop_all(threads, ARRAY_SIZE(jobs));
	/* Refused operations end in work that may not have run yet. */
	cachefs_quiesce(cache);
	EXPECT_EQ(__atomic_load_n(&pending, __ATOMIC_ACQUIRE), 0);
	EXPECT_EQ(atomic64_read(cachefs_in_flight(cache)), 0);
	flush_delayed_work(&cache->log_work);
	/* A checkpoint takes the READY regions back. */
	if (!device_idle)
		check_index(cache);
	regions_used += (u32)cache->next_seq;
	cachefs_detach(cache);
	WRITE_ONCE(device_idle, false);
	rounds++;
}

static bool all_happened(void)
{
	return served && stored && found && merged;
}

int main(int argc, char **argv)
{
	u64 seconds = argc > 1 ? strtoull(argv[1], NULL, 0) : 8;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	time_t end = time(NULL) + seconds;
	unsigned int i;

	shim_reset(seed);
	disk = calloc(BLOCKS, CACHEFS_BLOCK_SIZE);
	for (i = 0; i < FILES; i++)
		mutex_init(&files[i].lock);
	device_wq = alloc_workqueue("device", 0, 0);
	for (i = 0; i < ARRAY_SIZE(region_sizes); i++) {
		device_blocks = BLOCKS - REGIONS * (REGION_BLOCKS - region_sizes[i]);
		EXPECT_EQ(cachefs_format(NULL, "race", region_sizes[i]), 0);
		do {
			one_round(seed++ * 100);
			one_round_of_the_index(seed++ * 100);
			/* A busy machine takes longer until all of this has happened. */
		} while (time(NULL) < end - (i ? 0 : seconds / 2) ||
			 (!all_happened() && rounds < 200));
	}
	destroy_workqueue(device_wq);
	free(disk);
	printf("# %llu rounds, %llu of them with a cache that failed; %llu regions used\n",
	       rounds, failed_rounds, regions_used);
	printf("# %llu stores refused, %llu stale, %llu released; %llu invalidations; %llu reads missed, %llu did not match\n",
	       refused, stale, released, invalidations, missed, mismatches);
	/* The first wrong byte would have ended the run. */
	printf("# %llu blocks stored, %llu served, 0 wrong bytes\n",
	       stored, served);
	printf("# %llu entries of the index found, %llu pages became one with another\n",
	       found, merged);
	EXPECT(all_happened());
	/* On a busy machine a short run does not get to everything. */
	if (seconds >= 30)
		EXPECT(served > rounds * 100 && stored > rounds * 100 &&
		       stale && released && mismatches &&
		       regions_used > rounds * REGIONS);
	return 0;
}
