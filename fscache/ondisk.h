/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The offset of each field on the disk: no compiler and no change of a structure may
 * move a field.  Included once, by format.c.
 */
#ifndef _CACHEFS_ONDISK_H
#define _CACHEFS_ONDISK_H

#include <linux/build_bug.h>
#include "../include/uapi/cachefs_format.h"

/* There is no gap between the fields, so the offsets give the sizes, too. */
#define ONDISK_SIZE(type, size) \
	static_assert(sizeof(struct type) == (size))
#define ONDISK_OFFSET(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset))

ONDISK_SIZE(cachefs_super_block, 4096);
ONDISK_OFFSET(cachefs_super_block, magic, 0);
ONDISK_OFFSET(cachefs_super_block, version, 8);
ONDISK_OFFSET(cachefs_super_block, block_size, 12);
ONDISK_OFFSET(cachefs_super_block, region_blocks, 16);
ONDISK_OFFSET(cachefs_super_block, reserved0, 20);
ONDISK_OFFSET(cachefs_super_block, uuid, 24);
ONDISK_OFFSET(cachefs_super_block, label, 40);
ONDISK_OFFSET(cachefs_super_block, device_blocks, 72);
ONDISK_OFFSET(cachefs_super_block, first_block, 80);
ONDISK_OFFSET(cachefs_super_block, nr_regions, 88);
ONDISK_OFFSET(cachefs_super_block, secret, 96);
ONDISK_OFFSET(cachefs_super_block, checksum_seed, 128);
ONDISK_OFFSET(cachefs_super_block, format_time, 136);
ONDISK_OFFSET(cachefs_super_block, features_compat, 144);
ONDISK_OFFSET(cachefs_super_block, features_incompat, 148);
ONDISK_OFFSET(cachefs_super_block, reserved1, 152);
ONDISK_OFFSET(cachefs_super_block, checksum, 4088);

ONDISK_SIZE(cachefs_anchor, 4096);
ONDISK_OFFSET(cachefs_anchor, magic, 0);
ONDISK_OFFSET(cachefs_anchor, flags, 4);
ONDISK_OFFSET(cachefs_anchor, uuid, 8);
ONDISK_OFFSET(cachefs_anchor, generation, 24);
ONDISK_OFFSET(cachefs_anchor, attach_count, 32);
ONDISK_OFFSET(cachefs_anchor, epoch, 40);
ONDISK_OFFSET(cachefs_anchor, next_seq, 48);
ONDISK_OFFSET(cachefs_anchor, head, 56);
ONDISK_OFFSET(cachefs_anchor, ckpt_region, 60);
ONDISK_OFFSET(cachefs_anchor, ckpt_blocks, 64);
ONDISK_OFFSET(cachefs_anchor, ckpt_seq, 72);
ONDISK_OFFSET(cachefs_anchor, reserved, 80);
ONDISK_OFFSET(cachefs_anchor, checksum, 4088);

ONDISK_SIZE(cachefs_block_header, 64);
ONDISK_OFFSET(cachefs_block_header, magic, 0);
ONDISK_OFFSET(cachefs_block_header, region, 4);
ONDISK_OFFSET(cachefs_block_header, uuid, 8);
ONDISK_OFFSET(cachefs_block_header, epoch, 24);
ONDISK_OFFSET(cachefs_block_header, seq, 32);
ONDISK_OFFSET(cachefs_block_header, index, 40);
ONDISK_OFFSET(cachefs_block_header, nr, 44);
ONDISK_OFFSET(cachefs_block_header, reserved, 48);
ONDISK_OFFSET(cachefs_block_header, checksum, 56);

ONDISK_SIZE(cachefs_slot_record, 32);
ONDISK_OFFSET(cachefs_slot_record, id, 0);
ONDISK_OFFSET(cachefs_slot_record, checksum, 16);
ONDISK_OFFSET(cachefs_slot_record, where, 24);

ONDISK_SIZE(cachefs_ckpt_record, 32);
ONDISK_OFFSET(cachefs_ckpt_record, kind, 0);
ONDISK_OFFSET(cachefs_ckpt_record, region, 4);
ONDISK_OFFSET(cachefs_ckpt_record, where, 8);
ONDISK_OFFSET(cachefs_ckpt_record, low, 16);
ONDISK_OFFSET(cachefs_ckpt_record, slot, 20);
ONDISK_OFFSET(cachefs_ckpt_record, first, 24);
ONDISK_OFFSET(cachefs_ckpt_record, nr, 25);
ONDISK_OFFSET(cachefs_ckpt_record, flags, 26);
ONDISK_OFFSET(cachefs_ckpt_record, reserved, 27);

ONDISK_SIZE(cachefs_meta_block, 4096);
ONDISK_OFFSET(cachefs_meta_block, header, 0);
ONDISK_OFFSET(cachefs_meta_block, records, 64);

ONDISK_SIZE(cachefs_ckpt_block, 4096);
ONDISK_OFFSET(cachefs_ckpt_block, header, 0);
ONDISK_OFFSET(cachefs_ckpt_block, records, 64);

#endif /* _CACHEFS_ONDISK_H */
