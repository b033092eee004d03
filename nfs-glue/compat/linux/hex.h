/* SPDX-License-Identifier: GPL-2.0 */
/* Found last: for kernels that have only the older place. */
#include <linux/kernel.h>
