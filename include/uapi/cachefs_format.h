/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The cachefs disk format.  Documentation/ondisk-format.rst explains every
 * field.  This file has only the format.  All integers are little
 * endian.  A block is 4096 bytes.
 *
 *	block 0			superblock
 *	block 1, 2		anchors, written alternately
 *	first_block ...		nr_regions regions of region_blocks blocks each
 *	device_blocks - 1	copy of the superblock
 *
 * Regions leave the first and the last MiB free, because other formats are looked for
 * there.
 *
 * A region starts with its metadata: CACHEFS_REGION_META_BLOCKS() final blocks,
 * then two scratch blocks, then the data blocks (called slots, from 0).
 */
#ifndef _UAPI_CACHEFS_FORMAT_H
#define _UAPI_CACHEFS_FORMAT_H

#include <linux/types.h>

#define CACHEFS_BLOCK_SHIFT	12
#define CACHEFS_BLOCK_SIZE	(1 << CACHEFS_BLOCK_SHIFT)

#define CACHEFS_SUPER_MAGIC	"CacheFS1"	/* 8 bytes, no NUL */
#define CACHEFS_ANCHOR_MAGIC	0x68634e41	/* "ANch" */
#define CACHEFS_META_MAGIC	0x7061654d	/* "Meap" */
#define CACHEFS_CKPT_MAGIC	0x74706b43	/* "Ckpt" */
#define CACHEFS_FORMAT_VERSION	2

/* From CACHEFS_ID_VOLUME on, a version id has a hash of the volume alone, little-endian. */
#define CACHEFS_COMPAT_VOLUME_HASH	1
#define CACHEFS_ID_VOLUME		14

/* The features that this code knows. */
#define CACHEFS_FEATURES_COMPAT		CACHEFS_COMPAT_VOLUME_HASH	/* others are ignored */
#define CACHEFS_FEATURES_INCOMPAT	0	/* others are refused */

#define CACHEFS_SUPER_BLOCK	0
#define CACHEFS_ANCHOR_BLOCK	1		/* and the next one */
#define CACHEFS_FIRST_BLOCK	256		/* 1 MiB: alignment */
#define CACHEFS_LAST_BLOCKS	256		/* 1 MiB, with the copy at its end */
#define CACHEFS_UUID_SIZE	16
#define CACHEFS_LABEL_SIZE	32
#define CACHEFS_SECRET_SIZE	32

#define CACHEFS_MIN_REGION_BLOCKS	64	/* 256 KiB */
#define CACHEFS_REGION_BLOCKS		1024	/* 4 MiB: of a new cache */
#define CACHEFS_MAX_REGION_BLOCKS	4096	/* 16 MiB: a slot fits 12 bits */
#define CACHEFS_MIN_REGIONS		7
#define CACHEFS_SCRATCH_BLOCKS		2

struct cachefs_super_block {
	__u8	magic[8];
	__le32	version;
	__le32	block_size;		/* bytes */
	__le32	region_blocks;		/* blocks per region, metadata included */
	__le32	reserved0;
	__u8	uuid[CACHEFS_UUID_SIZE];
	__u8	label[CACHEFS_LABEL_SIZE];	/* NUL padded */
	__le64	device_blocks;		/* size of the device when formatted; may grow */
	__le64	first_block;		/* where region 0 starts */
	__le64	nr_regions;
	__u8	secret[CACHEFS_SECRET_SIZE];	/* key of the version hash */
	__le64	checksum_seed;		/* of every other checksum */
	__le64	format_time;		/* seconds since 1970 */
	__le32	features_compat;	/* CACHEFS_FEATURES_... */
	__le32	features_incompat;
	__u8	reserved1[CACHEFS_BLOCK_SIZE - 160];
	__le64	checksum;		/* xxh64, seed 0, of all bytes before */
};

/* A clean detach leaves a checkpoint and sets this flag.  An attach clears the flag. */
#define CACHEFS_ANCHOR_CLEAN	1

struct cachefs_anchor {
	__le32	magic;
	__le32	flags;
	__u8	uuid[CACHEFS_UUID_SIZE];
	__le64	generation;		/* the anchor with the higher number counts */
	__le64	attach_count;		/* upper part of the region sequences */
	__le64	epoch;			/* random, new at each attach */
	__le64	next_seq;		/* first sequence not used yet */
	__le32	head;			/* region to be written next */
	__le32	ckpt_region;		/* first region of the checkpoint */
	__le64	ckpt_blocks;		/* its length; 0 and clean: an empty cache */
	__le64	ckpt_seq;		/* sequence in its blocks' headers */
	__u8	reserved[CACHEFS_BLOCK_SIZE - 88];
	__le64	checksum;		/* xxh64, checksum_seed, of all bytes before */
};

/* The first 64 bytes of each metadata block and each checkpoint block. */
struct cachefs_block_header {
	__le32	magic;
	__le32	region;			/* the region that the block lies in */
	__u8	uuid[CACHEFS_UUID_SIZE];
	__le64	epoch;
	__le64	seq;			/* the region's sequence number */
	__le32	index;			/* which block of the series */
	__le32	nr;			/* records in use */
	__le64	reserved;
	__le64	checksum;		/* see Documentation/ondisk-format.rst */
};

/* The content of one slot; 32 bytes.  All zero: the slot is empty. */
struct cachefs_slot_record {
	__u8	id[16];			/* version id */
	__le64	checksum;		/* of the slot, see cachefs_data_checksum() */
	__le64	where;			/* file block << 16 | valid bytes */
};

#define CACHEFS_WHERE_BYTES_BITS	16
#define CACHEFS_FILE_BLOCK_BITS		40

/* One record of a checkpoint; 32 bytes. */
struct cachefs_ckpt_record {
	__le32	kind;
	__le32	region;			/* number of the region */
	__le64	where;			/* REGION: seq; EXTENT: print of its hash */
	__le32	low;			/* EXTENT: low bits of its hash */
	__le32	slot;			/* EXTENT: first slot */
	__u8	first;			/* EXTENT: place in its chunk of 128 file blocks */
	__u8	nr;			/* EXTENT: blocks */
	__u8	flags;			/* EXTENT: CACHEFS_CKPT_READ; others are ignored */
	__u8	reserved[5];
};

#define CACHEFS_CKPT_READ	1	/* was read since it was stored */

/* Kinds of records; 1 and 2 had another layout. */
#define CACHEFS_CKPT_REGION	3
#define CACHEFS_CKPT_EXTENT	4

#define CACHEFS_RECORDS_PER_BLOCK \
	((CACHEFS_BLOCK_SIZE - sizeof(struct cachefs_block_header)) / \
	 sizeof(struct cachefs_slot_record))

/* Final metadata blocks that a region of @blocks blocks needs. */
#define CACHEFS_REGION_META_BLOCKS(blocks) \
	(((blocks) - CACHEFS_SCRATCH_BLOCKS + CACHEFS_RECORDS_PER_BLOCK) / \
	 (CACHEFS_RECORDS_PER_BLOCK + 1))

struct cachefs_meta_block {
	struct cachefs_block_header	header;
	struct cachefs_slot_record	records[(CACHEFS_BLOCK_SIZE - 64) / 32];
};

struct cachefs_ckpt_block {
	struct cachefs_block_header	header;
	struct cachefs_ckpt_record	records[(CACHEFS_BLOCK_SIZE - 64) / 32];
};

#endif /* _UAPI_CACHEFS_FORMAT_H */
