// SPDX-License-Identifier: GPL-2.0
/*
 * Replay: the writes that a kernel made to a cache, as dm-log-writes recorded
 * them, cut off after any of them.
 *
 * usage: replay files DIR VERSION	the files that VERSION brings, from 1 to 5
 *	  replay LOG CACHE CURVE PREFIXES SEED IMAGES FILE
 *
 * CACHE is the device as the recording left it.  PREFIXES of all prefixes (0: each
 * one) are attached twice: with all writes that had ended, and with some writes since
 * the last flush lost or torn.  Each block that the cache serves must be that block of
 * a version of a file.  A version id must mean the same version of the same file in
 * all prefixes.  CURVE gets the amount of warm data after each prefix.  FILE gets the
 * images of IMAGES prefixes, one after the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "model.h"

/* The files.  Each block has the numbers of its file, its version and itself. */
#define NR_FILES	200
#define NR_VERSIONS	5
#define FILE_MAGIC	0x656c6966796c7065ULL
#define FILE_HEADER	24

/* The log's format: drivers/md/dm-log-writes.c. */
#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_FLUSH	1
#define LOG_FUA		2
#define LOG_DISCARD	4
#define SECTOR		512

struct log_super {
	__le64	magic;
	__le64	version;
	__le64	nr_entries;
	__le32	sector_size;
};

/* An entry takes one sector; its data follows. */
struct log_entry {
	__le64	sector;
	__le64	nr_sectors;
	__le64	flags;
	__le64	data_len;
};

static u64 device_bytes;
static struct log_entry **entries, **unflushed;
static u64 nr_entries, next_entry;
static u64 nr_unflushed, nr_flushed;	/* writes since the last but one flush */
static u64 nr_writes, prefix;	/* of the writes with data */
static u64 formatted;		/* the first prefix with a write of block 0 */
static u8 *image, *stable;	/* all writes; only those that cannot be lost */

static u64 seed;
static bool torn;
static struct cachefs_device *device;
static struct cachefs_cache *cache;
static struct page *pages[CACHEFS_CHUNK_BLOCKS];
static struct {
	u64	blocks;		/* served */
	u64	bytes;
	u64	latest_bytes;	/* of the files' last versions */
	u64	mismatches;	/* reads that failed with EUCLEAN */
} got;				/* from the device under test */

static u64 all_blocks, all_mismatches;
static u8 ids[NR_FILES][NR_VERSIONS + 1][16];
static unsigned int nr_ids;

static void report_prefix(void)
{
	fprintf(stderr, "seed %llu: prefix %llu of %llu%s\n", seed, prefix,
		nr_writes, torn ? ", torn" : "");
}

static u64 mix(u64 z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* A fifth of the files stays the same, each other file changes once. */
static bool changes(u32 file, u32 version)
{
	return version == 1 || (file + version) % 5 == 0;
}

static u64 file_size(u32 file, u32 version)
{
	u64 dice = mix((u64)file << 32 | (version + 0x5bd1e995));
	u64 nr = 1 + dice % (file % 50 ? 50 : 300);

	dice >>= 32;
	return (nr << CACHEFS_BLOCK_SHIFT) -
		(dice % 4 ? dice % (CACHEFS_BLOCK_SIZE - FILE_HEADER) : 0);
}

/* Make a block as the cache has it.  Return the number of bytes that are in the file. */
static unsigned int fill(u32 file, u32 version, u64 block, u64 *words)
{
	u64 left = file_size(file, version) - (block << CACHEFS_BLOCK_SHIFT);
	u64 state = mix(mix((u64)file << 32 | version) + block);
	unsigned int i, valid = min_t(u64, left, CACHEFS_BLOCK_SIZE);

	words[0] = FILE_MAGIC;
	words[1] = (u64)file << 32 | version;
	words[2] = block;
	for (i = FILE_HEADER / 8; i < CACHEFS_BLOCK_SIZE / 8; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		words[i] = state;
	}
	memset((u8 *)words + valid, 0, CACHEFS_BLOCK_SIZE - valid);
	return valid;
}

static void write_files(const char *dir, u32 version)
{
	u64 words[CACHEFS_BLOCK_SIZE / 8], block;
	char name[4096];
	unsigned int n;
	FILE *out;
	u32 file;

	for (file = 0; file < NR_FILES; file++) {
		if (!changes(file, version))
			continue;
		snprintf(name, sizeof(name), "%s/f%03u", dir, file);
		out = fopen(name, "w");
		EXPECT(out);
		for (block = 0; block << CACHEFS_BLOCK_SHIFT <
				file_size(file, version); block++) {
			n = fill(file, version, block, words);
			EXPECT(fwrite(words, 1, n, out) == n);
		}
		EXPECT(!fclose(out));
	}
}

/*
 * Each version of a file has one id, and each id one version: only new content changes
 * a file's attributes.  Does an id fit?
 */
static bool id_fits(const u8 id[16], u32 file, u32 version)
{
	static const u8 none[16];
	u32 f, v;

	if (!memcmp(ids[file][version], id, 16))
		return true;
	if (memcmp(ids[file][version], none, 16))
		return false;
	for (f = 0; f < NR_FILES; f++)
		for (v = 1; v <= NR_VERSIONS; v++)
			if (!memcmp(ids[f][v], id, 16))
				return false;
	memcpy(ids[file][version], id, 16);
	nr_ids++;
	return true;
}

static void check_block(const u8 id[16], u64 block, const u64 *words)
{
	u32 file = words[1] >> 32, version = words[1], v;
	u64 right[CACHEFS_BLOCK_SIZE / 8];
	unsigned int valid;

	if (words[0] != FILE_MAGIC || file >= NR_FILES || !version ||
	    version > NR_VERSIONS || !changes(file, version) ||
	    block << CACHEFS_BLOCK_SHIFT >= file_size(file, version))
		shim_panic("file block %llu: wrong bytes, %llx %llx %llx",
			   block, words[0], words[1], words[2]);
	valid = fill(file, version, block, right);
	if (memcmp(words, right, sizeof(right)))
		shim_panic("file %u, version %u, block %llu: wrong bytes",
			   file, version, block);
	if (!id_fits(id, file, version))
		shim_panic("file %u, version %u, block %llu: served as another version's",
			   file, version, block);
	for (v = NR_VERSIONS; !changes(file, v); v--)
		;
	got.blocks++;
	got.bytes += valid;
	got.latest_bytes += v == version ? valid : 0;
}

static bool read_ended;

static void read_done(struct cachefs_read *read)
{
	read_ended = true;
}

static void read_blocks(const struct cachefs_version *version, u64 block,
			unsigned int nr)
{
	struct cachefs_read read = {
		.cache = cache, .version = *version, .block = block, .nr = nr,
		.pages = pages, .done = read_done,
	};
	unsigned int i;

	read_ended = false;
	cachefs_read(&read);
	while (!read_ended)
		shim_wait_progress("the end of a read");
	if (read.error) {
		/* A checkpoint may name blocks whose metadata the device has lost. */
		EXPECT(read.error == -EUCLEAN ||
		       (torn && read.error == -ENODATA));
		got.mismatches++;
		return;
	}
	for (i = 0; i < nr; i++)
		check_block(version->id, block + i, page_address(pages[i]));
}

/* Read all blocks that the index finds, one by one. */
static void read_all(void)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 blocks = geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS, region, slot;
	struct cachefs_meta_block *all = malloc(blocks * sizeof(*all));
	const struct cachefs_slot_record *record;
	const struct cachefs_meta_block *meta;
	struct cachefs_version version;
	struct cachefs_region_meta loaded = { .blocks = all };
	bool cached;
	u64 block;
	u32 place;

	memset(&got, 0, sizeof(got));
	for (region = 0; region < geo->nr_regions; region++) {
		loaded.region = region;
		cachefs_region_read_meta(cache, &loaded);
		if (!loaded.seq)
			continue;
		for (slot = 0; slot < geo->slots; slot++) {
			meta = cachefs_meta_pick(&loaded,
						 slot / CACHEFS_RECORDS_PER_BLOCK, geo);
			if (!meta)
				continue;
			record = &meta->records[slot % CACHEFS_RECORDS_PER_BLOCK];
			block = le64_to_cpu(record->where) >>
				CACHEFS_WHERE_BYTES_BITS;
			memcpy(version.id, record->id, sizeof(version.id));
			cachefs_index_map(cache, &version, block, 1, &place, CACHEFS_MAP_LOOK);
			if (place != (region << cache->ref_shift | slot))
				continue;
			cachefs_lookup(cache, &version, block, 1, &cached);
			if (cached)
				read_blocks(&version, block, 1);
		}
	}
	free(all);
}

static int attach(void)
{
	int ret = cachefs_attach(device, 0, &cache);

	while (!ret && cache->recovery)
		shim_wait_progress("the end of a recovery");
	return ret;
}

static void try_device(void)
{
	u64 first;
	int ret;

	memset(&got, 0, sizeof(got));
	ret = attach();
	if (ret) {
		/* The write of the superblock is missing, or is the last one and torn. */
		EXPECT(prefix < formatted + torn);
		EXPECT(ret == -EMEDIUMTYPE || shim_log_has("bad superblock: "));
		return;
	}
	read_all();
	all_blocks += got.blocks;
	all_mismatches += got.mismatches;
	/* The data had ended before its record was written. */
	EXPECT(torn || !got.mismatches);
	/* Once the log has wrapped, some regions are always complete. */
	EXPECT(torn || prefix < nr_writes / 2 ||
	       got.bytes > device_bytes / 8);
	first = got.blocks;
	if (shim_chance(10)) {
		cachefs_detach(cache);
		shim_log_clear();
		EXPECT_EQ(attach(), 0);
		EXPECT(!shim_log_has("unclean"));
		read_all();
		EXPECT(!got.mismatches);
		EXPECT(torn ? got.blocks <= first : got.blocks == first);
	}
	cachefs_detach(cache);
}

static bool has_flag(const struct log_entry *entry, u64 flag)
{
	return le64_to_cpu(entry->flags) & flag;
}

/* Do a write.  Each of its sectors arrives with a probability of @percent. */
static void apply(u8 *to, const struct log_entry *entry, u32 percent)
{
	const u8 *data = (const u8 *)entry + SECTOR;
	u64 i;

	to += le64_to_cpu(entry->sector) * SECTOR;
	for (i = 0; i < le64_to_cpu(entry->nr_sectors) * SECTOR; i += SECTOR)
		if (percent == 100 || shim_chance(percent))
			memcpy(to + i, data + i, SECTOR);
}

/*
 * Apply the unflushed writes.  The last of them may be lost or torn, and on a device that
 * lies some of the flushed ones, too.  A write with FUA is there, unless it is the very
 * last write.
 */
static void apply_unflushed(u8 *to)
{
	u64 safe = shim_chance(75) ? nr_flushed : 0, i;
	u32 percent;

	if (shim_chance(50))
		safe = max(safe, nr_unflushed - min(nr_unflushed,
						    1ULL + shim_below(64)));
	for (i = 0; i < nr_unflushed; i++) {
		percent = 100;
		if (i >= safe && shim_chance(50))
			percent = shim_chance(50) ? 0 : shim_below(101);
		if (i < nr_unflushed - 1 && has_flag(unflushed[i], LOG_FUA))
			percent = 100;
		apply(to, unflushed[i], percent);
	}
}

/* Apply the next write, and the flushes before it. */
static void advance(void)
{
	struct log_entry *entry;
	u64 i;

	do {
		entry = entries[next_entry++];
		if (!has_flag(entry, LOG_FLUSH))
			continue;
		/* Writes that the flush before this one made durable cannot be lost. */
		for (i = 0; i < nr_flushed; i++)
			apply(stable, unflushed[i], 100);
		nr_flushed = nr_unflushed - nr_flushed;
		unflushed += i;
		nr_unflushed = nr_flushed;
	} while (!entry->nr_sectors);
	apply(image, entry, 100);
	unflushed[nr_unflushed++] = entry;
	prefix++;
}

static void try_prefix(unsigned int turn, FILE *images)
{
	torn = turn;
	shim_reset(mix(seed + prefix) + turn);
	device = device_init(device_bytes >> CACHEFS_BLOCK_SHIFT);
	memcpy(device->now, torn ? stable : image, device_bytes);
	if (torn)
		apply_unflushed(device->now);
	if (images)
		EXPECT(fwrite(device->now, device_bytes, 1, images));
	try_device();
	if (images)
		printf("image %llu %s %llu\n", prefix, torn ? "torn" : "exact",
		       got.latest_bytes);
}

static u8 *map_file(const char *name, u64 *size)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	u8 *p;

	EXPECT(fd >= 0 && !fstat(fd, &st));
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(p != MAP_FAILED);
	close(fd);
	*size = st.st_size;
	return p;
}

static void load_log(const char *name)
{
	u64 size, at = SECTOR, nr, first, i;
	u8 *log = map_file(name, &size);
	struct log_super *super = (struct log_super *)log;
	struct log_entry *entry;

	EXPECT(le64_to_cpu(super->magic) == LOG_MAGIC);
	EXPECT(le32_to_cpu(super->sector_size) == SECTOR);
	nr_entries = le64_to_cpu(super->nr_entries);
	entries = calloc(nr_entries, sizeof(*entries));
	unflushed = calloc(nr_entries, sizeof(*unflushed));
	for (i = 0; i < nr_entries; i++, at += (1 + nr) * SECTOR) {
		entry = (struct log_entry *)(log + at);
		entries[i] = entry;
		nr = le64_to_cpu(entry->nr_sectors);
		first = le64_to_cpu(entry->sector);
		EXPECT(!has_flag(entry, LOG_DISCARD));
		EXPECT(at + (1 + nr) * SECTOR <= size);
		EXPECT((first + nr) * SECTOR <= device_bytes);
		nr_writes += nr != 0;
		if (nr && !first && !formatted)
			formatted = nr_writes;
	}
	EXPECT(formatted);
}

int main(int argc, char **argv)
{
	unsigned int turn;
	u64 nr, nr_images, from, to, i, last, exact = 0;
	FILE *curve, *images, *now;
	const u8 *left;

	shim_panic_hook = report_prefix;
	if (argc == 4 && !strcmp(argv[1], "files")) {
		write_files(argv[2], atoi(argv[3]));
		return 0;
	}
	if (argc != 8)
		shim_panic("see the head of replay.c");
	left = map_file(argv[2], &device_bytes);
	load_log(argv[1]);
	curve = fopen(argv[3], "w");
	nr = strtoull(argv[4], NULL, 0);
	seed = strtoull(argv[5], NULL, 0);
	nr_images = strtoull(argv[6], NULL, 0);
	images = fopen(argv[7], "w");
	EXPECT(curve && images);
	if (!nr || nr > nr_writes + 1)
		nr = nr_writes + 1;
	image = calloc(1, device_bytes);
	stable = calloc(1, device_bytes);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = calloc(1, sizeof(*pages[i]));

	fprintf(curve, "prefix\twarm_kib\ttorn_warm_kib\ttorn_mismatches\n");
	for (i = 0; i < nr; i++) {
		/* One prefix of each part of the log; the last is the whole log. */
		from = i * (nr_writes + 1) / nr;
		to = (i + 1) * (nr_writes + 1) / nr;
		last = from + mix(seed + i) % (to - from);
		while (prefix < (i == nr - 1 ? nr_writes : last))
			advance();
		/* So is the last image.  Every second image is torn. */
		from = i * nr_images / nr;
		to = (i + 1) * nr_images / nr;
		now = from < to ? images : NULL;
		try_prefix(0, (nr_images - to) % 2 ? NULL : now);
		exact = got.bytes >> 10;
		if (i * 20 / nr < (i + 1) * 20 / nr)
			printf("# prefix %llu of %llu: %llu KiB warm\n", prefix,
			       nr_writes, exact);
		try_prefix(1, (nr_images - to) % 2 ? now : NULL);
		/* A prefix that ends with a FUA write has more to tear. */
		turn = 2;
		while (nr_unflushed && turn < 50 &&
		       has_flag(unflushed[nr_unflushed - 1], LOG_FUA))
			try_prefix(turn++, NULL);
		fprintf(curve, "%llu\t%llu\t%llu\t%llu\n", prefix, exact,
			got.bytes >> 10, got.mismatches);
	}
	EXPECT(!fclose(curve) && !fclose(images));
	EXPECT(!memcmp(image, left, device_bytes));
	/* After the detach, all blocks in use are warm. */
	EXPECT(exact << 10 > device_bytes / 3);
	/* The first wrong byte would have ended the run. */
	printf("# %llu prefixes of %llu, also with losses: %llu blocks served, 0 wrong bytes\n",
	       nr, nr_writes + 1, all_blocks);
	printf("# %llu reads did not match, none without losses; %u versions of files\n",
	       all_mismatches, nr_ids);
	return 0;
}
