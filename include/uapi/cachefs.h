/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/cachefs: ask how much of an open file is cached, and why not more; let go
 * of the file; or note the file as read, so that it stays.  See
 * Documentation/ABI/testing/dev-cachefs.
 */
#ifndef _UAPI_CACHEFS_H
#define _UAPI_CACHEFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * enum cachefs_file_reason - Why a read of a file does not come from the cache, or is
 * not stored
 *
 * If there are several reasons, the answer is the one that matters most, roughly the
 * first in this list.  Programs know the numbers, so a new reason goes to the end.
 */
enum cachefs_file_reason {
	CACHEFS_FILE_OK,		/* missing blocks were not read, or are gone */
	CACHEFS_FILE_UNSUPPORTED,	/* no regular file of NFS, CIFS or 9p */
	CACHEFS_FILE_NO_FSC,		/* the mount does not use FS-Cache */
	CACHEFS_FILE_OTHER_CACHE,	/* bound to another cache of FS-Cache */
	CACHEFS_FILE_REFUSED,		/* not cached by this module, the log says why */
	CACHEFS_FILE_NO_CACHE,		/* no cache is attached */
	CACHEFS_FILE_FAILED,		/* the cache has failed, or is being detached */
	CACHEFS_FILE_OPEN_BEFORE,	/* opened before the attach, and not after it */
	CACHEFS_FILE_EMPTY,		/* there is nothing to cache */
	CACHEFS_FILE_DIRECT,		/* this descriptor reads with O_DIRECT */
	CACHEFS_FILE_WRITTEN,		/* open for writing on this machine, or was written */
	CACHEFS_FILE_CHANGED,		/* changed, until the next open or stat */
	CACHEFS_FILE_SLOW,		/* the disk is slower than the server, or hangs */
	CACHEFS_FILE_RECENT,		/* changed a moment ago, maybe again since then */
	CACHEFS_FILE_NOT_STORED,	/* the disk takes no writes, or nothing may be in flight */
	CACHEFS_FILE_POLICY,		/* policy of the export: store nothing (more) */
	CACHEFS_FILE_BUDGET,		/* the write budget is used */
	CACHEFS_FILE_SECOND,		/* the export's policy: stored when it is read again */
};

/* Flag of an answer: the disk of the cache has given errors lately. */
#define CACHEFS_FILE_DEGRADED	1

/**
 * struct cachefs_file - Question and answer of all ioctls
 * @fd: the file, open
 * @flags: question: 0; answer: CACHEFS_FILE_DEGRADED or 0
 * @reason: question: 0; answer: enum cachefs_file_reason
 * @reserved: 0
 * @file_bytes: answer: size of the file
 * @cached_bytes: answer: number of bytes that are cached, or were let go of, or are noted
 *	as read
 */
struct cachefs_file {
	__s32	fd;
	__u32	flags;
	__u32	reason;
	__u32	reserved;
	__u64	file_bytes;
	__u64	cached_bytes;
};

#define CACHEFS_IOC_CACHED	_IOWR(0xCF, 0x40, struct cachefs_file)
#define CACHEFS_IOC_WHY		_IOWR(0xCF, 0x41, struct cachefs_file)
#define CACHEFS_IOC_EVICT	_IOWR(0xCF, 0x42, struct cachefs_file)
#define CACHEFS_IOC_NOTE_READ	_IOWR(0xCF, 0x43, struct cachefs_file)

#endif /* _UAPI_CACHEFS_H */
