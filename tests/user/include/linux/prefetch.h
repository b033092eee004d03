/* SPDX-License-Identifier: GPL-2.0 */
#define prefetch(p) __builtin_prefetch(p)
