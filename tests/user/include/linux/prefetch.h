/* SPDX-License-Identifier: GPL-2.0 */
#ifdef __SANITIZE_THREAD__
/* That is where a reader has an address, and has not used it. */
void shim_pause(void);
#define prefetch(p) shim_pause()
#else
#define prefetch(p) __builtin_prefetch(p)
#endif
