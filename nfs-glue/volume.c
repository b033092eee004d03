// SPDX-License-Identifier: GPL-2.0
/*
 * Which volumes and files are cached, and by which name.
 *
 * Cached is what is in the table below, on the kernels that it says, and nothing
 * else.  And of that only what has a name that is no other file's, now or later:
 * not by this machine's choice, and not in this network only.
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
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/hex.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/nfs_fs.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include "glue.h"

/* Fields behind the address that do not name the data. */
#define NFS_MOUNT_FIELDS	9

#ifdef CACHEFS_HAVE_ISSUE_WRITE
#define PAGE_BY_PAGE	false
#else
#define PAGE_BY_PAGE	true
#endif

/* Why a file has no lasting name; %NULL: it has one. */
static const char *nfs_unnamed(struct fscache_cookie *cookie,
			       struct inode *inode);
static const char *cifs_unnamed(struct fscache_cookie *cookie,
				struct inode *inode);

/*
 * What has been shown to be right, and where.
 *
 * @name: the first word of a volume's key
 * @page_by_page: also where the file system itself reads and stores each page
 * (Linux 6.1), not only where fs/netfs does
 * @unnamed: whether it also depends on the file, and on how it is mounted
 *
 * Where CIFS comes page by page, what a local writer writes looks like a copy of
 * what was read from the server.  9p does not use a cache there.
 */
static const struct cachefs_file_system {
	const char	*name;
	bool		page_by_page;
	const char	*(*unnamed)(struct fscache_cookie *cookie,
				    struct inode *inode);
} file_systems[] = {
	{ "nfs",	true,	nfs_unnamed },
	{ "cifs",	false,	cifs_unnamed },
	{ "9p",		false,	NULL },
};

static char *server_alias;
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

/*
 * The address of a server.
 *
 * @ip6: of IPv6, else of IPv4
 * @port: in network order; 0: any, or the same
 * @address: in network order, one word or four
 */
struct server {
	bool	ip6;
	u32	port;
	u32	address[4];
};

static size_t address_len(const struct server *server)
{
	return server->ip6 ? 16 : 4;
}

static bool parse_port(const char *text, const char *end, u32 *port)
{
	unsigned int number = 0;

	for (; text < end && isdigit(*text) && number <= 65535; text++)
		number = number * 10 + *text - '0';
	*port = (__force u16)htons(number);
	return text == end && number && number <= 65535;
}

/*
 * Read ADDRESS, IPv4:PORT or [IPv6]:PORT up to one of the characters in @ends.
 * Returns where it ends, or NULL.
 */
static const char *parse_server(const char *text, const char *ends,
				struct server *server)
{
	const char *end = text + strcspn(text, ends), *rest;
	bool bracket = *text == '[';
	u8 *to = (u8 *)server->address;

	memset(server, 0, sizeof(*server));
	if (bracket) {
		text++;
		server->ip6 = true;
		if (!in6_pton(text, end - text, to, ']', &rest) || rest == end)
			return NULL;
		rest++;
	} else if (!in4_pton(text, end - text, to, ':', &rest)) {
		server->ip6 = true;
		if (!in6_pton(text, end - text, to, -1, &rest))
			return NULL;
	}
	if (rest != end &&
	    (*rest != ':' || !parse_port(rest + 1, end, &server->port)))
		return NULL;
	return end;
}

/* Read NEW=OLD.  Returns where that ends, or NULL. */
static const char *parse_alias(const char *text, struct server *new,
			       struct server *old)
{
	const char *end = parse_server(text, "=", new);

	return end && *end == '=' ? parse_server(end + 1, ",\n", old) : NULL;
}

/* Replace a server's address by the one that it is an alias of. */
static void resolve_alias(const char *aliases, struct server *server)
{
	struct server new, old;

	for (; aliases && *aliases; aliases += *aliases == ',') {
		if (parse_alias(aliases, &new, &old) &&
		    new.ip6 == server->ip6 &&
		    (!new.port || new.port == server->port) &&
		    !memcmp(new.address, server->address, address_len(&new))) {
			old.port = old.port ?: server->port;
			*server = old;
			return;
		}
		aliases += strcspn(aliases, ",");
	}
}

static int server_alias_set(const char *value, const struct kernel_param *param)
{
	const char *text = value, *end;
	struct server new, old;

	for (; *text && *text != '\n'; text = end + (*end == ',')) {
		end = parse_alias(text, &new, &old);
		if (!end) {
			pr_err("server_alias: \"%.*s\" is not understood: NEW=OLD[,NEW=OLD...], each of them ADDRESS, IPV4:PORT or [IPV6]:PORT\n",
			       (int)strcspn(text, ",\n"), text);
			return -EINVAL;
		}
	}
	return param_set_charp(value, param);
}

static const struct kernel_param_ops server_alias_ops = {
	.set	= server_alias_set,
	.get	= param_get_charp,
	.free	= param_free_charp,
};

module_param_cb(server_alias, &server_alias_ops, &server_alias, 0644);
MODULE_PARM_DESC(server_alias, "NEW=OLD[,NEW=OLD...]: what was cached of the server at address OLD is found at NEW; ADDRESS, IPV4:PORT or [IPV6]:PORT");

/* What follows the server's address in a key of NFS's, or NULL. */
static const char *nfs_key_server(const char *key, struct server *server)
{
	const char *version, *family, *address;

	version = strncmp(key, "nfs,", 4) ? NULL : key + 4;
	family = field_after(version, 1);
	if (!family || !memchr(version, '.', family - version))
		return NULL;
	server->ip6 = !strncmp(family, "a,", 2);
	if (!server->ip6 && strncmp(family, "2,", 2))
		return NULL;
	address = field_after(family, 2);
	if (!hex_fields(field_after(family, 1), 1, &server->port) ||
	    !hex_fields(address, address_len(server) / 4, server->address))
		return NULL;
	return field_after(address, address_len(server) / 4);
}

/**
 * cachefs_volume_identity - What names the data of a volume
 * @key: the key that the network file system gave it
 * @aliases: addresses of servers, as in the parameter server_alias; or %NULL
 * @identity: for the result, with room for @size bytes
 * @size: at least strlen(@key) + %CACHEFS_IDENTITY_EXTRA
 *
 * Context: any.
 */
void cachefs_volume_identity(const char *key, const char *aliases,
			     char *identity, size_t size)
{
	struct server server;
	const char *fsid, *tag;
	unsigned int i;
	int len;

	strscpy(identity, key, size);
	fsid = nfs_key_server(key, &server);
	if (!hex_fields(fsid, 2 + NFS_MOUNT_FIELDS, NULL))
		return;
	tag = field_after(fsid, 2 + NFS_MOUNT_FIELDS);

	resolve_alias(aliases, &server);
	len = scnprintf(identity, size, "nfs,%.*s,%x,",
			(int)strcspn(key + 4, "."), key + 4,
			server.ip6 ? AF_INET6 : AF_INET);
	if (server.port)
		len += scnprintf(identity + len, size - len, "%x", server.port);
	for (i = 0; i < address_len(&server) / 4; i++)
		len += scnprintf(identity + len, size - len, ",%x",
				 server.address[i]);
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
	size_t size = strlen(key) + CACHEFS_IDENTITY_EXTRA;
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

/* The file system that a volume is of, or NULL. */
static const struct cachefs_file_system *file_system(const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(file_systems); i++) {
		size_t len = strlen(file_systems[i].name);

		if (!strncmp(key, file_systems[i].name, len) && key[len] == ',')
			return &file_systems[i];
	}
	return NULL;
}

/* An address that is another server's on another link, which no key names. */
static bool link_local(const char *key)
{
	struct server server;

	if (!nfs_key_server(key, &server) &&
	    (strncmp(key, "cifs,", 5) || !parse_server(key + 5, ",", &server)))
		return false;
	return server.ip6 &&
		ipv6_addr_type((struct in6_addr *)server.address) &
		IPV6_ADDR_LINKLOCAL;
}

/**
 * cachefs_volume_refusal - Why a volume is not cached at all
 * @key: the key that the network file system gave it
 * @page_by_page: whether the file system itself reads and stores each page
 *
 * Context: any.
 * Return: why, or %NULL if its files may be.
 */
const char *cachefs_volume_refusal(const char *key, bool page_by_page)
{
	const struct cachefs_file_system *fs = file_system(key);

	if (!fs)
		return "this file system has not been tried with cachefs";
	if (page_by_page && !fs->page_by_page)
		return "this file system is not cached on this kernel";
	if (link_local(key))
		return "a link-local address is another server's on another link";
	return NULL;
}

/**
 * cachefs_volume_refusal_now - The same on this kernel
 * @key: the key that the network file system gave it
 *
 * Context: any.
 * Return: why, or %NULL if its files may be cached.
 */
const char *cachefs_volume_refusal_now(const char *key)
{
	return cachefs_volume_refusal(key, PAGE_BY_PAGE);
}

/* In another network namespace an address may be another server's. */
static const char *nfs_unnamed(struct fscache_cookie *cookie,
			       struct inode *inode)
{
	if (inode->i_sb->s_magic == NFS_SUPER_MAGIC &&
	    net_eq(NFS_SERVER(inode)->nfs_client->cl_net, &init_net))
		return NULL;
	return "mounted in another network namespace than the first one";
}

/* Is this one of the options, each of which is shown behind a comma? */
static bool has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	while ((options = strchr(options, ','))) {
		options++;
		if (field_len(options) == len && !memcmp(options, option, len))
			return true;
	}
	return false;
}

/* Does a mount show this option?  No, if that cannot be found out now. */
static bool shows_option(struct super_block *sb, const char *option)
{
	unsigned int nofs = memalloc_nofs_save();
	struct seq_file options = { .size = SZ_8K };
	bool shown = false;

	options.buf = kmalloc(options.size, CACHEFS_GFP_MAYBE);
	/* Nobody mounts it with other options meanwhile. */
	if (options.buf && down_read_trylock(&sb->s_umount)) {
		if (sb->s_root && sb->s_op->show_options &&
		    !sb->s_op->show_options(&options, sb->s_root) &&
		    !seq_has_overflowed(&options)) {
			options.buf[options.count] = 0;
			shown = has_option(options.buf, option);
		}
		up_read(&sb->s_umount);
	}
	kfree(options.buf);
	memalloc_nofs_restore(nofs);
	return shown;
}

/*
 * A file of CIFS is named by the number of its inode, its time of creation and
 * its type (struct cifs_fscache_inode_key in fs/smb/client/fscache.c).  Without
 * the option serverino, which CIFS takes back by itself from a server that has
 * none, the number is one that this machine counts up, from the same one after
 * each boot.  Zero is all numbers of a server that gives none.
 */
static const char *cifs_unnamed(struct fscache_cookie *cookie,
				struct inode *inode)
{
	if (cookie->key_len != 17 ||
	    !get_unaligned_le64(fscache_get_key(cookie)))
		return "the server gives files no numbers";
	if (!shows_option(inode->i_sb, "serverino"))
		return "inode numbers are this machine's, not the server's (noserverino)";
	return NULL;
}

/**
 * cachefs_object_named - Is what a file is called in the cache its own?
 * @object: a file's
 * @inode: the file
 *
 * The name of a file that has none of its own may be another file's after a
 * reboot, or in another network.  So nothing may be served or stored.  The log
 * says why, once for each volume.
 *
 * Context: process, does not wait.
 * Return: whether it is.
 */
bool cachefs_object_named(struct cachefs_object *object, struct inode *inode)
{
	struct cachefs_glue_volume *volume = object->volume;
	const struct cachefs_file_system *fs;
	const char *why = NULL;

	if (READ_ONCE(object->named))
		return true;
	fs = file_system(volume->vcookie->key + 1);
	if (fs && fs->unnamed)
		why = fs->unnamed(object->cookie, inode);
	if (!why) {
		WRITE_ONCE(object->named, true);
		return true;
	}
	/* As long as it has this cookie, however it is mounted then. */
	cachefs_object_local_write(object);
	if (!xchg(&volume->told, true))
		pr_notice("%s: files are not cached: %s\n",
			  volume->vcookie->key + 1, why);
	return false;
}
