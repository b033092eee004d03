// SPDX-License-Identifier: GPL-2.0
/*
 * Cache policies as their papers describe them, in simple code: one structure for each
 * object, doubly linked lists, no tricks.  Each policy stores each object that it missed.
 */
#include <stdlib.h>
#include <string.h>
#include "policy_main.h"

#define NONE	UINT32_MAX

/**
 * struct queue - Objects in order, as a list of their numbers
 * @first: the newest
 * @last: the oldest
 * @nr: number of objects
 */
struct queue {
	uint32_t	first;
	uint32_t	last;
	uint32_t	nr;
};

/**
 * struct object - The state of an object in a policy
 * @newer: the next newer object in its queue
 * @older: the next older object in its queue
 * @where: the queue that it is in, 0: none
 * @seen: requests for it since it came, counted as far as the policy needs
 */
struct object {
	uint32_t	newer;
	uint32_t	older;
	uint8_t		where;
	uint8_t		seen;
};

static struct object *objects_new(const struct trace *trace)
{
	return calloc(trace->objects, sizeof(struct object));
}

static void queue_init(struct queue *queue)
{
	*queue = (struct queue) { .first = NONE, .last = NONE };
}

static void push(struct queue *queue, struct object *objects, uint32_t n,
		 uint8_t where)
{
	objects[n].newer = NONE;
	objects[n].older = queue->first;
	objects[n].where = where;
	if (queue->first != NONE)
		objects[queue->first].newer = n;
	else
		queue->last = n;
	queue->first = n;
	queue->nr++;
}

static void take(struct queue *queue, struct object *objects, uint32_t n)
{
	struct object *object = &objects[n];

	if (object->newer != NONE)
		objects[object->newer].older = object->older;
	else
		queue->first = object->older;
	if (object->older != NONE)
		objects[object->older].newer = object->newer;
	else
		queue->last = object->newer;
	object->where = 0;
	queue->nr--;
}

static uint32_t pop(struct queue *queue, struct object *objects)
{
	uint32_t n = queue->last;

	take(queue, objects, n);
	return n;
}

/**
 * struct one_queue - The state of a policy with one queue
 * @objects: all objects
 * @queue: the cached objects
 * @hand: the object at which SIEVE goes on, or NONE
 */
struct one_queue {
	struct object	*objects;
	struct queue	queue;
	uint32_t	hand;
};

/*
 * Replay a trace.  @hit is called for a request of a cached object.  @make_room is called
 * while the queue is full.  It takes one object out, or comes nearer to that.
 */
static void one_queue_run(const struct trace *trace, uint32_t capacity,
			  bool *miss,
			  void (*hit)(struct one_queue *q, uint32_t n),
			  void (*make_room)(struct one_queue *q))
{
	struct one_queue q = { .objects = objects_new(trace), .hand = NONE };
	uint64_t i;

	queue_init(&q.queue);
	for (i = 0; i < trace->nr; i++) {
		uint32_t n = trace->requests[i];

		miss[i] = !q.objects[n].where;
		if (!miss[i]) {
			hit(&q, n);
			continue;
		}
		while (q.queue.nr == capacity)
			make_room(&q);
		push(&q.queue, q.objects, n, 1);
	}
	free(q.objects);
}

static void nothing(struct one_queue *q, uint32_t n)
{
}

static void to_the_front(struct one_queue *q, uint32_t n)
{
	take(&q->queue, q->objects, n);
	push(&q->queue, q->objects, n, 1);
}

static void note_it(struct one_queue *q, uint32_t n)
{
	q->objects[n].seen = 1;
}

static void drop_oldest(struct one_queue *q)
{
	pop(&q->queue, q->objects);
}

static void fifo_run(const struct trace *trace, uint32_t capacity, bool *miss)
{
	one_queue_run(trace, capacity, miss, nothing, drop_oldest);
}

static void lru_run(const struct trace *trace, uint32_t capacity, bool *miss)
{
	one_queue_run(trace, capacity, miss, to_the_front, drop_oldest);
}

/* The second chance: an object that was asked for becomes the newest once more. */
static void clock_make_room(struct one_queue *q)
{
	uint32_t old = pop(&q->queue, q->objects);

	if (q->objects[old].seen)
		push(&q->queue, q->objects, old, 1);
	q->objects[old].seen = 0;
}

static void clock_run(const struct trace *trace, uint32_t capacity, bool *miss)
{
	one_queue_run(trace, capacity, miss, note_it, clock_make_room);
}

/* Zhang et al., NSDI 2024: the hand passes an object that was asked for. */
static void sieve_make_room(struct one_queue *q)
{
	uint32_t old = q->hand == NONE ? q->queue.last : q->hand;

	while (q->objects[old].seen) {
		q->objects[old].seen = 0;
		old = q->objects[old].newer;
		if (old == NONE)
			old = q->queue.last;
	}
	q->hand = q->objects[old].newer;
	take(&q->queue, q->objects, old);
}

static void sieve_run(const struct trace *trace, uint32_t capacity, bool *miss)
{
	one_queue_run(trace, capacity, miss, note_it, sieve_make_room);
}

/*
 * Yang et al., SOSP 2023: a small queue with a tenth of the room, a main queue, and a
 * ghost queue.  The ghost queue has objects that left the small queue, at most as many
 * as the main queue has room for.
 */
struct s3fifo {
	struct object	*objects;
	struct queue	small;
	struct queue	main;
	struct queue	ghost;
	uint32_t	small_max;
	uint32_t	main_max;
};

enum { SMALL = 1, MAIN, GHOST };

static void s3fifo_evict_main(struct s3fifo *s)
{
	for (;;) {
		uint32_t old = pop(&s->main, s->objects);

		if (!s->objects[old].seen)
			return;
		s->objects[old].seen--;
		push(&s->main, s->objects, old, MAIN);
	}
}

static void s3fifo_evict_small(struct s3fifo *s)
{
	while (s->small.nr) {
		uint32_t old = pop(&s->small, s->objects);

		if (s->objects[old].seen > 1) {
			s->objects[old].seen = 0;
			push(&s->main, s->objects, old, MAIN);
			if (s->main.nr > s->main_max)
				s3fifo_evict_main(s);
			continue;
		}
		if (s->ghost.nr == s->main_max)
			pop(&s->ghost, s->objects);
		push(&s->ghost, s->objects, old, GHOST);
		return;
	}
}

static void s3fifo_run(const struct trace *trace, uint32_t capacity, bool *miss)
{
	struct s3fifo s = { .objects = objects_new(trace) };
	uint64_t i;

	s.small_max = capacity / 10 ? capacity / 10 : 1;
	s.main_max = capacity - s.small_max;
	queue_init(&s.small);
	queue_init(&s.main);
	queue_init(&s.ghost);
	for (i = 0; i < trace->nr; i++) {
		uint32_t n = trace->requests[i];
		struct object *object = &s.objects[n];
		bool ghost;

		miss[i] = object->where != SMALL && object->where != MAIN;
		if (!miss[i]) {
			if (object->seen < 3)
				object->seen++;
			continue;
		}
		while (s.small.nr + s.main.nr >= capacity) {
			if (s.small.nr >= s.small_max)
				s3fifo_evict_small(&s);
			else
				s3fifo_evict_main(&s);
		}
		ghost = object->where == GHOST;
		if (ghost)
			take(&s.ghost, s.objects, n);
		object->seen = 0;
		push(ghost ? &s.main : &s.small, s.objects, n,
		     ghost ? MAIN : SMALL);
	}
	free(s.objects);
}

/*
 * Belady: evict the object whose next request comes last.  A heap has the next request
 * of each cached object.  If an object is asked for again, its old entry stays in the
 * heap.  Such an entry lies in the past, so it is never at the top while there is a
 * current entry.
 */
struct heap {
	uint64_t	*next;		/* the latest first */
	uint64_t	nr;
};

static void heap_push(struct heap *heap, uint64_t next)
{
	uint64_t i = heap->nr++;

	for (; i && heap->next[(i - 1) / 2] < next; i = (i - 1) / 2)
		heap->next[i] = heap->next[(i - 1) / 2];
	heap->next[i] = next;
}

static uint64_t heap_pop(struct heap *heap)
{
	uint64_t top = heap->next[0], last = heap->next[--heap->nr], i = 0;

	for (;;) {
		uint64_t child = 2 * i + 1;

		if (child >= heap->nr)
			break;
		if (child + 1 < heap->nr &&
		    heap->next[child + 1] > heap->next[child])
			child++;
		if (heap->next[child] <= last)
			break;
		heap->next[i] = heap->next[child];
		i = child;
	}
	heap->next[i] = last;
	return top;
}

static void belady_run(const struct trace *trace, uint32_t capacity, bool *miss)
{
	uint64_t *next = malloc(trace->nr * sizeof(*next));
	uint64_t *seen = malloc(trace->objects * sizeof(*seen)), i;
	struct object *objects = objects_new(trace);
	struct heap heap = { .next = malloc((trace->nr + 1) * sizeof(*heap.next)) };
	uint32_t cached = 0, n;

	/* Objects that do not come again get numbers behind all requests. */
	for (n = 0; n < trace->objects; n++)
		seen[n] = trace->nr + n;
	for (i = trace->nr; i--;) {
		next[i] = seen[trace->requests[i]];
		seen[trace->requests[i]] = i;
	}
	for (i = 0; i < trace->nr; i++) {
		n = trace->requests[i];
		miss[i] = !objects[n].where;
		if (miss[i] && cached == capacity) {
			uint64_t last = heap_pop(&heap);

			n = last < trace->nr ? trace->requests[last] :
			    last - trace->nr;
			objects[n].where = 0;
			n = trace->requests[i];
			cached--;
		}
		cached += miss[i];
		objects[n].where = 1;
		heap_push(&heap, next[i]);
	}
	free(next);
	free(seen);
	free(objects);
	free(heap.next);
}

const struct policy others[] = {
	{ "lru", lru_run },
	{ "fifo", fifo_run },
	{ "clock", clock_run },
	{ "sieve", sieve_run },
	{ "s3fifo", s3fifo_run },
	{ "belady", belady_run },
	{}
};
