// SPDX-License-Identifier: GPL-2.0
/*
 * Notes: the generation of a file in which a page was asked of the server.
 *
 * Notes are for pages whose operation is over when the page is stored.  Such a page is
 * only stored in the generation of its note.
 */
#include <linux/xarray.h>
#include "glue.h"

/*
 * Forget the note of a page, and return it.  A caller that uses the result has the page
 * locked, so no new note can come meanwhile.
 */
static void *note_forget(struct cachefs_object *object, pgoff_t index)
{
	void *note = NULL;

	if (!xa_empty(&object->reads))
		note = xa_erase(&object->reads, index);
	if (note)
		atomic_dec(&object->volume->glue->noted);
	return note;
}

/* The note of a page whose read from the server begins in this operation. */
static void *note_of(struct cachefs_op *op)
{
	return xa_mk_value(op->generation & INT_MAX);
}

/**
 * cachefs_note_read - Note that a page's read from the server begins
 * @op: in this operation
 * @index: which page; the caller has it locked
 * @wanted: the page may be stored; if not, a note of an earlier read is forgotten
 *
 * Context: process, may sleep.
 * Return: whether there is a note now.  Without a note the page will not be stored.
 */
bool cachefs_note_read(struct cachefs_op *op, pgoff_t index, bool wanted)
{
	struct cachefs_glue *glue = op->object->volume->glue;
	void *old;

	if (wanted && atomic_read(&glue->noted) < CACHEFS_MAX_NOTED_PAGES) {
		old = xa_store(&op->object->reads, index, note_of(op),
			       CACHEFS_GFP_MAYBE);
		if (!xa_is_err(old)) {
			if (!old)
				atomic_inc(&glue->noted);
			return true;
		}
	}
	note_forget(op->object, index);
	return false;
}

/**
 * cachefs_noted_read - Check the note of a page that is about to be stored
 * @op: in this operation
 * @index: which page; its note is forgotten
 *
 * Context: process.
 * Return: %CACHEFS_WHY_NONE if the page's read began in the generation of the
 * operation, or why the page must not be stored.
 */
enum cachefs_reason cachefs_noted_read(struct cachefs_op *op, pgoff_t index)
{
	void *note = note_forget(op->object, index);

	if (note == note_of(op))
		return CACHEFS_WHY_NONE;
	return note ? CACHEFS_WHY_VERSION : CACHEFS_WHY_NO_NOTE;
}

/**
 * cachefs_forget_reads - Forget all notes of an object
 * @object: the object
 *
 * Context: process, may sleep.
 */
void cachefs_forget_reads(struct cachefs_object *object)
{
	unsigned long index;
	void *note;

	xa_for_each(&object->reads, index, note)
		note_forget(object, index);
}
