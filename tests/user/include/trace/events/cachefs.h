/* SPDX-License-Identifier: GPL-2.0 */
/* No tracing in user space. */
#define trace_cachefs_lookup(...)	((void)0)
#define trace_cachefs_read(...)		((void)0)
#define trace_cachefs_store(...)	((void)0)
#define trace_cachefs_store_done(...)	((void)0)
#define trace_cachefs_refuse(...)	((void)0)
#define trace_cachefs_drop(...)		((void)0)
#define trace_cachefs_region(...)	((void)0)
