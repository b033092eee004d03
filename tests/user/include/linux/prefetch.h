/* SPDX-License-Identifier: GPL-2.0 */
#ifdef __SANITIZE_THREAD__
/* At a prefetch a reader has an address, and has not used it yet. */
void shim_pause(void);
#define prefetch(p) shim_pause()
#else
#define prefetch(p) __builtin_prefetch(p)
#endif
