/* SPDX-License-Identifier: GPL-2.0 */
/* BLAKE2s.  Older kernels call its context blake2s_state. */
#ifndef _CACHEFS_COMPAT_BLAKE2S_H
#define _CACHEFS_COMPAT_BLAKE2S_H

#include <crypto/blake2s.h>

#ifndef CACHEFS_HAVE_BLAKE2S_CTX
#define blake2s_ctx	blake2s_state
#endif

#endif /* _CACHEFS_COMPAT_BLAKE2S_H */
