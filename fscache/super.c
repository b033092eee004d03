// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock and its copy, and the two anchors: how a device becomes a cache,
 * and what the next attach begins with.
 */
#include <linux/random.h>
#include <linux/uuid.h>
#include "internal.h"

/**
 * cachefs_format - Make a device an empty cache
 * @device: the device; all that it holds is lost
 * @label: up to 32 bytes, or %NULL
 * @region_blocks: size of a region in blocks
 *
 * The secret and the seed are new, so nothing that an earlier cache left is ever taken
 * for valid.  The anchor names a checkpoint of no blocks, so the first attach reads no
 * region.  Data of other formats in the first and the last MiB is removed before that.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a bad region size, -ENOSPC if the device is too small,
 * -ENOMEM, or the device's error.
 */
int cachefs_format(struct cachefs_device *device, const char *label,
		   unsigned int region_blocks)
{
	struct cachefs_super_block *sb;
	struct cachefs_anchor *anchor;
	struct cachefs_geometry geo;
	enum cachefs_refusal why;
	int ret;

	why = cachefs_geometry_init(&geo, cachefs_device_blocks(device),
				    region_blocks);
	if (why)
		return why == CACHEFS_BAD_DEVICE_SIZE ? -ENOSPC : -EINVAL;

	/* The superblock, an anchor, and zeros that make the other anchor invalid. */
	sb = kvcalloc(3, CACHEFS_BLOCK_SIZE, GFP_KERNEL | __GFP_NOWARN);
	if (!sb)
		return -ENOMEM;
	get_random_bytes(sb->secret, sizeof(sb->secret));
	get_random_bytes(&sb->checksum_seed, sizeof(sb->checksum_seed));
	generate_random_uuid(sb->uuid);
	cachefs_super_encode(sb, &geo, label, ktime_get_real_seconds());
	anchor = (struct cachefs_anchor *)(sb + CACHEFS_ANCHOR_BLOCK);
	anchor->magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	anchor->flags = cpu_to_le32(CACHEFS_ANCHOR_CLEAN);
	memcpy(anchor->uuid, sb->uuid, sizeof(anchor->uuid));
	anchor->ckpt_seq = cpu_to_le64(1);
	cachefs_anchor_seal(anchor, le64_to_cpu(sb->checksum_seed));

	/* Write the copy first: the cache exists when block 0 says so. */
	ret = cachefs_device_wipe(device);
	if (!ret)
		ret = cachefs_device_write(device, geo.device_blocks - 1,
					   sb, 1, REQ_PREFLUSH | REQ_FUA);
	if (!ret)
		ret = cachefs_device_write(device, CACHEFS_SUPER_BLOCK, sb, 3,
					   REQ_PREFLUSH | REQ_FUA);
	kvfree_sensitive(sb, 3 * CACHEFS_BLOCK_SIZE);
	return ret;
}

/**
 * cachefs_super_make - Format a device, if that is needed or wanted, and allowed
 * @device: the device
 * @flags: CACHEFS_ATTACH_...
 *
 * Context: process, may sleep.
 * Return: 0; %-EMEDIUMTYPE, the device holds something else; %-ENOSPC, the device is
 * too small; or the device's error.  The kernel log says why.
 */
int cachefs_super_make(struct cachefs_device *device, unsigned int flags)
{
	const char *what;
	int ret = cachefs_device_signature(device, &what);

	if (ret < 0)
		return ret;
	if (ret == CACHEFS_SIGNATURE_OWN && !(flags & (CACHEFS_ATTACH_FORMAT |
						       CACHEFS_ATTACH_FORCE)))
		return 0;
	if (ret == CACHEFS_SIGNATURE_FOREIGN &&
	    !(flags & CACHEFS_ATTACH_FORCE)) {
		pr_err("%s: holds %s, not overwritten without \"force\"\n",
		       cachefs_device_name(device), what);
		return -EMEDIUMTYPE;
	}
	ret = cachefs_format(device, NULL, CACHEFS_REGION_BLOCKS);
	if (ret == -ENOSPC)
		pr_err("%s: too small, at least %lu MiB are needed\n",
		       cachefs_device_name(device),
		       DIV_ROUND_UP((CACHEFS_FIRST_BLOCK + CACHEFS_LAST_BLOCKS +
				     CACHEFS_MIN_REGIONS * CACHEFS_REGION_BLOCKS *
				     1UL) << CACHEFS_BLOCK_SHIFT, 1UL << 20));
	else if (ret)
		pr_err("%s: cannot be formatted: error %d\n",
		       cachefs_device_name(device), ret);
	else
		pr_info("%s: formatted\n", cachefs_device_name(device));
	return ret;
}

/* Write to the kernel log why a superblock is refused.  Returns an errno. */
static int super_refuse(const char *name, enum cachefs_refusal why,
			const struct cachefs_super_block *sb, u64 blocks)
{
	u32 version = le32_to_cpu(sb->version);

	if (why == CACHEFS_BAD_DEVICE_SIZE)
		pr_err("%s: bad superblock: %s: the device has %llu blocks of 4096 bytes, and had %llu when the cache was made; \"format\" makes a new one\n",
		       name, cachefs_refusal_text(why),
		       (unsigned long long)blocks,
		       (unsigned long long)le64_to_cpu(sb->device_blocks));
	else if (why == CACHEFS_BAD_VERSION)
		pr_err("%s: bad superblock: %s: the cache has version %u, which is %s, and this module knows %u only; \"format\" makes a new one\n",
		       name, cachefs_refusal_text(why), version,
		       version < CACHEFS_FORMAT_VERSION ? "older" : "newer",
		       CACHEFS_FORMAT_VERSION);
	else if (why == CACHEFS_BAD_FEATURES)
		pr_err("%s: bad superblock: %s: the cache has features that this module does not know (bits %#x); \"format\" makes a new one\n",
		       name, cachefs_refusal_text(why),
		       le32_to_cpu(sb->features_incompat) &
		       ~CACHEFS_FEATURES_INCOMPAT);
	else
		pr_err("%s: bad superblock: %s\n", name,
		       cachefs_refusal_text(why));
	return why == CACHEFS_BAD_VERSION || why == CACHEFS_BAD_FEATURES ?
		-EOPNOTSUPP : -EUCLEAN;
}

/**
 * cachefs_super_read - Read and check the superblock and its copy
 * @cache: the cache, which gets its geometry here
 * @sb: gets the superblock
 *
 * Context: process, may sleep.
 * Return: 0; %-EUCLEAN or %-EOPNOTSUPP, the superblock is damaged or of another
 * format version; %-ENOMEM; or the device's error.  The kernel log says why.
 */
int cachefs_super_read(struct cachefs_cache *cache,
		       struct cachefs_super_block *sb)
{
	const char *name = cachefs_device_name(cache->device);
	u64 blocks = cachefs_device_blocks(cache->device), more;
	struct cachefs_super_block *copy;
	enum cachefs_refusal why;
	int ret;

	ret = cachefs_device_read(cache->device, CACHEFS_SUPER_BLOCK, sb, 1, 0);
	if (ret)
		return ret;
	why = cachefs_super_check(sb, blocks, &cache->geo);
	if (why)
		return super_refuse(name, why, sb, blocks);
	more = (blocks - cache->geo.device_blocks) >> (20 - CACHEFS_BLOCK_SHIFT);
	copy = kmalloc(sizeof(*copy), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	/* The copy is at the end that the device had when it was formatted. */
	ret = cachefs_device_read(cache->device, cache->geo.device_blocks - 1,
				  copy, 1, 0);
	if (ret) {
		pr_err("%s: the superblock's copy cannot be read: error %d\n",
		       name, ret);
	} else if (memcmp(copy, sb, sizeof(*sb))) {
		ret = super_refuse(name, CACHEFS_BAD_COPY, sb, blocks);
	} else if (more) {
		pr_info("%s: the device has grown by %llu MiB, which are not used; \"format\" makes a new, empty cache of all of it\n",
			name, (unsigned long long)more);
	}
	kfree_sensitive(copy);
	return ret;
}

/**
 * cachefs_write_anchor - Write an anchor, with which the next attach begins
 * @cache: the cache
 * @ckpt_region: first region of the checkpoint
 * @ckpt_blocks: length of the checkpoint in blocks
 * @ckpt_seq: the sequence number in the checkpoint's blocks; 0: there is no checkpoint
 *
 * The anchor replaces the older one of the two.  When the anchor is durable, all earlier
 * writes are durable, too.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or the device's error.
 */
int cachefs_write_anchor(struct cachefs_cache *cache, u32 ckpt_region,
			 u64 ckpt_blocks, u64 ckpt_seq)
{
	struct cachefs_anchor *anchor;
	int ret;

	anchor = kzalloc(sizeof(*anchor), GFP_KERNEL);
	if (!anchor)
		return -ENOMEM;
	cache->anchor_generation++;
	anchor->magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	anchor->flags = cpu_to_le32(ckpt_seq ? CACHEFS_ANCHOR_CLEAN : 0);
	memcpy(anchor->uuid, cache->uuid, sizeof(anchor->uuid));
	anchor->generation = cpu_to_le64(cache->anchor_generation);
	anchor->attach_count = cpu_to_le64(cache->attach_count);
	anchor->epoch = cpu_to_le64(cache->epoch);
	anchor->next_seq = cpu_to_le64(cache->next_seq);
	anchor->head = cpu_to_le32(cache->head);
	anchor->ckpt_region = cpu_to_le32(ckpt_region);
	anchor->ckpt_blocks = cpu_to_le64(ckpt_blocks);
	anchor->ckpt_seq = cpu_to_le64(ckpt_seq);
	cachefs_anchor_seal(anchor, cache->seed);
	ret = cachefs_device_write(cache->device, CACHEFS_ANCHOR_BLOCK +
				   (cache->anchor_generation & 1), anchor, 1,
				   REQ_PREFLUSH | REQ_FUA);
	kfree(anchor);
	return ret;
}

/**
 * cachefs_read_anchor - Read the anchors
 * @cache: the cache
 * @newest: the newer valid anchor
 * @found: whether an anchor is valid
 *
 * An anchor that cannot be read is not valid.  The attach goes on all the same, because
 * both anchors will be written.
 *
 * Context: process, may sleep.
 * Return: 0 or %-ENOMEM.
 */
int cachefs_read_anchor(struct cachefs_cache *cache,
			struct cachefs_anchor *newest, bool *found)
{
	struct cachefs_anchor *anchor;
	int ret, i;

	anchor = kmalloc(sizeof(*anchor), GFP_KERNEL);
	if (!anchor)
		return -ENOMEM;
	*found = false;
	for (i = 0; i < 2; i++) {
		ret = cachefs_device_read(cache->device,
					  CACHEFS_ANCHOR_BLOCK + i, anchor, 1, 0);
		if (ret)
			cachefs_io_error(cache, false, CACHEFS_ANCHOR_BLOCK + i,
					 ret);
		if (ret || cachefs_anchor_check(anchor, cache->uuid, cache->seed,
						&cache->geo))
			continue;
		if (*found && le64_to_cpu(anchor->generation) <=
			      le64_to_cpu(newest->generation))
			continue;
		*newest = *anchor;
		*found = true;
	}
	kfree(anchor);
	return 0;
}
