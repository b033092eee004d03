/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the glue that main.c uses: at load, attach and detach.
 */
#ifndef _CACHEFS_CORE_GLUE_H
#define _CACHEFS_CORE_GLUE_H

struct cachefs_cache;
struct cachefs_glue;
struct miscdevice;

/* nfs-glue/bind.c */
struct cachefs_glue *cachefs_glue_add(struct cachefs_cache *cache);
void cachefs_glue_remove(struct cachefs_glue *glue);

/* nfs-glue/control.c */
extern struct miscdevice cachefs_control;

#endif /* _CACHEFS_CORE_GLUE_H */
