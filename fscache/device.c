// SPDX-License-Identifier: GPL-2.0
/*
 * The block device: everything that the core knows of bios and block devices
 * is here.  In user space its place is taken by tests/user/device.c.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/mempool.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include "../nfs-glue/compat.h"
#include "internal.h"
#include "device.h"

/* Enough for one read and one store of each CPU that must make progress. */
#define CACHEFS_POOL_SIZE	64

/* How much of each end of a device must be zero to be called blank. */
#define CACHEFS_BLANK_BYTES	SZ_1M

/**
 * struct cachefs_device - An open block device
 * @file: opened for us alone
 * @bdev: what it is
 * @bios: each bio is the end of a struct bio_io
 * @own_bios: for transfers, which others wait for while they hold one of @bios
 * @tails: pages for the ends of files
 */
struct cachefs_device {
	struct file		*file;
	struct block_device	*bdev;
	struct bio_set		bios;
	struct bio_set		own_bios;
	mempool_t		tails;
};

struct bio_io {
	struct cachefs_io	io;
	struct bio		bio;	/* last: the bioset puts vectors behind */
};

/**
 * cachefs_device_open - Open a block device for exclusive use
 * @path: its name
 * @devicep: the device
 *
 * Context: process, may sleep.
 * Return: 0; -ENOENT; -ENOTBLK; -EBUSY, mounted or used by something else;
 * -EROFS, read-only; -ENOMEM; another errno of opening it.  The log says why.
 */
int cachefs_device_open(const char *path, struct cachefs_device **devicep)
{
	struct cachefs_device *device;
	int ret;

	BUILD_BUG_ON(PAGE_SIZE != CACHEFS_BLOCK_SIZE);

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	device->file = bdev_file_open_by_path(path, BLK_OPEN_READ |
					      BLK_OPEN_WRITE, device, NULL);
	if (IS_ERR(device->file)) {
		ret = PTR_ERR(device->file);
		/* What the block layer says of a device that is read-only. */
		if (ret == -EACCES)
			ret = -EROFS;
		pr_err("%s: cannot be opened: %s (error %d)\n", path,
		       ret == -ENOENT ? "no such file" :
		       ret == -ENOTBLK ? "not a block device" :
		       ret == -EBUSY ? "in use, mounted or part of something else" :
		       ret == -EROFS ? "read-only" : "open failed", ret);
		goto free;
	}
	device->bdev = file_bdev(device->file);
	ret = -EROFS;
	if (bdev_read_only(device->bdev)) {
		pr_err("%s: cannot be opened: read-only\n", path);
		goto close;
	}
	ret = -EINVAL;
	if (bdev_logical_block_size(device->bdev) > CACHEFS_BLOCK_SIZE) {
		pr_err("%s: sectors of %u bytes are not supported\n", path,
		       bdev_logical_block_size(device->bdev));
		goto close;
	}
	ret = bioset_init(&device->bios, CACHEFS_POOL_SIZE,
			  offsetof(struct bio_io, bio), BIOSET_NEED_BVECS);
	if (ret)
		goto close;
	ret = bioset_init(&device->own_bios, 2, 0, BIOSET_NEED_BVECS);
	if (ret)
		goto exit_bios;
	ret = mempool_init_page_pool(&device->tails, CACHEFS_POOL_SIZE, 0);
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
	mempool_exit(&device->tails);
	bioset_exit(&device->own_bios);
	bioset_exit(&device->bios);
	bdev_fput(device->file);
	kfree(device);
}

/**
 * cachefs_device_blocks - Size of the device
 * @device: the device
 *
 * Return: blocks of 4096 bytes.
 */
u64 cachefs_device_blocks(struct cachefs_device *device)
{
	return bdev_nr_bytes(device->bdev) >> CACHEFS_BLOCK_SHIFT;
}

/**
 * cachefs_device_name - The device's name for messages
 * @device: the device
 *
 * Return: the name, as long as the device is open.
 */
const char *cachefs_device_name(struct cachefs_device *device)
{
	return device->bdev->bd_disk->disk_name;
}

/**
 * cachefs_device_print - The name with a partition's number
 * @device: the device
 * @buffer: where it goes
 * @size: of @buffer, bytes
 *
 * Return: length of the text.
 */
int cachefs_device_print(struct cachefs_device *device, char *buffer,
			 size_t size)
{
	return scnprintf(buffer, size, "%pg", device->bdev);
}

/* Transfer between the device and memory of any kind; waits. */
static int transfer(struct cachefs_device *device, blk_opf_t op, u64 block,
		    void *buffer, unsigned int nr)
{
	struct bio *bio;
	unsigned int i, part;
	int ret = 0;

	for (; nr && !ret; nr -= part, block += part) {
		part = min_t(unsigned int, nr, BIO_MAX_VECS);
		bio = bio_alloc_bioset(device->bdev, part, op, GFP_NOIO,
				       &device->own_bios);
		bio->bi_iter.bi_sector = block << (CACHEFS_BLOCK_SHIFT -
						   SECTOR_SHIFT);
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
 * @buffer: where they go; whole pages
 * @nr: how many blocks
 *
 * Context: process, sleeps.
 * Return: 0 or the device's error.
 */
int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr)
{
	return transfer(device, REQ_OP_READ | REQ_META | REQ_PRIO, block,
			buffer, nr);
}

/**
 * cachefs_device_write - Write blocks from memory
 * @device: the device
 * @block: first block
 * @buffer: what is written; whole pages
 * @nr: how many blocks
 * @flags: %REQ_FUA: this is on stable storage afterwards; with %REQ_PREFLUSH all
 *	writes are that ended before; or 0
 *
 * Context: process, sleeps.
 * Return: 0 or the device's error.
 */
int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags)
{
	return transfer(device, REQ_OP_WRITE | REQ_META | flags, block,
			(void *)buffer, nr);
}

/* What is known to live at the start of devices. */
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
	{ "a squashfs file system",	0,	4, "hsqs" },
	{ "an f2fs file system",	1024,	4, "\x10\x20\xf5\xf2" },
	{ "a bcache device",		0x1018,	8, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca" },
	{ "a RAID member",		4096,	4, "\xfc\x4e\x2b\xa9" },
	{ "a RAID member",		0,	4, "\xfc\x4e\x2b\xa9" },
	{ "an MBR partition table or boot sector", 510,	2, "\x55\xaa" },
};

/* The name of what is known to begin with @bytes, or %NULL. */
static const char *known_signature(const char *bytes, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signatures); i++)
		if (signatures[i].offset + signatures[i].len <= len &&
		    !memcmp(bytes + signatures[i].offset, signatures[i].magic,
			    signatures[i].len))
			return signatures[i].what;
	return NULL;
}

/**
 * cachefs_device_signature - What is on the device?
 * @device: the device
 * @what: a name for something foreign
 *
 * Blank is a device whose first and last MiB are zero: some formats are only
 * at the end, and an unknown one is worth as much to its owner as a known one.
 * Others begin behind our magic number and leave it there: a device that was a
 * cache once is theirs, then.
 *
 * Context: process, sleeps.
 * Return: an enum cachefs_signature; -ENOSPC, -ENOMEM or the device's error.
 */
int cachefs_device_signature(struct cachefs_device *device, const char **what)
{
	unsigned int nr = CACHEFS_BLANK_BYTES >> CACHEFS_BLOCK_SHIFT;
	u64 blocks = cachefs_device_blocks(device);
	unsigned int own = CACHEFS_ANCHOR_BLOCK + 2;
	void *buffer;
	int ret;

	if (blocks < nr) {
		pr_err("%s: too small\n", cachefs_device_name(device));
		return -ENOSPC;
	}
	buffer = kvmalloc(CACHEFS_BLANK_BYTES, GFP_KERNEL | __GFP_NOWARN);
	if (!buffer)
		return -ENOMEM;
	/* A cache is no worse for what cannot be read behind its superblock. */
	ret = cachefs_device_read(device, 0, buffer, own);
	if (ret) {
		own = 1;
		ret = cachefs_device_read(device, 0, buffer, own);
	}
	if (ret)
		goto out;
	if (!memcmp(buffer, CACHEFS_SUPER_MAGIC, 8)) {
		*what = known_signature(buffer, own << CACHEFS_BLOCK_SHIFT);
		ret = *what ? CACHEFS_SIGNATURE_FOREIGN : CACHEFS_SIGNATURE_OWN;
		goto out;
	}
	ret = cachefs_device_read(device, 0, buffer, nr);
	if (ret)
		goto out;
	ret = CACHEFS_SIGNATURE_FOREIGN;
	*what = known_signature(buffer, CACHEFS_BLANK_BYTES);
	if (*what)
		goto out;
	*what = "unknown data (not zero in its first or last MiB)";
	if (memchr_inv(buffer, 0, CACHEFS_BLANK_BYTES))
		goto out;
	ret = cachefs_device_read(device, blocks - nr, buffer, nr);
	if (!ret)
		ret = memchr_inv(buffer, 0, CACHEFS_BLANK_BYTES) ?
			CACHEFS_SIGNATURE_FOREIGN : CACHEFS_SIGNATURE_BLANK;
out:
	if (ret < 0)
		pr_err("%s: cannot be read: error %d\n",
		       cachefs_device_name(device), ret);
	kvfree(buffer);
	return ret;
}

/**
 * cachefs_io_alloc - Get an I/O
 * @cache: the cache
 * @write: its direction
 * @nr: number of pages, at most CACHEFS_IO_BLOCKS
 *
 * A read waits until the reserve has one: its caller must submit what it has before
 * it asks for another, and must not keep one that has ended.
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
	io = &container_of(bio, struct bio_io, bio)->io;
	memset(io, 0, sizeof(*io));
	io->cache = cache;
	io->nr = nr;
	return io;
}

static void io_end_bio(struct bio *bio)
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

	bio->bi_iter.bi_sector = io->device_block << (CACHEFS_BLOCK_SHIFT -
						      SECTOR_SHIFT);
	bio->bi_end_io = io_end_bio;
	/* There is a vector for each, so this cannot fail. */
	for (i = 0; i < io->nr; i++)
		if (bio_add_page(bio, io->pages[i], PAGE_SIZE, 0) != PAGE_SIZE)
			break;
	if (WARN_ON_ONCE(i < io->nr)) {
		bio->bi_status = BLK_STS_IOERR;
		io_end_bio(bio);
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
 * cachefs_tail_page_alloc - Get a page for the end of a file
 * @device: the device
 *
 * Context: process.
 * Return: a page, or %NULL if the reserve has none either.
 */
struct page *cachefs_tail_page_alloc(struct cachefs_device *device)
{
	return mempool_alloc(&device->tails, GFP_NOWAIT | __GFP_NOWARN);
}

/**
 * cachefs_tail_page_free - Give such a page back
 * @device: the device
 * @page: the page
 *
 * Context: any.
 */
void cachefs_tail_page_free(struct cachefs_device *device, struct page *page)
{
	mempool_free(page, &device->tails);
}
