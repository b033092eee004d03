// SPDX-License-Identifier: GPL-2.0
/*
 * The policies that an administrator sets for volumes: the module's parameter "policy".
 *
 * The first rule that names a volume counts.  The rules are applied to a volume when it
 * is mounted, and again when the parameter changes.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/string.h>
#include "glue.h"

static char *policy;

/* All volumes.  The lock of the module's parameters protects the list. */
static LIST_HEAD(policy_volumes);

static bool policy_word_is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(text, word, len);
}

/* The most that a minimum share may be, because half of a region may stay. */
#define POLICY_MAX_MINIMUM	50

/* Read PERCENT%.  Returns its end, or NULL if the number is 0 or more than @most. */
static const char *policy_percent(const char *word, unsigned int most, u8 *percent)
{
	unsigned int number = 0;

	for (; *word >= '0' && *word <= '9' && number <= most; word++)
		number = number * 10 + *word - '0';
	*percent = number;
	return number && number <= most && *word == '%' ? word + 1 : NULL;
}

/* Read MAX% or MIN%-MAX%. */
static bool policy_shares(const char *word, const char *end, struct cachefs_policy *found)
{
	const char *dash = memchr(word, '-', end - word);

	if (!dash)
		return policy_percent(word, 99, &found->max_share) == end;
	return policy_percent(word, POLICY_MAX_MINIMUM, &found->min_share) == dash &&
		policy_percent(dash + 1, 100, &found->max_share) == end &&
		found->min_share <= found->max_share;
}

/* Read NAME=POLICY.  Returns its end, or NULL. */
static const char *policy_parse(const char *text, struct cachefs_policy *found)
{
	const char *word = text + strcspn(text, "=,\n"), *end;

	if (word == text || *word != '=')
		return NULL;
	word++;
	end = word + strcspn(word, ",\n");
	*found = (struct cachefs_policy) { .max_share = 100 };
	if (policy_word_is(word, end - word, "keep")) {
		found->keep = true;
	} else if (policy_word_is(word, end - word, "nostore")) {
		found->max_share = 0;
	} else if (policy_word_is(word, end - word, "second")) {
		found->second = true;
	} else if (!policy_word_is(word, end - word, "normal") &&
		   !policy_shares(word, end, found)) {
		return NULL;
	}
	return end;
}

/**
 * cachefs_policy_of - Find the policy of a volume
 * @key: the key that the network file system gave it
 * @rules: as in the parameter policy, and checked; or %NULL
 * @found: the result
 *
 * Context: any.
 */
void cachefs_policy_of(const char *key, const char *rules, struct cachefs_policy *found)
{
	const char *end;

	for (; rules && *rules && *rules != '\n'; rules = end + (*end == ',')) {
		end = policy_parse(rules, found);
		if (!end)
			break;
		if (cachefs_volume_is(key, rules))
			return;
	}
	*found = (struct cachefs_policy) { .max_share = 100 };
}

/* No pages of file systems are reclaimed here; see cachefs_param_set_text(). */
static void policy_apply(struct cachefs_glue_volume *volume)
{
	unsigned int nofs = memalloc_nofs_save();
	struct cachefs_policy found;

	cachefs_policy_of(volume->vcookie->key + 1, policy, &found);
	if (found.second)
		cachefs_ghosts_begin(volume->glue->cache);
	cachefs_volume_set_policy(volume->glue->cache, volume->volume, &found);
	memalloc_nofs_restore(nofs);
}

static int policy_set(const char *value, const struct kernel_param *param)
{
	struct cachefs_glue_volume *volume;
	const char *text = value, *end;
	struct cachefs_policy found;
	int ret;

	for (; *text && *text != '\n'; text = end + (*end == ',')) {
		end = policy_parse(text, &found);
		if (!end) {
			pr_err("policy: \"%.*s\" is not understood: NAME=POLICY[,NAME=POLICY...], each NAME the address of a server, a tag or a share, each POLICY normal, nostore, keep, second, 1%% to 99%% (at most) or MIN%%-MAX%%, MIN up to %u\n",
			       (int)strcspn(text, ",\n"), text, POLICY_MAX_MINIMUM);
			return -EINVAL;
		}
	}
	ret = cachefs_param_set_text(value, param);
	if (ret)
		return ret;
	list_for_each_entry(volume, &policy_volumes, policy_link)
		policy_apply(volume);
	return 0;
}

static const struct kernel_param_ops policy_ops = {
	.set	= policy_set,
	.get	= param_get_charp,
	.free	= param_free_charp,
};

module_param_cb(policy, &policy_ops, &policy, 0644);
MODULE_PARM_DESC(policy, "NAME=POLICY[,NAME=POLICY...]: NAME is the address of a server, the tag of a mount or a share of CIFS; POLICY is normal, nostore, keep, second, or a share of the cache, at most MAX% or MIN%-MAX%");

/**
 * cachefs_policy_add - Have a volume follow its policy from here on
 * @volume: the volume
 *
 * Context: process, may sleep.
 */
void cachefs_policy_add(struct cachefs_glue_volume *volume)
{
	kernel_param_lock(THIS_MODULE);
	list_add_tail(&volume->policy_link, &policy_volumes);
	policy_apply(volume);
	kernel_param_unlock(THIS_MODULE);
}

/**
 * cachefs_policy_remove - Stop applying policies to a volume, before it is freed
 * @volume: the volume
 *
 * Context: process, may sleep.
 */
void cachefs_policy_remove(struct cachefs_glue_volume *volume)
{
	kernel_param_lock(THIS_MODULE);
	list_del(&volume->policy_link);
	kernel_param_unlock(THIS_MODULE);
}
