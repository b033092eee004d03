// SPDX-License-Identifier: GPL-2.0
/*
 * The block device: everything that the core knows of bios and block devices
 * is here.  In user space tests/user/device.c takes the place of this file.
 */
#include <linux/bio.h>
#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/mempool.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>
#include "cachefs_compat.h"
#include "internal.h"
#include "device.h"

/* Enough for one read and one store of each CPU that must make progress. */
#define CACHEFS_POOL_SIZE	64

/* The size of each end of a device that must be zero if the device is blank. */
#define BLANK_BYTES		SZ_1M
#define BLANK_SECTORS		(BLANK_BYTES >> SECTOR_SHIFT)

#define BLOCK_SECTORS		(CACHEFS_BLOCK_SIZE >> SECTOR_SHIFT)

/**
 * struct cachefs_device - An open block device
 * @file: opened for exclusive use
 * @bdev: the block device of @file
 * @name: for messages, a partition's with its number
 * @lock: protects the next three
 * @cache: is told when the device goes
 * @tell: is called to tell @cache
 * @gone: the device has gone
 * @bios: each bio is the end of a struct bio_io
 * @own_bios: for transfers, because a task may hold one of @bios and wait for a transfer
 * @copies: pages for the ends of files, or for all pages if they must not change
 */
struct cachefs_device {
	struct file		*file;
	struct block_device	*bdev;
	char			name[BDEVNAME_SIZE];
	struct mutex		lock;	/* cache, tell and gone */
	struct cachefs_cache	*cache;
	void			(*tell)(struct cachefs_cache *cache);
	bool			gone;
	struct bio_set		bios;
	struct bio_set		own_bios;
	mempool_t		copies;
};

/*
 * struct bio_io - An I/O with its bio.  It belongs to one task or completion at a time
 * @io: the part that the core knows
 * @bio: last, because the bioset puts vectors behind it
 */
struct bio_io {
	struct cachefs_io	io;
	struct bio		bio;
};

#ifdef CACHEFS_HAVE_HOLDER_OPS
/*
 * The block layer expects this function to release bd_holder_lock.  The lock keeps
 * @device from being freed.
 */
static void device_mark_dead(struct block_device *bdev, bool surprise)
{
	struct cachefs_device *device = bdev->bd_holder;

	mutex_lock(&device->lock);
	device->gone = true;
	if (device->cache)
		device->tell(device->cache);
	mutex_unlock(&device->lock);
	mutex_unlock(&bdev->bd_holder_lock);
}

static const struct blk_holder_ops device_holder_ops = {
	.mark_dead	= device_mark_dead,
};

#define DEVICE_HOLDER_OPS	(&device_holder_ops)
#else
#define DEVICE_HOLDER_OPS	NULL
#endif

/**
 * cachefs_device_watch - Set the cache that is told when the device goes
 * @device: the device
 * @cache: the cache, or %NULL for none any more
 * @tell: called when the device goes, or at once if it has gone
 *
 * Context: process, may sleep.
 */
void cachefs_device_watch(struct cachefs_device *device,
			  struct cachefs_cache *cache,
			  void (*tell)(struct cachefs_cache *cache))
{
	mutex_lock(&device->lock);
	device->cache = cache;
	device->tell = tell;
	if (cache && device->gone)
		tell(cache);
	mutex_unlock(&device->lock);
}

/* Check whether a cache can be on this device.  The kernel log says why not. */
static int device_check(struct block_device *bdev, const char *path)
{
	int ret;

	if (bdev_read_only(bdev)) {
		pr_err("%s: cannot be opened: read-only\n", path);
		return -EROFS;
	}
	if (bdev_logical_block_size(bdev) > CACHEFS_BLOCK_SIZE) {
		pr_err("%s: sectors of %u bytes are not supported\n", path,
		       bdev_logical_block_size(bdev));
		return -EINVAL;
	}
	if (bdev_is_zoned(bdev)) {
		pr_err("%s: zoned devices are not supported\n", path);
		return -EINVAL;
	}
	/*
	 * Write dirty data of the page cache to the device before the device is read.  So
	 * this data does not overwrite the cache later.
	 */
	ret = sync_blockdev(bdev);
	if (ret) {
		pr_err("%s: what was written to it before cannot be written: error %d\n",
		       path, ret);
		return ret;
	}
	invalidate_bdev(bdev);
	return 0;
}

/**
 * cachefs_device_open - Open a block device for exclusive use
 * @path: its name
 * @devicep: the device
 *
 * Context: process, may sleep.
 * Return: 0; -ENOENT; -ENOTBLK; -EBUSY, mounted or used by something else;
 * -EROFS, read-only; -EINVAL, of a kind that is not supported; -ENOMEM; another
 * errno of opening it.  The kernel log says why.
 */
int cachefs_device_open(const char *path, struct cachefs_device **devicep)
{
	struct cachefs_device *device;
	dev_t dev;
	int ret;

	BUILD_BUG_ON(PAGE_SIZE != CACHEFS_BLOCK_SIZE);
	/* Kconfig says this, too, but a build outside of the kernel does not read it. */
	BUILD_BUG_ON(BITS_PER_LONG != 64);

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	mutex_init(&device->lock);
	/*
	 * The device is not opened by its path.  If the device is read-only, that
	 * function closes the file later, and @device would be the holder of the file
	 * after it was freed.
	 */
	ret = lookup_bdev(path, &dev);
	if (!ret) {
		device->file = bdev_file_open_by_dev(dev, BLK_OPEN_READ |
						     BLK_OPEN_WRITE, device,
						     DEVICE_HOLDER_OPS);
		ret = PTR_ERR_OR_ZERO(device->file);
	}
	if (ret) {
		pr_err("%s: cannot be opened: %s (error %d)\n", path,
		       ret == -ENOENT ? "no such file" :
		       ret == -ENOTBLK ? "not a block device" :
		       ret == -EBUSY ? "in use, mounted or part of something else" :
		       ret == -EROFS ? "read-only" : "open failed", ret);
		goto free;
	}
	device->bdev = file_bdev(device->file);
	snprintf(device->name, sizeof(device->name), "%pg", device->bdev);
	ret = device_check(device->bdev, path);
	if (ret)
		goto close;
	ret = bioset_init(&device->bios, CACHEFS_POOL_SIZE,
			  offsetof(struct bio_io, bio), BIOSET_NEED_BVECS);
	if (ret)
		goto close;
	ret = bioset_init(&device->own_bios, 2, 0, BIOSET_NEED_BVECS);
	if (ret)
		goto exit_bios;
	ret = mempool_init_page_pool(&device->copies, CACHEFS_POOL_SIZE, 0);
	if (ret)
		goto exit_own_bios;
	*devicep = device;
	return 0;

exit_own_bios:
	bioset_exit(&device->own_bios);
exit_bios:
	bioset_exit(&device->bios);
close:
	bdev_fput(device->file);
free:
	kfree(device);
	return ret;
}

/**
 * cachefs_device_close - Close a device
 * @device: no I/O is under way
 *
 * Context: process, may sleep.
 */
void cachefs_device_close(struct cachefs_device *device)
{
	mempool_exit(&device->copies);
	bioset_exit(&device->own_bios);
	bioset_exit(&device->bios);
	/* Others that have the device open shall see the data that is there now. */
	invalidate_bdev(device->bdev);
	bdev_fput(device->file);
	kfree(device);
}

/**
 * cachefs_device_blocks - Return the size of the device
 * @device: the device
 *
 * Return: blocks of 4096 bytes.
 */
u64 cachefs_device_blocks(struct cachefs_device *device)
{
	return bdev_nr_bytes(device->bdev) >> CACHEFS_BLOCK_SHIFT;
}

/**
 * cachefs_device_name - Return the name of the device for messages
 * @device: the device
 *
 * Return: the name, with a partition's number, as long as the device is open.
 */
const char *cachefs_device_name(struct cachefs_device *device)
{
	return device->name;
}

/*
 * Transfer between the device and @nr pages of memory of any kind; waits.  Transfers with
 * REQ_BACKGROUND have the lowest priority that a scheduler does not starve.
 */
static int device_transfer(struct cachefs_device *device, blk_opf_t op, sector_t sector,
			   void *buffer, unsigned int nr)
{
	struct bio *bio;
	unsigned int i, part;
	int ret = 0;

	for (; nr && !ret; nr -= part, sector += part * BLOCK_SECTORS) {
		part = min_t(unsigned int, nr, BIO_MAX_VECS);
		bio = bio_alloc_bioset(device->bdev, part, op, GFP_NOIO,
				       &device->own_bios);
		bio_associate_blkg_from_css(bio, blkcg_root_css);
		if (op & REQ_BACKGROUND)
			bio->bi_ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE,
							   IOPRIO_NR_LEVELS - 1);
		bio->bi_iter.bi_sector = sector;
		for (i = 0; i < part; i++, buffer += PAGE_SIZE) {
			struct page *page = is_vmalloc_addr(buffer) ?
				vmalloc_to_page(buffer) : virt_to_page(buffer);

			__bio_add_page(bio, page, PAGE_SIZE,
				       offset_in_page(buffer));
		}
		ret = submit_bio_wait(bio);
		bio_put(bio);
	}
	return ret;
}

/**
 * cachefs_device_read - Read blocks into memory
 * @device: the device
 * @block: first block
 * @buffer: the memory; whole pages
 * @nr: how many blocks
 * @flags: %REQ_BACKGROUND: nobody waits for this read; or 0
 *
 * Context: process, sleeps.
 * Return: 0 or the device's error.
 */
int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr, blk_opf_t flags)
{
	if (!(flags & REQ_BACKGROUND))
		flags |= REQ_META | REQ_PRIO;
	return device_transfer(device, REQ_OP_READ | flags, block * BLOCK_SECTORS,
			       buffer, nr);
}

/**
 * cachefs_device_write - Write blocks from memory
 * @device: the device
 * @block: first block
 * @buffer: the data; whole pages
 * @nr: how many blocks
 * @flags: %REQ_FUA: this write is on stable storage afterwards; with %REQ_PREFLUSH all
 *	writes that ended before are, too; %REQ_BACKGROUND: nobody waits for it; or 0
 *
 * Context: process, sleeps.
 * Return: 0 or the device's error.
 */
int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags)
{
	if (!(flags & REQ_BACKGROUND))
		flags |= REQ_META;
	return device_transfer(device, REQ_OP_WRITE | flags, block * BLOCK_SECTORS,
			       (void *)buffer, nr);
}

/**
 * cachefs_device_can_discard - Whether the device takes discards of a size
 * @device: the device
 * @bytes: the size
 *
 * Context: any.
 * Return: %true if so.
 */
bool cachefs_device_can_discard(struct cachefs_device *device, unsigned int bytes)
{
	return bdev_max_discard_sectors(device->bdev) &&
		bdev_discard_granularity(device->bdev) <= bytes;
}

/**
 * cachefs_device_discard - Tell the device that blocks hold nothing any more
 * @device: the device
 * @block: first block
 * @nr: how many blocks
 *
 * A read of these blocks may return anything until they are written again.
 *
 * Context: process, sleeps.
 * Return: 0; -EOPNOTSUPP; or the device's error.
 */
int cachefs_device_discard(struct cachefs_device *device, u64 block, unsigned int nr)
{
	return blkdev_issue_discard(device->bdev, block * BLOCK_SECTORS,
				    (sector_t)nr * BLOCK_SECTORS, GFP_NOIO);
}

/* Read the last MiB, which need not begin at a block. */
static int device_read_end(struct cachefs_device *device, void *buffer)
{
	return device_transfer(device, REQ_OP_READ | REQ_META | REQ_PRIO,
			       bdev_nr_sectors(device->bdev) - BLANK_SECTORS, buffer,
			       BLANK_BYTES >> CACHEFS_BLOCK_SHIFT);
}

/* The known formats at the start of devices. */
static const struct {
	const char	*what;
	unsigned int	offset;
	unsigned int	len;
	const char	*magic;
} signatures[] = {
	{ "an ext2/3/4 file system",	0x438,	2, "\x53\xef" },
	{ "an xfs file system",		0,	4, "XFSB" },
	{ "a btrfs file system",	0x10040, 8, "_BHRfS_M" },
	{ "an LVM physical volume",	512,	8, "LABELONE" },
	{ "an LVM physical volume",	0,	8, "LABELONE" },
	{ "a LUKS volume",		0,	6, "LUKS\xba\xbe" },
	{ "a GPT partition table",	512,	8, "EFI PART" },
	{ "a GPT partition table",	4096,	8, "EFI PART" },
	{ "swap space",			4086,	10, "SWAPSPACE2" },
	{ "swap space",			65526,	10, "SWAPSPACE2" },
	{ "a squashfs file system",	0,	4, "hsqs" },
	{ "an f2fs file system",	1024,	4, "\x10\x20\xf5\xf2" },
	{ "a bcache device",		0x1018,	8, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca" },
	{ "a RAID member",		4096,	4, "\xfc\x4e\x2b\xa9" },
	{ "a RAID member",		0,	4, "\xfc\x4e\x2b\xa9" },
	{ "an MBR partition table or boot sector", 510,	2, "\x55\xaa" },
};

/* The known formats at the end: @back sectors before the end, rounded down to @align. */
static const struct {
	const char	*what;
	unsigned int	back;
	unsigned int	align;
	unsigned int	len;
	const char	*magic;
} end_signatures[] = {
	{ "a RAID member (md 1.0)",	16,	8,	4, "\xfc\x4e\x2b\xa9" },
	{ "a RAID member (md 0.90)",	128,	128,	4, "\xfc\x4e\x2b\xa9" },
	{ "a RAID member (DDF)",	1,	1,	4, "\xde\x11\xde\x11" },
	{ "a RAID member (Intel)",	2,	1,	14, "Intel Raid ISM" },
};

/* Return the name of the known format that begins with @bytes, or %NULL. */
static const char *device_known_signature(const char *bytes, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signatures); i++)
		if (signatures[i].offset + signatures[i].len <= len &&
		    !memcmp(bytes + signatures[i].offset, signatures[i].magic,
			    signatures[i].len))
			return signatures[i].what;
	return NULL;
}

/* Return the name of the known format in @bytes, the end of a device, or %NULL. */
static const char *device_known_end(const char *bytes, sector_t sectors)
{
	sector_t first = sectors - BLANK_SECTORS, at;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(end_signatures); i++) {
		at = round_down(sectors - end_signatures[i].back,
				end_signatures[i].align);
		if (!memcmp(bytes + ((at - first) << SECTOR_SHIFT),
			    end_signatures[i].magic, end_signatures[i].len))
			return end_signatures[i].what;
	}
	return NULL;
}

/* Look for an uberblock.  ZFS does not write to the first 8 KiB of a device. */
static bool device_is_zfs(const void *bytes)
{
	unsigned int at;

	for (at = SZ_128K; at < SZ_256K; at += SZ_1K)
		if (get_unaligned_le64(bytes + at) == 0x00bab10c ||
		    get_unaligned_be64(bytes + at) == 0x00bab10c)
			return true;
	return false;
}

/*
 * Return the name of another format that has overwritten a cache, or %NULL.  Some formats
 * begin behind the magic number of the cache, or at the end of the device, and leave the
 * magic number there.  Blocks behind the superblock that cannot be read are ignored.
 */
static const char *device_foreign_cache(struct cachefs_device *device, void *buffer,
					sector_t sectors)
{
	const char *what = NULL;

	if (!cachefs_device_read(device, 0, buffer, CACHEFS_ANCHOR_BLOCK + 2, 0))
		what = device_known_signature(buffer, (CACHEFS_ANCHOR_BLOCK + 2) <<
					      CACHEFS_BLOCK_SHIFT);
	else if (!cachefs_device_read(device, 0, buffer, 1, 0))
		what = device_known_signature(buffer, CACHEFS_BLOCK_SIZE);
	if (!what && !cachefs_device_read(device, 0, buffer,
					  SZ_256K >> CACHEFS_BLOCK_SHIFT, 0) &&
	    device_is_zfs(buffer))
		what = "a ZFS pool member";
	if (!what && !device_read_end(device, buffer))
		what = device_known_end(buffer, sectors);
	return what;
}

/**
 * cachefs_device_signature - Find out what the device holds
 * @device: the device
 * @what: the name of a foreign format
 *
 * A device is blank if its first and last MiB are zero: some formats are only at the
 * end, and an unknown format is worth as much to its owner as a known one.  A copy of the
 * superblock alone is no cache.
 *
 * Context: process, sleeps.
 * Return: an enum cachefs_signature; -ENOSPC, -ENOMEM or the device's error.
 */
int cachefs_device_signature(struct cachefs_device *device, const char **what)
{
	sector_t sectors = bdev_nr_sectors(device->bdev);
	void *buffer;
	int ret;

	if (sectors < BLANK_SECTORS) {
		pr_err("%s: too small\n", cachefs_device_name(device));
		return -ENOSPC;
	}
	buffer = kvmalloc(BLANK_BYTES, GFP_KERNEL | __GFP_NOWARN);
	if (!buffer)
		return -ENOMEM;
	ret = cachefs_device_read(device, CACHEFS_SUPER_BLOCK, buffer, 1, 0);
	if (ret)
		goto out;
	if (!memcmp(buffer, CACHEFS_SUPER_MAGIC, 8)) {
		*what = device_foreign_cache(device, buffer, sectors);
		ret = *what ? CACHEFS_SIGNATURE_FOREIGN : CACHEFS_SIGNATURE_OWN;
		goto out;
	}
	ret = cachefs_device_read(device, 0, buffer,
				  BLANK_BYTES >> CACHEFS_BLOCK_SHIFT, 0);
	if (ret)
		goto out;
	ret = CACHEFS_SIGNATURE_FOREIGN;
	*what = device_known_signature(buffer, BLANK_BYTES);
	if (!*what && device_is_zfs(buffer))
		*what = "a ZFS pool member";
	if (*what)
		goto out;
	*what = "unknown data (not zero in its first or last MiB)";
	if (memchr_inv(buffer, 0, BLANK_BYTES))
		goto out;
	ret = device_read_end(device, buffer);
	if (ret)
		goto out;
	ret = CACHEFS_SIGNATURE_BLANK;
	if (!cachefs_end_is_blank(buffer, BLANK_BYTES, (u64)sectors << SECTOR_SHIFT)) {
		*what = device_known_end(buffer, sectors) ?: *what;
		ret = CACHEFS_SIGNATURE_FOREIGN;
	}
out:
	if (ret < 0)
		pr_err("%s: cannot be read: error %d\n",
		       cachefs_device_name(device), ret);
	kvfree(buffer);
	return ret;
}

/**
 * cachefs_device_wipe - Remove the traces of other formats from a device
 * @device: the device
 *
 * Writes zeros to the last MiB, and to the first MiB behind the superblock and the
 * anchors.  The caller writes the superblock and the anchors later.  Until then their old
 * content says what the device was.
 *
 * Context: process, sleeps.
 * Return: 0 or the device's error.
 */
int cachefs_device_wipe(struct cachefs_device *device)
{
	sector_t first = (CACHEFS_ANCHOR_BLOCK + 2) * BLOCK_SECTORS;
	int ret;

	ret = blkdev_issue_zeroout(device->bdev, bdev_nr_sectors(device->bdev) -
				   BLANK_SECTORS, BLANK_SECTORS, GFP_NOIO, 0);
	return ret ?: blkdev_issue_zeroout(device->bdev, first,
					   BLANK_SECTORS - first, GFP_NOIO, 0);
}

/**
 * cachefs_io_alloc - Get an I/O
 * @cache: the cache
 * @write: its direction
 * @nr: number of pages, at most CACHEFS_CHUNK_BLOCKS: no I/O has blocks of two chunks
 *
 * A read waits until the reserve has an I/O.  So its caller must submit each I/O before
 * it asks for another, and must not keep an I/O that has ended.  A write may be made
 * shorter, or freed and not submitted.  Without memory the reserve has writes of up to
 * BIO_INLINE_VECS pages: bvec_alloc() has vectors in reserve only for callers that wait.
 *
 * All I/O belongs to the root cgroup.  Cached data has more than one reader.  A limit on
 * the I/O of one group would make the device look slow for all, and hold up I/O that
 * others wait for.
 *
 * Context: process; does not sleep for a write.
 * Return: an I/O whose other members the caller sets; %NULL only for a write.
 */
struct cachefs_io *cachefs_io_alloc(struct cachefs_cache *cache, bool write,
				    unsigned int nr)
{
	struct cachefs_device *device = cache->device;
	struct cachefs_io *io;
	struct bio *bio;

	bio = bio_alloc_bioset(device->bdev, nr, write ? REQ_OP_WRITE :
			       REQ_OP_READ, write ? GFP_NOWAIT | __GFP_NOWARN :
			       GFP_NOIO, &device->bios);
	if (!bio)
		return NULL;
	bio_associate_blkg_from_css(bio, blkcg_root_css);
	io = &container_of(bio, struct bio_io, bio)->io;
	memset(io, 0, sizeof(*io));
	io->cache = cache;
	io->nr = nr;
	return io;
}

static void device_end_bio(struct bio *bio)
{
	struct cachefs_io *io = &container_of(bio, struct bio_io, bio)->io;

	io->error = blk_status_to_errno(bio->bi_status);
	io->end(io);
}

/**
 * cachefs_io_submit - Start an I/O
 * @io: all members are set; its @end may run before this returns
 *
 * Context: process, may sleep.
 */
void cachefs_io_submit(struct cachefs_io *io)
{
	struct bio *bio = &container_of(io, struct bio_io, io)->bio;
	unsigned int i;

	bio->bi_iter.bi_sector = io->device_block * BLOCK_SECTORS;
	bio->bi_end_io = device_end_bio;
	/* There is a vector for each page, so this cannot fail. */
	for (i = 0; i < io->nr; i++)
		if (bio_add_page(bio, io->pages[i], PAGE_SIZE, 0) != PAGE_SIZE)
			break;
	if (WARN_ON_ONCE(i < io->nr)) {
		bio->bi_status = BLK_STS_IOERR;
		device_end_bio(bio);
		return;
	}
	submit_bio(bio);
}

/**
 * cachefs_io_free - Give an I/O back
 * @io: ended
 *
 * Context: any.
 */
void cachefs_io_free(struct cachefs_io *io)
{
	bio_put(&container_of(io, struct bio_io, io)->bio);
}

/**
 * cachefs_device_stable_writes - Whether pages must not change while they are written
 * @device: the device
 *
 * Pages must not change if a layer below takes a checksum of its own: a difference would
 * be an error of the device, or make the parity of a RAID wrong.
 *
 * Context: any.
 * Return: %true if they must not change.
 */
bool cachefs_device_stable_writes(struct cachefs_device *device)
{
	return bdev_stable_writes(device->bdev);
}

/**
 * cachefs_copy_page_alloc - Get a page for a copy of a page that is stored
 * @device: the device
 *
 * Context: process.
 * Return: a page, or %NULL if the reserve has none either.
 */
struct page *cachefs_copy_page_alloc(struct cachefs_device *device)
{
	return mempool_alloc(&device->copies, GFP_NOWAIT | __GFP_NOWARN);
}

/**
 * cachefs_copy_page_free - Give a page for a copy back
 * @device: the device
 * @page: the page
 *
 * Context: any.
 */
void cachefs_copy_page_free(struct cachefs_device *device, struct page *page)
{
	mempool_free(page, &device->copies);
}
