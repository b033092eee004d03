// SPDX-License-Identifier: GPL-2.0
/*
 * In which generation of its file has a page been asked of the server?
 *
 * For where the operation in which a page was not found is over when the page is
 * stored: it is noted by page until then, and a page is only stored in the same
 * generation.  See cookie.c.
 */
#include <linux/xarray.h>
#include "glue.h"

/* Who looks at the answer has the page locked: no note of it can come meanwhile. */
static void *forget_read(struct cachefs_object *object, pgoff_t index)
{
	void *note = NULL;

	if (!xa_empty(&object->reads))
		note = xa_erase(&object->reads, index);
	if (note)
		atomic_dec(&object->volume->glue->noted);
	return note;
}

/* What is noted of a page whose read from the server begins. */
static void *note_of(struct cachefs_op *op)
{
	return xa_mk_value(op->generation & INT_MAX);
}

/**
 * cachefs_note_read - A page's read from the server begins
 * @op: in this operation
 * @index: which page; the caller has it locked
 *
 * Context: process, may sleep.
 * Return: whether that has been noted; if not, the page will not be stored.
 */
bool cachefs_note_read(struct cachefs_op *op, pgoff_t index)
{
	struct cachefs_glue *glue = op->object->volume->glue;
	void *old;

	if (atomic_read(&glue->noted) < CACHEFS_MAX_NOTED_PAGES) {
		old = xa_store(&op->object->reads, index, note_of(op),
			       CACHEFS_GFP_MAYBE);
		if (!xa_is_err(old)) {
			if (!old)
				atomic_inc(&glue->noted);
			return true;
		}
	}
	/* What may be noted is of an earlier read. */
	forget_read(op->object, index);
	return false;
}

/**
 * cachefs_forget_read - A page's read from the server begins, and is not noted
 * @op: in this operation
 * @index: which page
 *
 * Context: process, may sleep.
 */
void cachefs_forget_read(struct cachefs_op *op, pgoff_t index)
{
	forget_read(op->object, index);
}

/**
 * cachefs_noted_read - A page is about to be stored
 * @op: in this operation
 * @index: which page; its note is forgotten
 *
 * Context: process.
 * Return: %CACHEFS_WHY_NONE if its read began in the same generation as the
 * operation, or why it must not be stored.
 */
enum cachefs_reason cachefs_noted_read(struct cachefs_op *op, pgoff_t index)
{
	void *note = forget_read(op->object, index);

	if (note == note_of(op))
		return CACHEFS_WHY_NONE;
	return note ? CACHEFS_WHY_VERSION : CACHEFS_WHY_NO_NOTE;
}

/**
 * cachefs_forget_reads - Forget all that is noted of an object
 * @object: the object
 *
 * Context: process, may sleep.
 */
void cachefs_forget_reads(struct cachefs_object *object)
{
	unsigned long index;
	void *note;

	xa_for_each(&object->reads, index, note)
		forget_read(object, index);
}
