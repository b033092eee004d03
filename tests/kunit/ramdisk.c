// SPDX-License-Identifier: GPL-2.0
/*
 * A block device in memory that can be stuck, broken, forgetful or gone.
 *
 * Requests are queued and done in softirq context, as those of most disks are.
 * Held requests stay in the queue.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs_struct.h>
#include <linux/init.h>
#include <linux/stat.h>
#include <linux/init_syscalls.h>
#include <linux/kdev_t.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "../../fscache/device.h"
#include "ramdisk.h"

/*
 * Cases run in kernel threads, which on newer kernels (7.3) do not see the file
 * system of user space by themselves.
 */
#ifndef scoped_with_init_fs
#define scoped_with_init_fs()
#endif

static atomic_t next_number;

static bool bio_held(struct ramdisk *ramdisk, struct bio *bio)
{
	u64 block = bio->bi_iter.bi_sector >> 3;

	if (ramdisk->gone)
		return false;
	if (!op_is_write(bio_op(bio)))
		return READ_ONCE(ramdisk->hold_reads) &&
			block >= ramdisk->hold_from &&
			(!ramdisk->hold_to || block < ramdisk->hold_to);
	return READ_ONCE(ramdisk->hold_writes) &&
		!(bio_has_data(bio) &&
		  bio_page(bio) == READ_ONCE(ramdisk->let_pass));
}

static void bio_transfer(struct ramdisk *ramdisk, struct bio *bio)
{
	u64 at = bio->bi_iter.bi_sector << SECTOR_SHIFT;
	struct bvec_iter iter;
	struct bio_vec bvec;

	bio_for_each_segment(bvec, bio, iter) {
		if (bio_op(bio) == REQ_OP_READ)
			memcpy_to_bvec(&bvec, ramdisk->data + at);
		else if (!READ_ONCE(ramdisk->lose_writes))
			memcpy_from_bvec(ramdisk->data + at, &bvec);
		at += bvec.bv_len;
	}
}

static bool bio_fails(struct ramdisk *ramdisk, struct bio *bio)
{
	u64 block = READ_ONCE(ramdisk->fail_block);
	u64 first = bio->bi_iter.bi_sector >> 3;

	if (ramdisk->gone)
		return true;
	if (op_is_write(bio_op(bio)))
		return READ_ONCE(ramdisk->fail_writes);
	return READ_ONCE(ramdisk->fail_reads) ||
		(block && first <= block &&
		 block < first + (bio->bi_iter.bi_size >> 12));
}

static void bio_serve(struct ramdisk *ramdisk, struct bio *bio)
{
	bool write = op_is_write(bio_op(bio));

	if (write)
		ramdisk->writes++;
	else
		ramdisk->reads++;
	if (bio->bi_opf & (REQ_PREFLUSH | REQ_FUA))
		ramdisk->flushes++;
	if (bio_fails(ramdisk, bio)) {
		bio_io_error(bio);
		return;
	}
	if (bio_has_data(bio))
		bio_transfer(ramdisk, bio);
	bio_endio(bio);
}

/* A work item never runs twice at a time. */
static void ramdisk_work(struct work_struct *work)
{
	struct ramdisk *ramdisk = container_of(work, struct ramdisk, work);
	struct bio_list todo = BIO_EMPTY_LIST, held = BIO_EMPTY_LIST;
	unsigned int nr_held = 0;
	struct bio *bio;

	spin_lock_bh(&ramdisk->lock);
	bio_list_merge_init(&todo, &ramdisk->queue);
	spin_unlock_bh(&ramdisk->lock);

	while ((bio = bio_list_pop(&todo))) {
		if (bio_held(ramdisk, bio)) {
			bio_list_add(&held, bio);
			nr_held++;
		} else {
			bio_serve(ramdisk, bio);
		}
	}
	WRITE_ONCE(ramdisk->held, nr_held);

	spin_lock_bh(&ramdisk->lock);
	bio_list_merge_head(&ramdisk->queue, &held);
	spin_unlock_bh(&ramdisk->lock);
}

static void ramdisk_submit_bio(struct bio *bio)
{
	struct ramdisk *ramdisk = bio->bi_bdev->bd_disk->private_data;

	spin_lock_bh(&ramdisk->lock);
	bio_list_add(&ramdisk->queue, bio);
	spin_unlock_bh(&ramdisk->lock);
	queue_work(system_bh_wq, &ramdisk->work);
}

static const struct block_device_operations ramdisk_ops = {
	.submit_bio	= ramdisk_submit_bio,
};

/*
 * There is no udev and no devtmpfs yet when the suites run.  The suites run before the
 * kernel frees its init functions, so these two functions may call some.
 */
static int __ref make_node(struct ramdisk *ramdisk)
{
	int ret;

	scoped_with_init_fs()
		ret = init_mknod(ramdisk->path, S_IFBLK | 0600,
				 new_encode_dev(disk_devt(ramdisk->disk)));
	return ret;
}

static void __ref remove_node(struct ramdisk *ramdisk)
{
	scoped_with_init_fs()
		init_unlink(ramdisk->path);
}

/**
 * ramdisk_open - Call cachefs_device_open() from a kernel thread
 * @path: the device node
 * @device: where to return the device
 *
 * Return: what cachefs_device_open() returns.
 */
int ramdisk_open(const char *path, struct cachefs_device **device)
{
	int ret;

	scoped_with_init_fs()
		ret = cachefs_device_open(path, device);
	return ret;
}

/**
 * ramdisk_create - Make a block device
 * @blocks: its size in blocks of 4096 bytes
 *
 * Return: the device, full of zeros, or %NULL.
 */
struct ramdisk *ramdisk_create(u64 blocks)
{
	struct queue_limits lim = {
		.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA,
	};
	struct ramdisk *ramdisk = kzalloc(sizeof(*ramdisk), GFP_KERNEL);
	struct gendisk *disk;

	if (!ramdisk)
		return NULL;
	ramdisk->data = vzalloc(blocks << 12);
	disk = blk_alloc_disk(&lim, NUMA_NO_NODE);
	if (!ramdisk->data || IS_ERR(disk))
		goto free;
	ramdisk->disk = disk;
	ramdisk->blocks = blocks;
	spin_lock_init(&ramdisk->lock);
	bio_list_init(&ramdisk->queue);
	INIT_WORK(&ramdisk->work, ramdisk_work);

	disk->flags = GENHD_FL_NO_PART;
	disk->fops = &ramdisk_ops;
	disk->private_data = ramdisk;
	snprintf(disk->disk_name, DISK_NAME_LEN, "ramdisk%d",
		 atomic_inc_return(&next_number));
	snprintf(ramdisk->path, sizeof(ramdisk->path), "/%s", disk->disk_name);
	set_capacity(disk, blocks << (12 - SECTOR_SHIFT));
	if (add_disk(disk))
		goto put;
	if (make_node(ramdisk))
		goto del;
	return ramdisk;
del:
	del_gendisk(disk);
put:
	put_disk(disk);
	disk = NULL;
free:
	if (!IS_ERR_OR_NULL(disk))
		put_disk(disk);
	vfree(ramdisk->data);
	kfree(ramdisk);
	return NULL;
}

/**
 * ramdisk_destroy - End a device that nobody has open
 * @ramdisk: the device
 */
void ramdisk_destroy(struct ramdisk *ramdisk)
{
	if (!ramdisk->gone)
		ramdisk_vanish(ramdisk);
	put_disk(ramdisk->disk);
	vfree(ramdisk->data);
	kfree(ramdisk);
}

/**
 * ramdisk_kick - Look at the queue again after a switch was turned
 * @ramdisk: the device
 */
void ramdisk_kick(struct ramdisk *ramdisk)
{
	queue_work(system_bh_wq, &ramdisk->work);
}

/**
 * ramdisk_vanish - Tear the device out
 * @ramdisk: the device
 *
 * All requests fail, also the held ones, and no new ones arrive.
 */
void ramdisk_vanish(struct ramdisk *ramdisk)
{
	WRITE_ONCE(ramdisk->gone, true);
	blk_mark_disk_dead(ramdisk->disk);
	ramdisk_kick(ramdisk);
	remove_node(ramdisk);
	del_gendisk(ramdisk->disk);
	flush_work(&ramdisk->work);
}

/**
 * ramdisk_wait_held - Wait until some request is held
 * @ramdisk: a device with a hold switch on
 *
 * Return: whether a request was held within 20 seconds.
 */
bool ramdisk_wait_held(struct ramdisk *ramdisk)
{
	unsigned long end = jiffies + 20 * HZ;

	while (!READ_ONCE(ramdisk->held) && time_before(jiffies, end))
		msleep(20);
	return READ_ONCE(ramdisk->held);
}
