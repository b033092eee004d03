/* SPDX-License-Identifier: GPL-2.0 */
/* Every file includes this first: "cachefs: " begins each line of the log. */
#undef pr_fmt
#define pr_fmt(fmt) "cachefs: " fmt
