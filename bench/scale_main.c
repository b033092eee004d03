// SPDX-License-Identifier: GPL-2.0
/*
 * The program behind bench/scale.  A process does one measurement, and prints each
 * result as a JSON object.  bench/scale describes the options.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "scale_main.h"
#include "shim.h"

u64 max_extents = 1000000, max_blocks = 1 << 25;
u64 latency_us = 100, bandwidth_mb = 3000;

double tib(const struct cachefs_device *device)
{
	return (double)device->blocks / (1 << 28);
}

void set_speed(struct cachefs_device *device)
{
	device->latency_ns = latency_us * NSEC_PER_USEC;
	device->bandwidth = bandwidth_mb * 1000000;
}

static enum mix mix_of(const char *name)
{
	int i;

	for (i = 0; i < NR_MIXES; i++)
		if (!strcmp(name, mix_names[i]))
			return i;
	fprintf(stderr, "scale: there is no mix \"%s\"\n", name);
	exit(2);
}

static u64 number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || value <= 0) {
		fprintf(stderr, "scale: \"%s\" is not above 0\n", text);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "extents", 1, NULL, 'e' }, { "blocks", 1, NULL, 'b' },
		{ "latency", 1, NULL, 'l' }, { "bandwidth", 1, NULL, 'w' },
		{}
	};
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			max_extents = number(optarg);
			break;
		case 'b':
			max_blocks = number(optarg);
			break;
		case 'l':
			latency_us = number(optarg);
			break;
		case 'w':
			bandwidth_mb = number(optarg);
			break;
		default:
			return 2;
		}
	}
	argv += optind;
	argc -= optind;
	shim_reset(1);
	if (argc == 3 && !strcmp(argv[0], "index"))
		bench_index(number(argv[1]), mix_of(argv[2]));
	else if (argc == 3 && !strcmp(argv[0], "attach"))
		bench_attach(number(argv[1]), mix_of(argv[2]));
	else if (argc == 1 && !strcmp(argv[0], "written"))
		bench_written();
	else if (argc == 1 && !strcmp(argv[0], "readers"))
		bench_readers();
	else
		return 2;
	/* The simulated machine is not taken down. */
	fflush(stdout);
	_exit(0);
}
