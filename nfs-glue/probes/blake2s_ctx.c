// SPDX-License-Identifier: GPL-2.0
/* The state of BLAKE2s is called a context. */
#include <crypto/blake2s.h>

struct blake2s_ctx probe;
