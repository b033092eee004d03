// SPDX-License-Identifier: GPL-2.0
/*
 * Images that somebody has changed, with checksums that fit.
 *
 * A cache with content is made once.  Then bytes of it are changed as the input
 * says, the blocks are sealed again, and the cache is attached.  The attach must
 * refuse the cache with a reason, or do no harm.  Bytes that are served must be
 * those that were stored.
 *
 * usage: hostile [IMAGES [SEED]]	random inputs
 *	  hostile FILE			one input, as the fuzzer left it
 *	  hostile dump IMAGES SEED CLEAN UNCLEAN
 *					images for a guest, on stdout, made of the
 *					two in these files, which a kernel has
 *					filled: for each image its base and the
 *					blocks that are different
 *
 * With -DFUZZER it is a target for libFuzzer instead.
 */
#include <linux/xxhash.h>
#include "model.h"

/* A part of the input: change @bytes of a field, or copy a block. */
struct mutation {
	u8	kind;
	u8	which;		/* block, among those that the format knows */
	u8	at[2];
	u8	bytes[8];
};

#define MAX_MUTATIONS	16

static u8 *images[2];		/* after a detach, and after a power loss */
static struct cachefs_geometry geo;
static u8 uuid[CACHEFS_UUID_SIZE];
static u64 seed;
static u64 image_blocks = TINY_BLOCKS;
static struct model_version stored[2];
static u64 attached, refused, clean, served;

static void know_image(const struct cachefs_super_block *sb)
{
	EXPECT_EQ(cachefs_super_check(sb, image_blocks, &geo), CACHEFS_OK);
	memcpy(uuid, sb->uuid, sizeof(uuid));
	seed = le64_to_cpu(sb->checksum_seed);
}

static void make_images(void)
{
	unsigned int v, i, image;

	shim_reset(1);
	model_format(TINY_BLOCKS, TINY_REGION_BLOCKS);
	know_image(device_block(model.device, 0));
	for (image = 0; image < 2; image++) {
		EXPECT_EQ(model_attach(), 0);
		shim_run();
		for (v = 1; v < 3; v++) {
			if (!image)
				model_new_version(v, 150);
			for (i = 0; i < 150; i += 50) {
				model_store_now(v, i, 20 + 10 * v);
				shim_run();
			}
			stored[v - 1] = model.versions[v];
		}
		shim_advance_ms(11000);
		if (image) {
			model.device->death = DEVICE_KEEPS_ALL;
			model.device->die_at = model.device->writes + 1;
		}
		model_detach();
		device_power_on(model.device);
		images[image] = malloc(image_blocks << CACHEFS_BLOCK_SHIFT);
		memcpy(images[image], model.device->now,
		       image_blocks << CACHEFS_BLOCK_SHIFT);
	}
}

/* Return the number of known blocks of a region: metadata, scratch, and the next one. */
static unsigned int known_of_region(void)
{
	return geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS + 1;
}

static unsigned int nr_known(void)
{
	return 4 + known_of_region() * geo.nr_regions;
}

static u64 known_block(unsigned int which)
{
	switch (which) {
	case 0:
		return CACHEFS_SUPER_BLOCK;
	case 1:
	case 2:
		return CACHEFS_ANCHOR_BLOCK + which - 1;
	case 3:
		return image_blocks - 1;
	}
	which -= 4;
	return cachefs_region_start(&geo, which / known_of_region()) +
		which % known_of_region();
}

static u64 block_of(u8 which)
{
	return known_block(which % nr_known());
}

/* Give a block the checksum that is right for its place. */
static void seal(u64 block, u8 *bytes)
{
	struct cachefs_super_block *sb = (void *)bytes;
	struct cachefs_block_header *header = (void *)bytes;

	if (block == CACHEFS_SUPER_BLOCK || block == image_blocks - 1)
		sb->checksum = cpu_to_le64(xxh64(bytes, offsetof(typeof(*sb),
								  checksum), 0));
	else if (block < CACHEFS_FIRST_BLOCK)
		cachefs_anchor_seal((void *)bytes, seed);
	else
		cachefs_block_seal(header, seed);
}

static void mutate(const struct mutation *m)
{
	u64 block = block_of(m->which), from;
	u8 *bytes = device_block(model.device, block);
	unsigned int at = (m->at[0] | m->at[1] << 8) % CACHEFS_BLOCK_SIZE;
	unsigned int nr = min(1U << (m->kind >> 2 & 3),
			      CACHEFS_BLOCK_SIZE - at);

	/* Change the headers and the first records, which have the fields. */
	if (m->kind & 0x20)
		at %= 160;
	switch (m->kind & 3) {
	case 0:		/* a number */
	case 1:
		memcpy(bytes + at, m->bytes, nr);
		break;
	case 2:		/* a little more or less */
		bytes[at] += m->bytes[0] % 5 - 2;
		break;
	case 3:		/* another block, made to fit here */
		from = block_of(m->bytes[0]);
		memmove(bytes, device_block(model.device, from),
			CACHEFS_BLOCK_SIZE);
		if (block >= CACHEFS_FIRST_BLOCK)
			((struct cachefs_block_header *)bytes)->region =
				cpu_to_le32((block - CACHEFS_FIRST_BLOCK) /
					    geo.region_blocks);
	}
	if (!(m->kind & 0x80))
		seal(block, bytes);
	/* Change the copy of the superblock as well, so that both are the same. */
	if (block == CACHEFS_SUPER_BLOCK && m->kind & 0x40)
		memcpy(device_block(model.device, image_blocks - 1), bytes,
		       CACHEFS_BLOCK_SIZE);
}

/* Make a device with the image that an input stands for. */
static void make_image(const u8 *data, size_t size, bool with_data)
{
	const struct mutation *m = (const void *)(data + 1);
	unsigned int n, i;
	u64 block;

	shim_reset(1);
	shim_alloc_limit(16 << 20);
	memset(&model, 0, sizeof(model));
	model.device = device_init(image_blocks);
	for (i = 0; i < (with_data ? image_blocks : nr_known()); i++) {
		block = with_data ? i : known_block(i);
		device_poke(model.device, block, images[*data & 1] +
			    (block << CACHEFS_BLOCK_SHIFT));
	}
	n = min_t(size_t, MAX_MUTATIONS, (size - 1) / sizeof(*m));
	while (n--)
		mutate(m + n);
}

static void one_image(const u8 *data, size_t size, bool with_data)
{
	unsigned int i, v;
	int ret;

	if (size < 1 + sizeof(struct mutation))
		return;
	make_image(data, size, with_data);
	for (v = 0; v < MODEL_VERSIONS; v++)
		model_new_version(v, 150);
	model.versions[1] = stored[0];
	model.versions[2] = stored[1];

	ret = model_attach();
	if (ret) {
		/* A refusal always names the error. */
		EXPECT(ret == -EUCLEAN || ret == -EOPNOTSUPP ||
		       ret == -EMEDIUMTYPE);
		EXPECT(shim_log_has("bad superblock: ") || ret == -EMEDIUMTYPE);
		refused++;
		return;
	}
	EXPECT(model.device->reads < 300);
	attached++;
	clean += !shim_log_has("unclean");
	shim_run();
	check_index(model.cache);
	model_read_cached(1, 0);
	model_read_cached(2, 0);
	for (i = 0; i < 6; i++) {
		model_store(4 + i % 3, i * 20, 20 + i, 0);
		shim_run();
	}
	model_invalidate(4);
	model_read_cached(5, 0);
	check_index(model.cache);
	model_detach();
	served += model.served;
}

#ifdef FUZZER
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	make_images();
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	one_image(data, size, false);
	return 0;
}
#else
static u8 input[1 + MAX_MUTATIONS * sizeof(struct mutation)];

static unsigned int random_input(u64 n)
{
	unsigned int i, size;

	shim_reset(n);
	size = 1 + (1 + shim_below(4)) * sizeof(struct mutation);
	for (i = 0; i < size; i++)
		input[i] = shim_rand();
	return size;
}

/* Write the blocks that make_image() has changed, each as block number and bytes. */
static void dump_image(void)
{
	const u8 *base = images[input[0] & 1], *bytes;
	u32 block, end = U32_MAX;

	putchar(input[0] & 1);
	for (block = 0; block < image_blocks; block++) {
		bytes = device_block(model.device, block);
		if (!memcmp(bytes, base + ((u64)block << CACHEFS_BLOCK_SHIFT),
			    CACHEFS_BLOCK_SIZE))
			continue;
		fwrite(&block, sizeof(block), 1, stdout);
		fwrite(bytes, CACHEFS_BLOCK_SIZE, 1, stdout);
	}
	fwrite(&end, sizeof(end), 1, stdout);
}

/* Load an image that a kernel has filled. */
static u8 *load_image(const char *name)
{
	FILE *file = fopen(name, "r");
	u8 *image;

	EXPECT(file && !fseek(file, 0, SEEK_END));
	image_blocks = ftell(file) >> CACHEFS_BLOCK_SHIFT;
	image = malloc(image_blocks << CACHEFS_BLOCK_SHIFT);
	rewind(file);
	EXPECT_EQ(fread(image, CACHEFS_BLOCK_SIZE, image_blocks, file),
		  image_blocks);
	fclose(file);
	return image;
}

static int dump(u64 nr, u64 from, char **names)
{
	unsigned int i, size;
	u64 n;

	for (i = 0; i < 2; i++)
		images[i] = load_image(names[i]);
	know_image((void *)images[0]);
	for (n = from; n < from + nr; n++) {
		size = random_input(n);
		make_image(input, size, true);
		dump_image();
	}
	return ferror(stdout) || fflush(stdout);
}

int main(int argc, char **argv)
{
	u64 nr = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000, n;
	u64 from = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	unsigned int size;
	FILE *file;

	if (argc == 6 && !strcmp(argv[1], "dump"))
		return dump(from, strtoull(argv[3], NULL, 0), argv + 4);
	make_images();
	file = argc > 1 && !nr ? fopen(argv[1], "r") : NULL;
	if (file) {
		size = fread(input, 1, sizeof(input), file);
		one_image(input, size, true);
		return 0;
	}
	for (n = from; n < from + nr; n++) {
		size = random_input(n);
		one_image(input, size, true);
	}
	/* The first wrong byte would have ended the run. */
	printf("# %llu images: %llu attached, %llu of them from a checkpoint, %llu refused; %llu blocks served, 0 wrong bytes\n",
	       nr, attached, clean, refused, served);
	EXPECT(nr < 1000 || (attached > nr / 10 && refused > nr / 100 &&
			     clean > nr / 100 && clean < attached && served > nr));
	return 0;
}
#endif
