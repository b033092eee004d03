// SPDX-License-Identifier: GPL-2.0
/*
 * Traces of requests.  Each trace follows from a name, a length and a seed.
 * Documentation/performance.rst says what the traces stand for.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "policy_main.h"

const char *const trace_names[] = {
	"zipf-0.6", "zipf-0.8", "zipf-1.0", "zipf-1.2", "scan", "loop",
	"scan+zipf", "render", NULL
};

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static double draw_unit(void)
{
	return ldexp(draw() >> 11, -53);
}

/* Object n of @nr is asked for with a probability in proportion to n^-alpha. */
struct zipf {
	uint32_t	nr;
	double		*sums;
};

static struct zipf zipf_new(uint32_t nr, double alpha)
{
	struct zipf zipf = { .nr = nr, .sums = malloc(nr * sizeof(double)) };
	double sum = 0;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		sum += pow(i + 1, -alpha);
		zipf.sums[i] = sum;
	}
	return zipf;
}

static uint32_t zipf_draw(const struct zipf *zipf)
{
	double at = draw_unit() * zipf->sums[zipf->nr - 1];
	uint32_t low = 0, high = zipf->nr - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (zipf->sums[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void make_zipf(struct trace *trace, double alpha)
{
	struct zipf zipf = zipf_new(trace->nr / 4 + 1, alpha);
	uint64_t i;

	for (i = 0; i < trace->nr; i++)
		trace->requests[i] = zipf_draw(&zipf);
	free(zipf.sums);
}

static void make_loop(struct trace *trace, uint32_t objects)
{
	uint64_t i;

	for (i = 0; i < trace->nr; i++)
		trace->requests[i] = i % objects;
}

/* Half of the requests are a scan, whose objects never come again. */
static void make_scan_zipf(struct trace *trace)
{
	uint32_t objects = trace->nr / 8 + 1, next = objects;
	struct zipf zipf = zipf_new(objects, 1.0);
	uint64_t i;

	for (i = 0; i < trace->nr; i++)
		trace->requests[i] = draw() & 1 ? next++ : zipf_draw(&zipf);
	free(zipf.sums);
}

/*
 * A machine of a render farm.  A frame reads runs of 8 blocks:
 *
 *  - 6 of 10 runs are textures.  Three of four are textures of the sequence (Zipf 0.8),
 *    and one is from the library that all sequences share (Zipf 1.0).
 *  - 2 of 10 are geometry.  Four frames, one after another, read the same run.
 *  - 2 of 10 are files of the frame's own, read once.
 *
 * A sequence has 60 frames.  Then the next sequence comes.  One of 4 frames is of the
 * sequence before, rendered again.  The library has a fifth of the trace's length in
 * blocks.  A sequence has about as many runs of textures as all of its frames read.
 */
#define RUN		8
#define SEQUENCES	12
#define FRAMES		60

struct render {
	struct trace	*trace;
	uint64_t	at;
	uint32_t	next;		/* first number not used */
	uint32_t	textures;	/* runs that a sequence has */
	uint32_t	geometry[SEQUENCES * FRAMES + 4];
	uint32_t	texture_of[SEQUENCES];
};

static void read_run(struct render *r, uint32_t first)
{
	int i;

	for (i = 0; i < RUN && r->at < r->trace->nr; i++)
		r->trace->requests[r->at++] = first + i;
}

static void read_frame(struct render *r, int sequence, int frame, uint32_t runs,
		       const struct zipf *library, const struct zipf *textures)
{
	uint32_t geometry = runs / 5, i;

	for (i = 0; i < runs; i++) {
		if (i % 10 < 6 && draw() % 4 == 0) {
			read_run(r, RUN * zipf_draw(library));
		} else if (i % 10 < 6) {
			read_run(r, r->texture_of[sequence] +
				 RUN * zipf_draw(textures));
		} else if (i % 10 < 8) {
			/* A quarter of the geometry changes from frame to frame. */
			uint32_t n = i / 10 * 2 + i % 10 - 6;

			read_run(r, r->geometry[sequence * FRAMES + frame + n % 4] +
				 RUN * (n % geometry));
		} else {
			read_run(r, r->next);
			r->next += RUN;
		}
	}
}

static void make_render(struct trace *trace)
{
	struct render *r = calloc(1, sizeof(*r));
	uint32_t runs = trace->nr / RUN / (SEQUENCES * FRAMES) + 10, i;
	struct zipf library = zipf_new(trace->nr / 5 / RUN + 1, 1.0), textures;
	int sequence, frame;

	r->trace = trace;
	r->next = RUN * library.nr;
	r->textures = runs * FRAMES / 2 + 1;
	textures = zipf_new(r->textures, 0.8);
	for (i = 0; i < SEQUENCES; i++) {
		r->texture_of[i] = r->next;
		r->next += RUN * r->textures;
	}
	for (i = 0; i < SEQUENCES * FRAMES + 4; i++) {
		r->geometry[i] = r->next;
		r->next += RUN * (runs / 5 + 1);
	}
	for (sequence = 0; sequence < SEQUENCES; sequence++)
		for (frame = 0; frame < FRAMES; frame++) {
			bool again = sequence && frame % 4 == 3;

			read_frame(r, sequence - again, frame, runs, &library,
				   &textures);
		}
	trace->nr = r->at;
	free(library.sums);
	free(textures.sums);
	free(r);
}

/* Number the objects in the order in which they come, so that each number comes. */
static void renumber(struct trace *trace)
{
	uint32_t highest = 0, *numbers;
	uint64_t i;

	for (i = 0; i < trace->nr; i++)
		if (trace->requests[i] > highest)
			highest = trace->requests[i];
	numbers = calloc((uint64_t)highest + 1, sizeof(*numbers));
	trace->objects = 0;
	for (i = 0; i < trace->nr; i++) {
		uint32_t *number = &numbers[trace->requests[i]];

		if (!*number)
			*number = ++trace->objects;
		trace->requests[i] = *number - 1;
	}
	free(numbers);
}

struct trace *trace_make(const char *name, uint64_t nr, uint64_t seed)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	trace->name = name;
	trace->nr = nr;
	trace->requests = malloc(nr * sizeof(*trace->requests));
	state = seed;
	if (!strncmp(name, "zipf-", 5))
		make_zipf(trace, atof(name + 5));
	else if (!strcmp(name, "scan"))
		make_loop(trace, nr);
	else if (!strcmp(name, "loop"))
		make_loop(trace, nr / 8 + 1);
	else if (!strcmp(name, "scan+zipf"))
		make_scan_zipf(trace);
	else if (!strcmp(name, "render"))
		make_render(trace);
	else
		return NULL;
	renumber(trace);
	return trace;
}
