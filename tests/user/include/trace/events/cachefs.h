/* SPDX-License-Identifier: GPL-2.0 */
/*
 * There is no tracing in user space.  But a test may follow the states of regions, and
 * ask why the last data was refused.
 */
extern int shim_refused;
extern void (*shim_trace_region)(unsigned int nr, unsigned int from, unsigned int to);

#define trace_cachefs_lookup(...)	((void)0)
#define trace_cachefs_read(...)		((void)0)
#define trace_cachefs_read_enabled()	false
#define trace_cachefs_store(...)	((void)0)
#define trace_cachefs_store_done(...)	((void)0)
#define trace_cachefs_store_done_enabled()	false
#define trace_cachefs_refuse(id, block, bytes, why) \
	WRITE_ONCE(shim_refused, why)
#define trace_cachefs_drop(...)		((void)0)
#define trace_cachefs_region(nr, seq, from, to) \
	(shim_trace_region ? shim_trace_region(nr, from, to) : (void)0)
