// SPDX-License-Identifier: GPL-2.0
/*
 * Which volumes are cached, and which parts of a key name their data.
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
	/* 2049 is 108 in the key, 2050 is 208. */
	{ "alias_keeps_port",	"nfs,4.2,2,208,100630a,6163,7366" OPTIONS,
				"10.99.0.1=10.99.0.3",
				"nfs,4,2,208,300630a,6163,7366" },
	{ "alias_sets_port",	"nfs,4.2,2,208,100630a,6163,7366" OPTIONS,
				"10.99.0.1=10.99.0.3:2049",
				"nfs,4,2,108,300630a,6163,7366" },
	{ "alias_of_port",	"nfs,4.2,2,208,100630a,6163,7366" OPTIONS,
				"10.99.0.1:2049=10.99.0.4,10.99.0.1:2050=10.99.0.1:2049",
				V4_ID },
	{ "alias_of_other_port", V4 OPTIONS, "10.99.0.1:2050=10.99.0.3",
				V4_ID },
	{ "alias_v4_to_v6",	V4 OPTIONS, "10.99.0.1=2001:db8::1",
				"nfs,4,a,108,b80d0120,0,0,1000000,6163,7366" },
	{ "alias_v4_to_longest", "nfs,4.2,2,,,," OPTIONS,
				"0.0.0.0=[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
				"nfs,4,a,ffff,ffffffff,ffffffff,ffffffff,ffffffff,," },
	{ "alias_v6_to_v4",	V6 OPTIONS, "[fe80::1]:2049=10.99.0.1:2050",
				"nfs,4,2,208,100630a,6163,7366" },
	{ "alias_bad_port",	V4 OPTIONS,
				"10.99.0.1:=10.99.0.3,10.99.0.1:0=10.99.0.3,10.99.0.1:65536=10.99.0.3,10.99.0.1:x=10.99.0.3,10.99.0.1=10.99.0.3:99999999999",
				V4_ID },
	{ "alias_bad_bracket",	V6 OPTIONS,
				"[fe80::1=fe80::2,fe80::1]=fe80::2,[fe80::1]x=fe80::2,[=],[]=[]",
				"nfs,4,a,108,80fe,0,0,1000000,6163,7366" },
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
	size_t size = strlen(want->key) + CACHEFS_IDENTITY_EXTRA;
	char *identity = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, identity);
	cachefs_volume_identity(want->key, want->aliases, identity, size);
	KUNIT_EXPECT_STREQ(test, identity, want->identity);
}

struct refusal_case {
	const char	*name;
	const char	*key;
	bool		by_netfs;	/* cached where fs/netfs reads */
	bool		page_by_page;	/* cached where NFS reads page by page */
};

static const struct refusal_case refusal_cases[] = {
	{ "nfs",		V4 OPTIONS,		true,	true },
	{ "nfs_ipv6",		"nfs,4.2,a,108,b80d0120,,,1000000,6163,7366" OPTIONS,
							true,	true },
	{ "nfs_link_local",	V6 OPTIONS,		false,	false },
	{ "nfs_link_local_end",	"nfs,4.2,a,108,ffffbffe,,,1000000,6163,7366" OPTIONS,
							false,	false },
	{ "nfs_site_local",	"nfs,4.2,a,108,c0fe,,,1000000,6163,7366" OPTIONS,
							true,	true },
	{ "cifs",		"cifs,10.99.0.1:445,share", true, false },
	{ "cifs_ipv6",		"cifs,[2001:db8::1]:445,share", true, false },
	{ "cifs_link_local",	"cifs,[fe80::1]:445,share", false, false },
	{ "9p",			"9p,share,",		true,	false },
	{ "afs",		"afs,example.com,100058", false, false },
	{ "ceph",		"ceph,1234",		false,	false },
	{ "erofs",		"erofs,image",		false,	false },
	{ "a_longer_name",	"nfsx," V4,		false,	false },
	{ "a_name_alone",	"nfs",			false,	false },
	{ "empty",		"",			false,	false },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusal_cases, name);

static void volume_refusal(struct kunit *test)
{
	const struct refusal_case *want = test->param_value;

	KUNIT_EXPECT_EQ(test, want->by_netfs,
			!cachefs_volume_refusal(want->key, false));
	KUNIT_EXPECT_EQ(test, want->page_by_page,
			!cachefs_volume_refusal(want->key, true));
}

struct policy_case {
	const char	*name;
	const char	*key;
	const char	*rules;
	u8		max_share;
	bool		keep;
	bool		second;
	u8		min_share;
};

#define CIFS_KEY	"cifs,10.99.0.7:445,share"

static const struct policy_case policy_cases[] = {
	{ "none",		V4 OPTIONS,	NULL,			100 },
	{ "empty",		V4 OPTIONS,	"",			100 },
	{ "empty_line",		V4 OPTIONS,	"\n",			100 },
	{ "server",		V4 OPTIONS,	"10.99.0.1=nostore",	0 },
	{ "end_of_line",	V4 OPTIONS,	"10.99.0.1=nostore\n",	0 },
	{ "another_server",	V4 OPTIONS,	"10.99.0.2=nostore",	100 },
	{ "port",		V4 OPTIONS,	"10.99.0.1:2049=keep",	100, true },
	{ "another_port",	V4 OPTIONS,	"10.99.0.1:2050=keep",	100 },
	{ "second",		V4 OPTIONS,	"10.99.0.1=second",	100, false, true },
	{ "ipv6",		V6 OPTIONS,	"fe80::1=7%",		7 },
	{ "tag",		V4 OPTIONS ",red",	"red=25%",	25 },
	{ "no_tag",		V4 OPTIONS,	"red=25%",		100 },
	{ "part_of_a_tag",	V4 OPTIONS ",reds",	"red=25%",	100 },
	{ "option_is_no_tag",	V4 OPTIONS,	"1=nostore",		100 },
	{ "first_rule_counts",	V4 OPTIONS ",red",
				"red=normal,10.99.0.1=nostore",		100 },
	{ "second_rule",	V4 OPTIONS ",blue",
				"red=normal,10.99.0.1=99%",		99 },
	{ "cifs_share",		CIFS_KEY,	"share=nostore",	0 },
	{ "cifs_server",	CIFS_KEY,	"10.99.0.7=nostore",	0 },
	{ "9p",			"9p,host,tag",	"tag=1%",		1 },
	{ "minimum",		CIFS_KEY,	"share=10%-40%",	40, false, false, 10 },
	{ "minimum_alone",	CIFS_KEY,	"share=50%-100%\n",	100, false, false, 50 },
	{ "minimum_is_maximum",	CIFS_KEY,	"no=1%-2%,share=7%-7%",	7, false, false, 7 },
};

KUNIT_ARRAY_PARAM_DESC(policy, policy_cases, name);

static void volume_policy(struct kunit *test)
{
	const struct policy_case *want = test->param_value;
	struct cachefs_policy got;

	cachefs_policy_of(want->key, want->rules, &got);
	KUNIT_EXPECT_EQ(test, want->max_share, got.max_share);
	KUNIT_EXPECT_EQ(test, want->keep, got.keep);
	KUNIT_EXPECT_EQ(test, want->second, got.second);
	KUNIT_EXPECT_EQ(test, want->min_share, got.min_share);
}

/* A key may be cut anywhere: nothing is read or written beyond its end. */
static void cut_key_is_no_danger(struct kunit *test)
{
	const char *key = V6 OPTIONS ",red";
	size_t len;

	for (len = 0; len <= strlen(key); len++) {
		char *cut = kunit_kzalloc(test, len + 1, GFP_KERNEL);
		char *identity = kunit_kzalloc(test, len +
					       CACHEFS_IDENTITY_EXTRA,
					       GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, cut);
		KUNIT_ASSERT_NOT_NULL(test, identity);
		memcpy(cut, key, len);
		cachefs_volume_identity(cut, "fe80::1=fe80::2", identity,
					len + CACHEFS_IDENTITY_EXTRA);
		KUNIT_EXPECT_LT(test, strlen(identity),
				len + CACHEFS_IDENTITY_EXTRA);
		cachefs_volume_refusal(cut, false);
		cachefs_volume_is(cut, "red");
		kunit_kfree(test, identity);
		kunit_kfree(test, cut);
	}
}

static struct kunit_case volume_cases[] = {
	KUNIT_CASE_PARAM(volume_identity, identity_gen_params),
	KUNIT_CASE_PARAM(volume_refusal, refusal_gen_params),
	KUNIT_CASE_PARAM(volume_policy, policy_gen_params),
	KUNIT_CASE(cut_key_is_no_danger),
	{}
};

static struct kunit_suite volume_suite = {
	.name = "cachefs_volume",
	.test_cases = volume_cases,
};

kunit_test_suite(volume_suite);
