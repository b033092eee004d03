/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BLK_TYPES_H
#define _SHIM_LINUX_BLK_TYPES_H

typedef unsigned int blk_opf_t;

#define REQ_FUA			1u
#define REQ_PREFLUSH		2u
#define REQ_BACKGROUND		4u

#endif
