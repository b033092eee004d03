// SPDX-License-Identifier: GPL-2.0
/*
 * What a volume is called.
 *
 * NFS makes the key of a volume (nfs_fscache_get_super_cookie() in
 * fs/nfs/fscache.c) of what names the data and of how it is mounted:
 *
 *	nfs,VERSION.MINOR,FAMILY,PORT,ADDRESS...,FSID,FSID,
 *	SB_FLAGS,FLAGS,RSIZE,WSIZE,ACREGMIN,ACREGMAX,ACDIRMIN,ACDIRMAX,FLAVOUR
 *
 * in hexadecimal, where nothing stands for zero, and behind that the tag of
 * the mount option fsc=TAG.  Another actimeo= would make another key, and what
 * is cached would never be found again.  The identity of a volume is therefore
 * the key without the second line and without the minor version:
 *
 *	nfs,VERSION,FAMILY,PORT,ADDRESS...,FSID,FSID[,TAG]
 *
 * Two mounts that differ in the rest share what is cached of the same file in
 * the same version: its file handle and coherency data are of that server.  A
 * key that does not look like this is its own identity, together with what
 * coherency data the volume has.
 */
#include <linux/hex.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/socket.h>
#include <linux/string.h>
#include "glue.h"

/* Fields behind the address that do not name the data. */
#define NFS_MOUNT_FIELDS	9

static char *server_alias;
module_param(server_alias, charp, 0644);
MODULE_PARM_DESC(server_alias, "NEW=OLD[,NEW=OLD...]: what was cached of the server at address OLD is found at NEW");

/* The length of a field, which ends before a comma or the end. */
static size_t field_len(const char *field)
{
	return strchrnul(field, ',') - field;
}

/* The field @n fields further on, or NULL. */
static const char *field_after(const char *field, unsigned int n)
{
	while (field && n--) {
		field = strchr(field, ',');
		if (field)
			field++;
	}
	return field;
}

/* @nr fields of hexadecimal digits. */
static bool hex_fields(const char *field, unsigned int nr, u32 *values)
{
	size_t len, i;

	for (; nr; nr--) {
		if (!field)
			return false;
		len = field_len(field);
		if (values)
			*values = 0;
		for (i = 0; i < len; i++) {
			if (hex_to_bin(field[i]) < 0)
				return false;
			if (values)
				*values = *values << 4 | hex_to_bin(field[i]);
		}
		if (values)
			values++;
		field = field_after(field, 1);
	}
	return true;
}

/* Read an address up to one of the characters in @ends. */
static const char *parse_address(const char *text, const char *ends, bool ip6,
				 u32 address[4])
{
	size_t len = strcspn(text, ends);
	const char *end;
	int ok;

	ok = ip6 ? in6_pton(text, len, (u8 *)address, -1, &end) :
		   in4_pton(text, len, (u8 *)address, -1, &end);
	return ok && end == text + len ? end : NULL;
}

/* Replace a server's address by the one that it is an alias of. */
static void resolve_alias(const char *aliases, bool ip6, u32 address[4])
{
	size_t size = ip6 ? 16 : 4;
	u32 new[4], old[4];
	const char *end;

	for (; aliases && *aliases; aliases += *aliases == ',') {
		end = parse_address(aliases, "=", ip6, new);
		if (end && *end == '=' &&
		    parse_address(end + 1, ",\n", ip6, old) &&
		    !memcmp(new, address, size)) {
			memcpy(address, old, size);
			return;
		}
		aliases += strcspn(aliases, ",");
	}
}

/**
 * cachefs_volume_identity - What names the data of a volume
 * @key: the key that the network file system gave it
 * @aliases: addresses of servers, as in the parameter server_alias; or %NULL
 * @identity: for the result, with room for @size bytes
 * @size: at least strlen(@key) + 1, and 40 for addresses
 *
 * Context: any.
 */
void cachefs_volume_identity(const char *key, const char *aliases,
			     char *identity, size_t size)
{
	const char *version, *family, *fsid, *tag;
	unsigned int words, i;
	u32 address[4];
	int len;

	strscpy(identity, key, size);
	version = strncmp(key, "nfs,", 4) ? NULL : key + 4;
	family = field_after(version, 1);
	if (!family || !memchr(version, '.', family - version))
		return;
	if (!strncmp(family, "2,", 2))
		words = 1;
	else if (!strncmp(family, "a,", 2))
		words = 4;
	else
		return;
	if (!hex_fields(family, 2, NULL) ||
	    !hex_fields(field_after(family, 2), words, address))
		return;
	fsid = field_after(family, 2 + words);
	if (!hex_fields(fsid, 2 + NFS_MOUNT_FIELDS, NULL))
		return;
	tag = field_after(fsid, 2 + NFS_MOUNT_FIELDS);

	resolve_alias(aliases, words == 4, address);
	len = scnprintf(identity, size, "nfs,%.*s,%.*s",
			(int)strcspn(version, "."), version,
			(int)(field_after(family, 2) - 1 - family), family);
	for (i = 0; i < words; i++)
		len += scnprintf(identity + len, size - len, ",%x", address[i]);
	len += scnprintf(identity + len, size - len, ",%.*s",
			 (int)(field_after(fsid, 2) - 1 - fsid), fsid);
	if (tag)
		scnprintf(identity + len, size - len, ",%s", tag);
}

/**
 * cachefs_volume_identity_now - What names the data of a volume at present
 * @key: the key that the network file system gave it
 * @coherency: coherency data of the volume, which NFS does not have
 * @coherency_len: bytes of it, at most 64 count
 *
 * With the aliases that are set at present.
 *
 * Context: process, may sleep.
 * Return: the identity, to be freed by kfree(), or %NULL without memory.
 */
char *cachefs_volume_identity_now(const char *key, const void *coherency,
				  unsigned int coherency_len)
{
	size_t size = strlen(key) + 41;
	char *identity;

	if (coherency_len)
		return kasprintf(GFP_KERNEL, "%s,%*phN", key,
				 coherency_len, coherency);
	identity = kmalloc(size, GFP_KERNEL);
	if (!identity)
		return NULL;
	kernel_param_lock(THIS_MODULE);
	cachefs_volume_identity(key, server_alias, identity, size);
	kernel_param_unlock(THIS_MODULE);
	return identity;
}
