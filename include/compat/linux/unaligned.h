/* SPDX-License-Identifier: GPL-2.0 */
/* Searched last: used by kernels that have only the older header. */
#include <asm/unaligned.h>
