/* SPDX-License-Identifier: GPL-2.0 */
/* Included first by every file: our name in front of each line of the log. */
#undef pr_fmt
#define pr_fmt(fmt) "cachefs: " fmt
