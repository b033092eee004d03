// SPDX-License-Identifier: GPL-2.0
/*
 * What names the data of an NFS volume, and what does not.
 */
#include <kunit/test.h>
#include <linux/string.h>
#include "../../nfs-glue/glue.h"

struct identity_case {
	const char	*name;
	const char	*key;
	const char	*aliases;
	const char	*identity;
};

/* 10.99.0.1 is 100630a in the key, and 10.99.0.3 is 300630a. */
#define V4	"nfs,4.2,2,108,100630a,6163,7366"
#define V4_ID	"nfs,4,2,108,100630a,6163,7366"
#define V6	"nfs,4.1,a,108,80fe,,,1000000,6163,7366"
#define OPTIONS	",,40000,40000,40000,2ee,1770,2ee,1770,1"
#define OTHERS	",1,c0000,100000,100000,,,,,5f3d7"

static const struct identity_case identity_cases[] = {
	{ "mount_options",	V4 OPTIONS,		NULL, V4_ID },
	{ "other_options",	V4 OTHERS,		NULL, V4_ID },
	{ "minor_version",	"nfs,4.1,2,108,100630a,6163,7366" OPTIONS,
							NULL, V4_ID },
	{ "tag",		V4 OPTIONS ",red",	NULL, V4_ID ",red" },
	{ "tag_with_commas",	V4 OPTIONS ",a,b",	NULL, V4_ID ",a,b" },
	{ "version",		"nfs,3.0,2,108,100630a,6163,7366" OPTIONS, NULL,
				"nfs,3,2,108,100630a,6163,7366" },
	{ "fsid_of_zero",	"nfs,4.2,2,108,100630a,," OPTIONS, NULL,
				"nfs,4,2,108,100630a,," },
	{ "ipv6",		V6 OPTIONS, NULL,
				"nfs,4,a,108,80fe,0,0,1000000,6163,7366" },
	{ "alias",		V4 OPTIONS, "10.99.0.1=10.99.0.3",
				"nfs,4,2,108,300630a,6163,7366" },
	{ "second_alias",	V4 OPTIONS, "10.0.0.1=10.0.0.2,10.99.0.1=10.99.0.3\n",
				"nfs,4,2,108,300630a,6163,7366" },
	{ "alias_of_another",	V4 OPTIONS, "10.99.0.2=10.99.0.3", V4_ID },
	{ "alias_ipv6",		V6 OPTIONS, "fe80::1=fe80::2,1.2.3.4=1.2.3.5",
				"nfs,4,a,108,80fe,0,0,2000000,6163,7366" },
	{ "alias_nonsense",	V4 OPTIONS, "10.99.0.1,=,10.99.0.1=,x=y,,=10.99.0.1",
				V4_ID },
	{ "too_few_fields",	V4 ",1,2,3,4,5,6,7,8",	NULL,
				V4 ",1,2,3,4,5,6,7,8" },
	{ "not_hexadecimal",	V4 ",1,2,3,x,5,6,7,8,9", NULL,
				V4 ",1,2,3,x,5,6,7,8,9" },
	{ "other_family",	"nfs,4.2,1,108,100630a,1,2" OPTIONS, NULL,
				"nfs,4.2,1,108,100630a,1,2" OPTIONS },
	{ "no_version",		"nfs,4,2,108,100630a,1,2" OPTIONS, NULL,
				"nfs,4,2,108,100630a,1,2" OPTIONS },
	{ "afs",		"afs,example.com,100058", NULL,
				"afs,example.com,100058" },
	{ "nfs_alone",		"nfs,",	NULL, "nfs," },
	{ "empty",		"",	NULL, "" },
};

KUNIT_ARRAY_PARAM_DESC(identity, identity_cases, name);

static void volume_identity(struct kunit *test)
{
	const struct identity_case *want = test->param_value;
	size_t size = strlen(want->key) + 41;
	char *identity = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, identity);
	cachefs_volume_identity(want->key, want->aliases, identity, size);
	KUNIT_EXPECT_STREQ(test, identity, want->identity);
}

/* Whatever the key is cut to, nothing is read or written beyond its end. */
static void cut_key_is_no_danger(struct kunit *test)
{
	const char *key = V6 OPTIONS ",red";
	size_t len;

	for (len = 0; len <= strlen(key); len++) {
		char *cut = kunit_kzalloc(test, len + 1, GFP_KERNEL);
		char *identity = kunit_kzalloc(test, len + 41, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, cut);
		KUNIT_ASSERT_NOT_NULL(test, identity);
		memcpy(cut, key, len);
		cachefs_volume_identity(cut, "fe80::1=fe80::2", identity,
					len + 41);
		KUNIT_EXPECT_LE(test, strlen(identity), len + 40);
		kunit_kfree(test, identity);
		kunit_kfree(test, cut);
	}
}

static struct kunit_case volume_cases[] = {
	KUNIT_CASE_PARAM(volume_identity, identity_gen_params),
	KUNIT_CASE(cut_key_is_no_danger),
	{}
};

static struct kunit_suite volume_suite = {
	.name = "cachefs_volume",
	.test_cases = volume_cases,
};

kunit_test_suite(volume_suite);
