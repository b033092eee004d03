// SPDX-License-Identifier: GPL-2.0
/* Operations on a cache, and checks of their results. */
#include "model.h"

struct model model;

/* A store or a read under way. */
struct operation {
	struct cachefs_store	store;
	struct cachefs_read	read;
	struct model_version	version;	/* as it was at the beginning */
	unsigned int		v;
	unsigned int		block;
	unsigned int		nr;
	unsigned int		flags;
	struct page		**pages;
	struct page		**given;	/* the core may replace entries */
	int			*result;	/* if a caller waits for it */
	bool			*ended;
};

static u64 mix(u64 z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static u64 block_key(u32 number, unsigned int block)
{
	return mix((u64)number << 32 | block);
}

static void fill(const struct model_version *version, unsigned int block,
		 bool poison, u8 *bytes)
{
	u64 *words = (u64 *)bytes, state = block_key(version->number, block);
	unsigned int i;

	state ^= poison;
	for (i = 0; i < CACHEFS_BLOCK_SIZE / 8; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		words[i] = state;
	}
	if (block == version->blocks - 1)
		memset(bytes + version->tail, 0,
		       CACHEFS_BLOCK_SIZE - version->tail);
}

static void check_page(const struct operation *op, unsigned int i)
{
	const struct model_version *version = &op->version;
	unsigned int block = op->block + i;
	const u8 *bytes = page_address(op->pages[i]);
	u8 right[CACHEFS_BLOCK_SIZE];

	fill(version, block, false, right);
	if (memcmp(bytes, right, sizeof(right)))
		shim_panic("version %u block %u: wrong bytes", version->number,
			   block);
}

static struct operation *operation_alloc(unsigned int v, unsigned int block,
					 unsigned int nr)
{
	struct operation *op;
	unsigned int i;

	op = kzalloc(sizeof(*op), GFP_KERNEL | __GFP_NOFAIL);
	op->pages = kcalloc(nr, sizeof(*op->pages), GFP_KERNEL | __GFP_NOFAIL);
	op->given = kcalloc(nr, sizeof(*op->given), GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < nr; i++)
		op->pages[i] = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	memcpy(op->given, op->pages, nr * sizeof(*op->pages));
	op->version = model.versions[v];
	op->v = v;
	op->block = block;
	op->nr = nr;
	model.pending++;
	return op;
}

static void operation_end(struct operation *op, int result)
{
	unsigned int i;

	if (op->ended) {
		*op->ended = true;
		*op->result = result;
	}
	for (i = 0; i < op->nr; i++)
		__free_page(op->pages[i]);
	kfree(op->pages);
	kfree(op->given);
	kfree(op);
	model.pending--;
}

/* As in the glue: are the pages of the current version and generation? */
static enum cachefs_reason still_valid(struct cachefs_store *store)
{
	struct operation *op = container_of(store, struct operation, store);
	struct model_version *now = &model.versions[op->v];

	bool valid = !(op->flags & (MODEL_POISON | MODEL_BLAME)) &&
		now->number == op->version.number &&
		now->gen == op->version.gen;

	might_sleep();
	if (model.asked)
		model.asked();
	return valid ? CACHEFS_WHY_NONE : CACHEFS_WHY_VERSION;
}

static void store_done(struct cachefs_store *store)
{
	struct operation *op = container_of(store, struct operation, store);
	struct model_version *now = &model.versions[op->v];
	unsigned int i;

	might_sleep();
	EXPECT(store->stored <= store->bytes);
	EXPECT(store->error || store->stored == store->bytes);
	EXPECT(store->error != -ESTALE || !store->stored);
	EXPECT(!(op->flags & (MODEL_POISON | MODEL_BLAME)) || !store->stored);
	model.stores++;
	model.stored += DIV_ROUND_UP(store->stored, CACHEFS_BLOCK_SIZE);
	for (i = 0; i < op->nr && op->flags & MODEL_SCRIBBLE; i++)
		if (now->number == op->version.number)
			now->scribbled[op->block + i] = true;
	operation_end(op, store->error);
}

static struct operation *store_start(unsigned int v, unsigned int block,
				     unsigned int nr, unsigned int flags,
				     int *result, bool *ended)
{
	struct operation *op = operation_alloc(v, block, nr);
	struct model_version *version = &op->version;
	unsigned int i, at;

	op->flags = flags;
	op->result = result;
	op->ended = ended;
	for (i = 0; i < nr; i++)
		fill(version, block + i, flags & MODEL_POISON,
		     page_address(op->pages[i]));
	op->store.cache = model.cache;
	op->store.version = version->core;
	op->store.block = version->base + block;
	op->store.bytes = (size_t)nr << CACHEFS_BLOCK_SHIFT;
	if (block + nr == version->blocks) {
		op->store.bytes -= CACHEFS_BLOCK_SIZE - version->tail;
		/* The bytes beyond the end of a file are arbitrary. */
		memset(page_address(op->pages[nr - 1]) + version->tail, 0x5a,
		       CACHEFS_BLOCK_SIZE - version->tail);
	}
	op->store.pages = op->given;
	op->store.may_wait = model.may_wait;
	op->store.keep = model.keep;
	op->store.still_valid = still_valid;
	op->store.done = store_done;
	cachefs_store(&op->store);
	/* Nothing has run since: @op still exists, and its pages are on their way. */
	for (i = 0; flags & MODEL_SCRIBBLE && i < 1 + shim_below(8); i++) {
		at = shim_below(nr << CACHEFS_BLOCK_SHIFT);
		((u8 *)page_address(op->pages[at >> CACHEFS_BLOCK_SHIFT]))
			[at % CACHEFS_BLOCK_SIZE] ^= 1 + shim_below(255);
	}
	return op;
}

static void read_done(struct cachefs_read *read)
{
	struct operation *op = container_of(read, struct operation, read);
	unsigned int i;

	model.reads++;
	if (read->error == -EUCLEAN)
		model.mismatches++;
	for (i = 0; !read->error && i < op->nr; i++)
		check_page(op, i);
	if (!read->error)
		model.served += op->nr;
	operation_end(op, read->error);
}

static void read_start(unsigned int v, unsigned int block, unsigned int nr,
		       int *result, bool *ended)
{
	struct operation *op = operation_alloc(v, block, nr);

	op->result = result;
	op->ended = ended;
	op->read.cache = model.cache;
	op->read.version = op->version.core;
	op->read.block = op->version.base + block;
	op->read.nr = nr;
	op->read.pages = op->pages;
	op->read.done = read_done;
	cachefs_read(&op->read);
}

void model_store(unsigned int v, unsigned int block, unsigned int nr,
		 unsigned int flags)
{
	store_start(v, block, nr, flags, NULL, NULL);
}

void model_read(unsigned int v, unsigned int block, unsigned int nr)
{
	read_start(v, block, nr, NULL, NULL);
}

int model_store_now(unsigned int v, unsigned int block, unsigned int nr)
{
	bool ended = false;
	int result;

	store_start(v, block, nr, 0, &result, &ended);
	while (!ended)
		shim_wait_progress("the end of a store");
	return result;
}

int model_read_now(unsigned int v, unsigned int block, unsigned int nr)
{
	bool ended = false;
	int result;

	read_start(v, block, nr, &result, &ended);
	while (!ended)
		shim_wait_progress("the end of a read");
	return result;
}

void model_invalidate(unsigned int v)
{
	model.versions[v].gen++;
}

bool model_cached(unsigned int v, unsigned int block)
{
	struct model_version *version = &model.versions[v];
	bool cached;

	cachefs_lookup(model.cache, &version->core, version->base + block, 1,
		       &cached);
	return cached;
}

unsigned int model_count_cached(unsigned int v)
{
	unsigned int block, n = 0;

	for (block = 0; block < model.versions[v].blocks; block++)
		n += model_cached(v, block);
	return n;
}

void model_read_cached(unsigned int v, unsigned int block)
{
	/* Use a copy, because the model may change during a read. */
	const struct model_version version = model.versions[v];
	unsigned int nr;
	bool cached;

	for (; block < version.blocks; block += nr) {
		nr = cachefs_lookup(model.cache, &version.core,
				    version.base + block, version.blocks - block,
				    &cached);
		nr = min(nr, 1 + shim_below(40));
		if (cached && model.versions[v].number == version.number)
			model_read_now(v, block, nr);
	}
}

static void version_init(struct model_version *version)
{
	static const u8 volume[] = "volume", key[] = "file";

	cachefs_version_id(model.cache, version->core.id, volume,
			   sizeof(volume), key, sizeof(key), &version->number,
			   sizeof(version->number), version->blocks);
}

void model_new_version(unsigned int v, unsigned int blocks)
{
	struct model_version *version = &model.versions[v];
	static const u64 bases[] = {
		0, 100, (1ULL << 32) - 50, (1ULL << CACHEFS_FILE_BLOCK_BITS) -
		MODEL_MAX_BLOCKS,
	};

	memset(version, 0, sizeof(*version));
	version->number = ++model.next_number;
	version->base = bases[shim_below(ARRAY_SIZE(bases))];
	version->blocks = blocks;
	version->tail = 8 + shim_below(CACHEFS_BLOCK_SIZE - 7);
	if (model.cache)
		version_init(version);
}

void model_format(u64 device_blocks, u32 region_blocks)
{
	unsigned int v;

	memset(&model, 0, sizeof(model));
	model.device = device_init(device_blocks);
	EXPECT_EQ(cachefs_format(model.device, "test", region_blocks), 0);
	for (v = 0; v < MODEL_VERSIONS; v++)
		model_new_version(v, 1 + shim_below(MODEL_MAX_BLOCKS));
}

int model_attach_only(void)
{
	unsigned int v;
	int ret;

	ret = cachefs_attach(model.device, 0, &model.cache);
	if (ret) {
		model.cache = NULL;
		return ret;
	}
	for (v = 0; v < MODEL_VERSIONS; v++)
		version_init(&model.versions[v]);
	return 0;
}

void model_recover(void)
{
	while (model.cache->recovery && model.cache->state == CACHEFS_ACTIVE)
		shim_wait_progress("the end of a recovery");
}

int model_attach(void)
{
	int ret = model_attach_only();

	if (!ret)
		model_recover();
	return ret;
}

void model_detach(void)
{
	struct cachefs_cache *cache = model.cache;

	model.cache = NULL;
	cachefs_detach(cache);
	EXPECT_EQ(model.pending, 0);
}

void model_exit(void)
{
	if (model.cache)
		model_detach();
}
