// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl dump: show the content of a cache's disk, or of an image of the disk.
 * Nothing is written, and only data that format.c has checked is believed.
 */
#include <linux/slab.h>
#include "internal.h"
#include <err.h>
#include <getopt.h>
#include <time.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "image.h"
#include "json.h"

static const char dump_usage[] =
	"Usage: cachefsctl dump [options] DEVICE|IMAGE\n"
	"\n"
	"Show what is on the disk of a cache.  The disk is only read, and it may be in use.\n"
	"\n"
	"Options:\n"
	" -r, --regions   list the regions that hold something\n"
	" -e, --extents   list the runs of blocks in each region as well\n"
	" -v, --verify    read the data, too, verify all of it, and list what is damaged or\n"
	"                 cannot be read; the exit status is 1 if something is\n"
	" -J, --json      print JSON\n"
	" -u, --udev      print KEY=VALUE lines for udev, of the superblock alone\n"
	" -h, --help      display this help\n";

/**
 * struct dump - One dump
 * @device: the device or image
 * @sb: its superblock
 * @geo: the layout that follows from @sb
 * @seed: the seed of its checksums
 * @json: the JSON that is printed, with @as_json
 * @as_json: print JSON
 * @regions: list regions
 * @extents: list extents, too
 * @verify: read the data, and go on when something is damaged or cannot be read
 * @bad: the number of places that are damaged or unreadable, with @verify
 */
struct dump {
	struct cachefs_device		device;
	struct cachefs_super_block	sb;
	struct cachefs_geometry		geo;
	u64				seed;
	struct json			json;
	bool				as_json;
	bool				regions;
	bool				extents;
	bool				verify;
	u64				bad;
};

enum dump_verdict { DUMP_GOOD, DUMP_DAMAGED, DUMP_UNREADABLE };

static const char *const dump_words[] = { NULL, "damaged", "unreadable" };

/* A region whose metadata was read.  @verdicts has one verdict for each slot. */
struct dump_region {
	struct cachefs_region_meta	meta;
	u8				*verdicts;
	u32				resolved;
	u32				blocks;
	u32				nr[3];		/* blocks with each verdict */
	u32				bad_meta;
};

/* The sums over all regions. */
struct dump_sum {
	u32	used;
	u32	empty;
	u32	unreadable;
	u64	blocks;
	u64	nr[3];
	u64	bad_meta;
};

static void dump_hex(char *text, const u8 *bytes, unsigned int n)
{
	for (; n; n--)
		text += sprintf(text, "%02x", *bytes++);
}

/* Print a field, as a line or as JSON. */
static void dump_number(struct dump *dump, const char *key, u64 value)
{
	if (dump->as_json)
		json_unsigned(&dump->json, key, value);
	else
		printf("  %-17s %llu\n", key, value);
}

static void dump_string(struct dump *dump, const char *key, const char *value)
{
	if (dump->as_json)
		json_string(&dump->json, key, value);
	else
		cmd_say("  %-17s %s\n", key, value ?: "no");
}

static void dump_open(struct dump *dump, const char *key, char bracket)
{
	if (dump->as_json)
		json_open(&dump->json, key, bracket);
	else if (key)
		printf("%s:\n", key);
}

static void dump_close(struct dump *dump, char bracket)
{
	if (dump->as_json)
		json_close(&dump->json, bracket);
}

static void dump_super(struct dump *dump)
{
	const struct cachefs_super_block *sb = &dump->sb;
	char uuid[37], label[CACHEFS_LABEL_SIZE + 1] = "", made[32] = "";
	time_t when = le64_to_cpu(sb->format_time);
	struct tm tm;

	core_uuid_text(uuid, sb->uuid);
	memcpy(label, sb->label, sizeof(sb->label));
	dump_open(dump, "superblock", '{');
	dump_number(dump, "version", le32_to_cpu(sb->version));
	dump_number(dump, "features_compat", le32_to_cpu(sb->features_compat));
	dump_number(dump, "features_incompat", le32_to_cpu(sb->features_incompat));
	dump_string(dump, "uuid", uuid);
	dump_string(dump, "label", label);
	dump_number(dump, "device_blocks", dump->geo.device_blocks);
	dump_number(dump, "first_block", CACHEFS_FIRST_BLOCK);
	dump_number(dump, "nr_regions", dump->geo.nr_regions);
	dump_number(dump, "region_blocks", dump->geo.region_blocks);
	dump_number(dump, "meta_blocks", dump->geo.meta_blocks);
	dump_number(dump, "slots", dump->geo.slots);
	dump_number(dump, "format_time", le64_to_cpu(sb->format_time));
	if (gmtime_r(&when, &tm) &&
	    strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", &tm))
		dump_string(dump, "formatted", made);
	dump_close(dump, '}');
}

/*
 * Read a block.  A read error ends the dump, unless the dump verifies: then the place is
 * counted, and @verdict says so.
 */
static int dump_read(struct dump *dump, u64 block, void *buffer, enum dump_verdict *verdict)
{
	int ret = cachefs_device_read(&dump->device, block, buffer, 1, 0);

	*verdict = ret ? DUMP_UNREADABLE : DUMP_GOOD;
	if (!ret || !dump->verify)
		return ret;
	dump->bad++;
	return 0;
}

/*
 * Was a block written by this cache?  An empty block, or a block of another cache, is no
 * damage: a new cache has one anchor, and its regions have the old content of the disk.
 */
static bool dump_is_ours(const struct dump *dump, const u8 *uuid)
{
	return !memcmp(uuid, dump->sb.uuid, CACHEFS_UUID_SIZE);
}

static void dump_anchor(struct dump *dump, const struct cachefs_anchor *anchor)
{
	dump_number(dump, "clean", le32_to_cpu(anchor->flags) & CACHEFS_ANCHOR_CLEAN);
	dump_number(dump, "generation", le64_to_cpu(anchor->generation));
	dump_number(dump, "attach_count", le64_to_cpu(anchor->attach_count));
	dump_number(dump, "epoch", le64_to_cpu(anchor->epoch));
	dump_number(dump, "next_seq", le64_to_cpu(anchor->next_seq));
	dump_number(dump, "head", le32_to_cpu(anchor->head));
	dump_number(dump, "ckpt_region", le32_to_cpu(anchor->ckpt_region));
	dump_number(dump, "ckpt_blocks", le64_to_cpu(anchor->ckpt_blocks));
	dump_number(dump, "ckpt_seq", le64_to_cpu(anchor->ckpt_seq));
}

/* Print both anchors.  @newest becomes the newest valid anchor, if there is one. */
static int dump_anchors(struct dump *dump, struct cachefs_anchor *newest)
{
	enum cachefs_refusal why = CACHEFS_OK;
	struct cachefs_anchor anchor;
	enum dump_verdict verdict;
	int i, ret;

	newest->magic = 0;
	if (dump->as_json)
		json_open(&dump->json, "anchors", '[');
	for (i = 0; i < 2; i++) {
		ret = dump_read(dump, CACHEFS_ANCHOR_BLOCK + i, &anchor, &verdict);
		if (ret)
			return ret;
		if (!verdict) {
			why = cachefs_anchor_check(&anchor, dump->sb.uuid, dump->seed,
						   &dump->geo);
			dump->bad += why && dump_is_ours(dump, anchor.uuid);
		}
		if (dump->as_json)
			json_open(&dump->json, NULL, '{');
		else
			printf("anchor:\n");
		dump_number(dump, "block", CACHEFS_ANCHOR_BLOCK + i);
		dump_string(dump, "bad", verdict ? dump_words[verdict] :
			    why ? cachefs_refusal_text(why) : NULL);
		if (!verdict && !why) {
			dump_anchor(dump, &anchor);
			if (!newest->magic || le64_to_cpu(anchor.generation) >
					      le64_to_cpu(newest->generation))
				*newest = anchor;
		}
		dump_close(dump, '}');
	}
	dump_close(dump, ']');
	/* Every cache has a valid anchor. */
	dump->bad += !dump->bad && !newest->magic;
	return 0;
}

/* Check a block of the checkpoint that @anchor names. */
static enum cachefs_refusal dump_check_ckpt(struct dump *dump,
					    const struct cachefs_anchor *anchor,
					    const struct cachefs_ckpt_block *block,
					    u64 index, u32 region)
{
	enum cachefs_refusal why;

	why = cachefs_block_check(&block->header, CACHEFS_CKPT_MAGIC,
				  dump->sb.uuid, dump->seed, region);
	if (!why && (block->header.seq != anchor->ckpt_seq ||
		     block->header.epoch != anchor->epoch))
		why = CACHEFS_BAD_SEQ;
	if (!why && le32_to_cpu(block->header.index) != index)
		why = CACHEFS_BAD_INDEX;
	return why;
}

/* Print the first fault of the checkpoint.  A dump that verifies checks all blocks. */
static int dump_checkpoint(struct dump *dump, const struct cachefs_anchor *anchor)
{
	u64 nr = le64_to_cpu(anchor->ckpt_blocks), i, regions = 0, extents = 0, bad = 0;
	u32 region = le32_to_cpu(anchor->ckpt_region), at = 0, k;
	enum cachefs_refusal why = CACHEFS_OK;
	struct cachefs_ckpt_block block;
	enum dump_verdict verdict;
	const char *fault = NULL;
	int ret;

	for (i = 0; i < nr && (!fault || dump->verify); i++) {
		ret = dump_read(dump, CACHEFS_FIRST_BLOCK +
				(u64)region * dump->geo.region_blocks + at, &block,
				&verdict);
		if (ret)
			return ret;
		if (!verdict) {
			why = dump_check_ckpt(dump, anchor, &block, i, region);
			dump->bad += why != CACHEFS_OK;
		}
		if (verdict || why) {
			bad++;
			fault = fault ?: verdict ? dump_words[verdict] :
				cachefs_refusal_text(why);
		}
		for (k = 0; !verdict && !why && k < le32_to_cpu(block.header.nr); k++) {
			regions += le32_to_cpu(block.records[k].kind) ==
				   CACHEFS_CKPT_REGION;
			extents += le32_to_cpu(block.records[k].kind) ==
				   CACHEFS_CKPT_EXTENT;
		}
		if (++at == dump->geo.region_blocks) {
			region = (region + 1) % dump->geo.nr_regions;
			at = 0;
		}
	}
	dump_open(dump, "checkpoint", '{');
	dump_number(dump, "blocks", nr);
	dump_string(dump, "bad", fault);
	if (dump->verify)
		dump_number(dump, "bad_blocks", bad);
	dump_number(dump, "regions", regions);
	dump_number(dump, "extents", extents);
	dump_close(dump, '}');
	return 0;
}

static u64 dump_region_block(struct dump *dump, u32 region)
{
	return CACHEFS_FIRST_BLOCK + (u64)region * dump->geo.region_blocks;
}

/* Find the record of a slot, or NULL. */
static const struct cachefs_slot_record *
dump_record(struct dump *dump, const struct dump_region *region, u32 slot)
{
	const struct cachefs_meta_block *meta;

	meta = cachefs_meta_pick(&region->meta, slot / CACHEFS_RECORDS_PER_BLOCK, &dump->geo);
	slot %= CACHEFS_RECORDS_PER_BLOCK;
	if (!meta || slot >= le32_to_cpu(meta->header.nr))
		return NULL;
	return &meta->records[slot];
}

static u32 dump_bytes(const struct cachefs_slot_record *record)
{
	return le64_to_cpu(record->where) & ((1 << CACHEFS_WHERE_BYTES_BITS) - 1);
}

static u64 dump_file_block(const struct cachefs_slot_record *record)
{
	return le64_to_cpu(record->where) >> CACHEFS_WHERE_BYTES_BITS;
}

/* Does a slot hold a block? */
static bool dump_is_block(const struct cachefs_slot_record *record)
{
	return record && dump_bytes(record) &&
		dump_bytes(record) <= CACHEFS_BLOCK_SIZE;
}

/* Does @next continue the run of @record? */
static bool dump_continues(const struct cachefs_slot_record *record,
			   const struct cachefs_slot_record *next)
{
	return dump_is_block(next) &&
		!memcmp(record->id, next->id, sizeof(record->id)) &&
		dump_file_block(next) == dump_file_block(record) + 1;
}

/* Print a run of blocks.  @bad is the fault of these blocks, or NULL. */
static void dump_extent(struct dump *dump, u32 slot, u32 nr,
			const struct cachefs_slot_record *first, const char *bad)
{
	char id[33];

	dump_hex(id, first->id, sizeof(first->id));
	if (dump->as_json) {
		json_open(&dump->json, NULL, '{');
		json_string(&dump->json, "id", id);
		json_unsigned(&dump->json, "slot", slot);
		json_unsigned(&dump->json, "block", dump_file_block(first));
		json_unsigned(&dump->json, "blocks", nr);
		if (bad)
			json_string(&dump->json, "bad", bad);
		json_close(&dump->json, '}');
	} else {
		printf("    slot %-5u blocks %llu to %llu of %s%s%s\n", slot,
		       dump_file_block(first), dump_file_block(first) + nr - 1,
		       id, bad ? ": " : "", bad ?: "");
	}
}

/* Print the runs of a region: all runs, or the bad runs, each with one verdict. */
static void dump_extents(struct dump *dump, const struct dump_region *region, bool bad)
{
	const struct cachefs_slot_record *first, *last, *next;
	u32 slot, nr;
	u8 verdict;

	if (dump->as_json)
		json_open(&dump->json, bad ? "bad_extents" : "extents", '[');
	for (slot = 0; slot < dump->geo.slots; slot += nr) {
		nr = 1;
		verdict = bad ? region->verdicts[slot] : DUMP_GOOD;
		if (bad && !verdict)
			continue;
		first = dump_record(dump, region, slot);
		if (!dump_is_block(first))
			continue;
		for (last = first; slot + nr < dump->geo.slots;
		     last = next, nr++) {
			next = dump_record(dump, region, slot + nr);
			if (!dump_continues(last, next) ||
			    (bad && region->verdicts[slot + nr] != verdict))
				break;
		}
		dump_extent(dump, slot, nr, first, dump_words[verdict]);
	}
	dump_close(dump, ']');
}

/* Check a block of a region's metadata.  It may be a block of a checkpoint, too. */
static enum cachefs_refusal dump_check_meta(struct dump *dump,
					    const struct dump_region *region, u32 i)
{
	const struct cachefs_block_header *header = &region->meta.blocks[i].header;

	if (!dump_is_ours(dump, header->uuid) ||
	    le32_to_cpu(header->magic) == CACHEFS_CKPT_MAGIC)
		return CACHEFS_OK;
	return cachefs_block_check(header, CACHEFS_META_MAGIC, dump->sb.uuid, dump->seed,
				   region->meta.region);
}

static u32 dump_nr_meta(const struct dump *dump)
{
	return dump->geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS;
}

static void dump_bad_meta(struct dump *dump, const struct dump_region *region)
{
	enum cachefs_refusal why;
	u32 i;

	if (dump->as_json)
		json_open(&dump->json, "bad_metadata", '[');
	for (i = 0; i < dump_nr_meta(dump); i++) {
		why = dump_check_meta(dump, region, i);
		if (why && dump->as_json) {
			json_open(&dump->json, NULL, '{');
			json_unsigned(&dump->json, "block", i);
			json_string(&dump->json, "bad", cachefs_refusal_text(why));
			json_close(&dump->json, '}');
		} else if (why) {
			printf("    metadata block %u: damaged: %s\n", i,
			       cachefs_refusal_text(why));
		}
	}
	dump_close(dump, ']');
}

/* Does a slot hold the data that its record describes? */
static enum dump_verdict dump_verify(struct dump *dump, u32 region, u32 slot,
				     const struct cachefs_slot_record *record)
{
	u8 data[CACHEFS_BLOCK_SIZE];

	if (cachefs_device_read(&dump->device, dump_region_block(dump, region) +
				dump_nr_meta(dump) + slot, data, 1, 0))
		return DUMP_UNREADABLE;
	return cachefs_data_checksum(dump->seed, record->id, dump_file_block(record), data) ==
		le64_to_cpu(record->checksum) ? DUMP_GOOD : DUMP_DAMAGED;
}

static void dump_count(struct dump *dump, struct dump_region *region)
{
	const struct cachefs_slot_record *record;
	u32 slot, i;

	for (slot = 0; slot < dump->geo.slots; slot++) {
		record = dump_record(dump, region, slot);
		region->resolved += !!record;
		region->verdicts[slot] = DUMP_GOOD;
		if (!dump_is_block(record))
			continue;
		region->blocks++;
		if (dump->verify)
			region->verdicts[slot] = dump_verify(dump, region->meta.region, slot,
							     record);
		region->nr[region->verdicts[slot]]++;
	}
	for (i = 0; dump->verify && i < dump_nr_meta(dump); i++)
		region->bad_meta += dump_check_meta(dump, region, i) != CACHEFS_OK;
}

static void dump_region(struct dump *dump, const struct dump_region *region)
{
	if (dump->as_json) {
		json_open(&dump->json, NULL, '{');
		json_unsigned(&dump->json, "region", region->meta.region);
		json_unsigned(&dump->json, "seq", region->meta.seq);
		json_unsigned(&dump->json, "epoch", region->meta.epoch);
		json_unsigned(&dump->json, "resolved", region->resolved);
		json_unsigned(&dump->json, "blocks", region->blocks);
		if (dump->verify) {
			json_unsigned(&dump->json, "damaged", region->nr[DUMP_DAMAGED]);
			json_unsigned(&dump->json, "unreadable", region->nr[DUMP_UNREADABLE]);
		}
	} else {
		printf("  region %-8u seq %llu:%llu  blocks %u",
		       region->meta.region, region->meta.seq >> 32,
		       region->meta.seq & U32_MAX,
		       region->blocks);
		if (dump->verify)
			printf("  damaged %u  unreadable %u", region->nr[DUMP_DAMAGED],
			       region->nr[DUMP_UNREADABLE]);
		putchar('\n');
	}
	if (dump->verify) {
		dump_bad_meta(dump, region);
		dump_extents(dump, region, true);
	}
	if (dump->extents)
		dump_extents(dump, region, false);
	if (dump->as_json)
		json_close(&dump->json, '}');
}

/* Print a region whose metadata cannot be read. */
static void dump_unreadable(struct dump *dump, u32 region)
{
	dump->bad++;
	if (dump->as_json) {
		json_open(&dump->json, NULL, '{');
		json_unsigned(&dump->json, "region", region);
		json_string(&dump->json, "bad", dump_words[DUMP_UNREADABLE]);
		json_close(&dump->json, '}');
	} else {
		printf("  region %-8u metadata: unreadable\n", region);
	}
}

static void dump_each_region(struct dump *dump, struct dump_region *region,
			     struct dump_sum *sum)
{
	u32 i;

	if (cachefs_device_read(&dump->device, dump_region_block(dump, region->meta.region),
				region->meta.blocks, dump_nr_meta(dump), 0)) {
		sum->unreadable++;
		if (dump->verify)
			dump_unreadable(dump, region->meta.region);
		return;
	}
	cachefs_meta_newest(&region->meta, dump->sb.uuid, dump->seed, &dump->geo);
	if (region->meta.seq || dump->verify)
		dump_count(dump, region);
	if (!region->meta.seq && !region->bad_meta) {
		sum->empty++;
		return;
	}
	sum->used++;
	sum->blocks += region->blocks;
	for (i = 0; i < ARRAY_SIZE(sum->nr); i++)
		sum->nr[i] += region->nr[i];
	sum->bad_meta += region->bad_meta;
	dump_region(dump, region);
}

static int dump_regions(struct dump *dump)
{
	struct cachefs_meta_block *blocks;
	struct dump_sum sum = {};
	u8 *verdicts;
	u32 nr;

	blocks = kvcalloc(dump_nr_meta(dump), CACHEFS_BLOCK_SIZE, GFP_KERNEL);
	verdicts = kvcalloc(dump->geo.slots, 1, GFP_KERNEL);
	dump_open(dump, "regions", '[');
	for (nr = 0; blocks && verdicts && nr < dump->geo.nr_regions; nr++) {
		struct dump_region region = {
			.meta = { .blocks = blocks, .region = nr },
			.verdicts = verdicts,
		};

		dump_each_region(dump, &region, &sum);
	}
	dump_close(dump, ']');
	kvfree(verdicts);
	kvfree(blocks);
	if (nr < dump->geo.nr_regions)
		return -ENOMEM;
	dump_open(dump, "sum", '{');
	dump_number(dump, "used", sum.used);
	dump_number(dump, "empty", sum.empty);
	dump_number(dump, "unreadable", sum.unreadable);
	dump_number(dump, "blocks", sum.blocks);
	if (dump->verify) {
		dump_number(dump, "damaged", sum.nr[DUMP_DAMAGED]);
		dump_number(dump, "unreadable_blocks", sum.nr[DUMP_UNREADABLE]);
		dump_number(dump, "damaged_metadata", sum.bad_meta);
		dump->bad += sum.nr[DUMP_DAMAGED] + sum.nr[DUMP_UNREADABLE] + sum.bad_meta;
	}
	dump_close(dump, '}');
	return 0;
}

static int dump_all(struct dump *dump)
{
	struct cachefs_anchor anchor;
	int ret;

	dump->seed = le64_to_cpu(dump->sb.checksum_seed);
	dump->json.out = stdout;
	if (dump->as_json)
		json_open(&dump->json, NULL, '{');
	dump_super(dump);
	ret = dump_anchors(dump, &anchor);
	if (!ret && anchor.magic &&
	    le32_to_cpu(anchor.flags) & CACHEFS_ANCHOR_CLEAN)
		ret = dump_checkpoint(dump, &anchor);
	if (!ret && dump->regions)
		ret = dump_regions(dump);
	if (!ret && dump->as_json)
		json_close(&dump->json, '}');
	return ret;
}

/* Print what udev's own probe of file systems would print. */
static void dump_udev(const struct cachefs_super_block *sb)
{
	char uuid[37], label[CACHEFS_LABEL_SIZE + 1] = "";

	core_uuid_text(uuid, sb->uuid);
	memcpy(label, sb->label, sizeof(sb->label));
	printf("ID_FS_TYPE=cachefs\nID_FS_USAGE=other\nID_FS_VERSION=%u\n"
	       "ID_FS_UUID=%s\nID_FS_UUID_ENC=%s\n",
	       le32_to_cpu(sb->version), uuid, uuid);
	if (*label)
		device_print_label(label);
}

/* Report a bad superblock.  Returns an exit status. */
static int dump_refused(const char *path, const struct cachefs_super_block *sb,
			enum cachefs_refusal why)
{
	const char *field = cachefs_refusal_text(why);

	switch (why) {
	case CACHEFS_BAD_VERSION:
		return cmd_fails(0, "%s: bad superblock: %s: it is %u, and this tool knows %u",
				 path, field, le32_to_cpu(sb->version),
				 CACHEFS_FORMAT_VERSION);
	case CACHEFS_BAD_FEATURES:
		return cmd_fails(0, "%s: bad superblock: %s: bits %#x are not known",
				 path, field, le32_to_cpu(sb->features_incompat) &
				 ~CACHEFS_FEATURES_INCOMPAT);
	default:
		return cmd_fails(0, "%s: bad superblock: %s", path, field);
	}
}

int cmd_dump(int argc, char **argv)
{
	static const struct option options[] = {
		{ "regions", no_argument, NULL, 'r' },
		{ "extents", no_argument, NULL, 'e' },
		{ "verify", no_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'J' },
		{ "udev", no_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	enum cachefs_refusal why;
	enum core_content content;
	struct dump dump = {};
	bool udev = false;
	const char *path;
	int c, ret;

	while ((c = getopt_long(argc, argv, "revJuh", options, NULL)) != -1)
		switch (c) {
		case 'r':
			dump.regions = true;
			break;
		case 'e':
			dump.regions = true;
			dump.extents = true;
			break;
		case 'v':
			dump.regions = true;
			dump.verify = true;
			break;
		case 'J':
			dump.as_json = true;
			break;
		case 'u':
			udev = true;
			break;
		case 'h':
			return cmd_help(dump_usage);
		default:
			return cmd_misused("dump");
		}
	if (optind != argc - 1)
		return cmd_bad_usage("dump", "one device or image is needed");
	path = argv[optind];
	ret = image_open(&dump.device, path);
	if (ret)
		return cmd_fails(-ret, "%s: cannot be opened", path);
	ret = image_read_super(&dump.device, &dump.sb, &dump.geo, &content, &why);
	if (!ret && content == CORE_NO_CACHE)
		ret = cmd_fails(0, "%s: holds no cache", path);
	else if (!ret && content == CORE_BAD_CACHE)
		ret = dump_refused(path, &dump.sb, why);
	else if (!ret && udev)
		dump_udev(&dump.sb);
	else if (!ret)
		ret = dump_all(&dump);
	if (!ret && dump.verify && dump.bad)
		ret = cmd_fails(0, "%s: damaged or unreadable in %llu place%s: see the list",
				path, dump.bad, dump.bad == 1 ? "" : "s");
	if (ret < 0)
		ret = cmd_fails(-ret, "%s: cannot be read", path);
	close(dump.device.fd);
	return ret;
}
