// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that the module's own code for the disk format needs in user space, beside
 * the headers in tests/user/include: a device that is a file descriptor, memory, and
 * random numbers.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/xxhash.h>
#include "internal.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "core.h"
#include "image.h"

#define MIB		1048576UL
#define MIB_BLOCKS	(MIB >> CACHEFS_BLOCK_SHIFT)

u64 xxh64(const void *input, size_t length, u64 seed)
{
	return XXH64(input, length, seed);
}

void *shim_alloc(size_t nr, size_t size, gfp_t gfp)
{
	return calloc(nr, size);
}

void shim_free(const void *p)
{
	free((void *)p);
}

void get_random_bytes(void *buffer, size_t n)
{
	if (getrandom(buffer, n, 0) != (ssize_t)n)
		err(EXIT_FAILURE, "no random numbers");
}

/* The clock that the headers read. */
u64 shim_now_ns;

u64 cachefs_device_blocks(struct cachefs_device *device)
{
	return device->bytes >> CACHEFS_BLOCK_SHIFT;
}

const char *cachefs_device_name(struct cachefs_device *device)
{
	return device->name;
}

/* Read or write bytes of a device through aligned memory, which O_DIRECT needs. */
static int image_transfer(struct cachefs_device *device, bool write, u64 at,
			  void *buffer, size_t bytes)
{
	size_t room = min_t(size_t, bytes, MIB), n;
	void *aligned = aligned_alloc(CACHEFS_BLOCK_SIZE, room);
	ssize_t done;
	int ret = 0;

	if (!aligned)
		return -ENOMEM;
	for (; bytes && !ret; bytes -= n, buffer += n, at += n) {
		n = min_t(size_t, bytes, room);
		if (write) {
			memcpy(aligned, buffer, n);
			done = pwrite(device->fd, aligned, n, at);
		} else {
			done = pread(device->fd, aligned, n, at);
		}
		if (done < 0)
			ret = -errno;
		else if ((size_t)done != n)
			ret = -EIO;
		else if (!write)
			memcpy(buffer, aligned, n);
	}
	free(aligned);
	return ret;
}

int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr, blk_opf_t flags)
{
	return image_transfer(device, false, block << CACHEFS_BLOCK_SHIFT,
			      buffer, (size_t)nr << CACHEFS_BLOCK_SHIFT);
}

int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags)
{
	int ret;

	ret = flags & REQ_PREFLUSH && fsync(device->fd) ? -errno : 0;
	if (!ret)
		ret = image_transfer(device, true, block << CACHEFS_BLOCK_SHIFT,
				     (void *)buffer,
				     (size_t)nr << CACHEFS_BLOCK_SHIFT);
	return ret ?: fsync(device->fd) ? -errno : 0;
}

static int image_clear(struct cachefs_device *device, u64 at, size_t bytes)
{
	void *zeros = calloc(1, bytes);
	int ret;

	ret = zeros ? image_transfer(device, true, at, zeros, bytes) : -ENOMEM;
	free(zeros);
	return ret ?: fsync(device->fd) ? -errno : 0;
}

/* Write zeros to the last MiB, and to the first MiB behind the superblock and anchors. */
int cachefs_device_wipe(struct cachefs_device *device)
{
	u64 first = (CACHEFS_ANCHOR_BLOCK + 2) << CACHEFS_BLOCK_SHIFT;
	int ret;

	ret = image_clear(device, device->bytes - MIB, MIB);
	return ret ?: image_clear(device, first, MIB - first);
}

/**
 * image_init - Begin to use a device or an image
 * @device: is set up for the other functions of this file
 * @fd: the open file
 * @name: for messages
 *
 * Return: 0 or an errno.
 */
int image_init(struct cachefs_device *device, int fd, const char *name)
{
	struct stat st;

	device->fd = fd;
	device->name = name;
	if (fstat(fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode))
		device->bytes = st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	else if (ioctl(fd, BLKGETSIZE64, &device->bytes))
		return -errno;
	return 0;
}

/**
 * image_open - Open a device or an image for reading
 * @device: is set up for the other functions of this file
 * @path: its path
 *
 * A cache that is in use can be read, too.  The page cache is bypassed, because it does
 * not see the module's writes.
 *
 * Return: 0 or an errno.
 */
int image_open(struct cachefs_device *device, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	int ret;

	/* Some file systems do not support O_DIRECT for an image. */
	if (fd < 0 && errno == EINVAL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = image_init(device, fd, path);
	if (ret)
		close(fd);
	return ret;
}

/**
 * image_read_super - Read a superblock and its copy, and check them
 * @device: the device
 * @sb: the superblock
 * @geo: the layout, if it is valid
 * @content: the kind of content
 * @why: the field that is not valid, if there is one
 *
 * Return: 0, or an errno if the device cannot be read.
 */
int image_read_super(struct cachefs_device *device,
		     struct cachefs_super_block *sb,
		     struct cachefs_geometry *geo, enum core_content *content,
		     enum cachefs_refusal *why)
{
	struct cachefs_super_block copy;
	int ret;

	*content = CORE_NO_CACHE;
	*why = CACHEFS_BAD_MAGIC;
	if (!cachefs_device_blocks(device))
		return 0;
	ret = cachefs_device_read(device, CACHEFS_SUPER_BLOCK, sb, 1, 0);
	if (ret)
		return ret;
	*why = cachefs_super_check(sb, cachefs_device_blocks(device), geo);
	if (*why == CACHEFS_BAD_MAGIC)
		return 0;
	*content = CORE_BAD_CACHE;
	if (*why)
		return 0;
	ret = cachefs_device_read(device, geo->device_blocks - 1, &copy, 1, 0);
	if (!ret && memcmp(sb, &copy, sizeof(copy)))
		*why = CACHEFS_BAD_COPY;
	else if (!ret)
		*content = CORE_CACHE;
	return ret;
}

/**
 * core_uuid_text - Write a UUID as text
 * @text: 37 bytes
 * @uuid: 16 bytes
 */
void core_uuid_text(char *text, const unsigned char *uuid)
{
	int i;

	for (i = 0; i < CACHEFS_UUID_SIZE; i++)
		text += sprintf(text, "%s%02x", i >= 4 && i <= 10 && !(i & 1) ?
				"-" : "", uuid[i]);
}

/**
 * core_probe - Is there a cache on a device?
 * @fd: the device, open for reading
 * @super: the content of its superblock, if it is valid; only UUID and label if another
 *	field than the version or the checksum is not; else empty
 * @why: the field that is not valid; for a message
 *
 * Return: an enum core_content, or an errno.
 */
int core_probe(int fd, struct core_super *super, const char **why)
{
	struct cachefs_super_block sb;
	struct cachefs_device device;
	struct cachefs_geometry geo;
	enum core_content content;
	enum cachefs_refusal refusal;
	int ret;

	memset(super, 0, sizeof(*super));
	ret = image_init(&device, fd, "");
	if (!ret)
		ret = image_read_super(&device, &sb, &geo, &content, &refusal);
	if (ret)
		return ret;
	*why = cachefs_refusal_text(refusal);
	if (refusal == CACHEFS_BAD_MAGIC || refusal == CACHEFS_BAD_VERSION ||
	    refusal == CACHEFS_BAD_CHECKSUM)
		return content;
	core_uuid_text(super->uuid, sb.uuid);
	memcpy(super->label, sb.label, sizeof(sb.label));
	if (content != CORE_CACHE)
		return content;
	super->version = le32_to_cpu(sb.version);
	super->device_bytes = geo.device_blocks << CACHEFS_BLOCK_SHIFT;
	super->capacity_bytes = ((u64)geo.nr_regions * geo.slots) <<
				CACHEFS_BLOCK_SHIFT;
	super->format_time = le64_to_cpu(sb.format_time);
	return content;
}

/**
 * core_is_blank - Are the first and the last MiB of a device zero?
 * @fd: the device, open for reading
 *
 * A copy of the superblock in the last block counts as zero.
 *
 * Return: 1 or 0; -ENOSPC if the device has less than one MiB; or the device's error.
 */
int core_is_blank(int fd)
{
	struct cachefs_device device;
	void *buffer;
	int ret = image_init(&device, fd, "");

	if (ret)
		return ret;
	if (device.bytes < MIB)
		return -ENOSPC;
	buffer = malloc(MIB);
	if (!buffer)
		return -ENOMEM;
	ret = cachefs_device_read(&device, 0, buffer, MIB_BLOCKS, 0);
	if (!ret && !memchr_inv(buffer, 0, MIB)) {
		ret = image_transfer(&device, false, device.bytes - MIB, buffer,
				     MIB);
		if (!ret)
			ret = cachefs_end_is_blank(buffer, MIB, device.bytes);
	}
	free(buffer);
	return ret;
}

/**
 * core_format - Make an empty cache on a device
 * @fd: the device, open for reading and writing, and not in use elsewhere
 * @path: for messages
 * @label: up to 32 bytes, or %NULL
 *
 * Return: 0, -ENOSPC if the device is too small, or the device's error.
 */
int core_format(int fd, const char *path, const char *label)
{
	struct cachefs_device device;
	int ret = image_init(&device, fd, path);

	/* Set the clock of the headers, which has a fixed start, to the real time. */
	shim_now_ns = 0;
	shim_now_ns = (time(NULL) - ktime_get_real_seconds()) * NSEC_PER_SEC;
	return ret ?: cachefs_format(&device, label, CACHEFS_REGION_BLOCKS);
}

/**
 * core_erase - Take a cache from a device
 * @fd: the device, open for reading and writing, and not in use elsewhere
 * @path: for messages
 *
 * Zeros are written to its last MiB, and then to its first MiB, with the superblock.
 * Then the device is blank.  Before that, it is a cache or a damaged cache, which can be
 * erased again.
 *
 * Return: 0 or the device's error.
 */
int core_erase(int fd, const char *path)
{
	struct cachefs_device device;
	int ret = image_init(&device, fd, path);

	if (!ret && device.bytes < MIB)
		ret = -ENOSPC;
	if (!ret)
		ret = image_clear(&device, device.bytes - MIB, MIB);
	return ret ?: image_clear(&device, 0, MIB);
}
