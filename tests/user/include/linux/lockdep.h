/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_LOCKDEP_H
#define _SHIM_LINUX_LOCKDEP_H

struct lock_class_key {
	char unused;
};

#define lockdep_assert_held(l)		((void)(l))
#define lockdep_assert_held_write(l)	((void)(l))
#define lockdep_assert_held_read(l)	((void)(l))
#define lockdep_assert_not_held(l)	((void)(l))
#define lockdep_set_class(l, k)		((void)(l))

#endif
