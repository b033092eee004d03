/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/compiler.h>
#define preempt_disable() barrier()
#define preempt_enable() barrier()
