// SPDX-License-Identifier: GPL-2.0
/*
 * Which volumes and files are cached, and by which name; see design.rst.
 *
 * NFS makes the key of a volume (nfs_fscache_get_super_cookie() in
 * fs/nfs/fscache.c) from the name of the data and the options of the mount:
 *
 *	nfs,VERSION.MINOR,FAMILY,PORT,ADDRESS...,FSID,FSID,
 *	SB_FLAGS,FLAGS,RSIZE,WSIZE,ACREGMIN,ACREGMAX,ACDIRMIN,ACDIRMAX,FLAVOUR
 *
 * in hexadecimal.  An empty field is zero.  The tag of the mount option fsc=TAG comes
 * behind that.  The identity of a volume is the key without the second line and
 * without the minor version:
 *
 *	nfs,VERSION,FAMILY,PORT,ADDRESS...,FSID,FSID[,TAG]
 *
 * A key that does not look like this is its own identity, together with the coherency
 * data of the volume.
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

/* The number of fields behind the FSID that do not name the data. */
#define NFS_MOUNT_FIELDS	9

static char *server_alias;

/* The length of a field, which ends before a comma or at the end of the key. */
static size_t volume_field_len(const char *field)
{
	return strchrnul(field, ',') - field;
}

/* Find the field @n fields further on, or NULL. */
static const char *volume_field_after(const char *field, unsigned int n)
{
	while (field && n--) {
		field = strchr(field, ',');
		if (field)
			field++;
	}
	return field;
}

/* Read @nr fields of hexadecimal digits.  Returns false if they are something else. */
static bool volume_hex_fields(const char *field, unsigned int nr, u32 *values)
{
	size_t len, i;

	for (; nr; nr--) {
		if (!field)
			return false;
		len = volume_field_len(field);
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
		field = volume_field_after(field, 1);
	}
	return true;
}

/*
 * The address of a server.
 *
 * @ip6: of IPv6, else of IPv4
 * @port: in network order; 0: any port, or the same port
 * @address: in network order, one word or four
 */
struct server {
	bool	ip6;
	u32	port;
	u32	address[4];
};

static size_t volume_address_len(const struct server *server)
{
	return server->ip6 ? 16 : 4;
}

static bool volume_parse_port(const char *text, const char *end, u32 *port)
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
static const char *volume_parse_server(const char *text, const char *ends,
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
	    (*rest != ':' || !volume_parse_port(rest + 1, end, &server->port)))
		return NULL;
	return end;
}

/* Read NEW=OLD.  Returns its end, or NULL. */
static const char *volume_parse_alias(const char *text, struct server *new,
				      struct server *old)
{
	const char *end = volume_parse_server(text, "=", new);

	return end && *end == '=' ? volume_parse_server(end + 1, ",\n", old) : NULL;
}

/* Whether @named, as an administrator wrote it, means @server. */
static bool volume_server_is(const struct server *named, const struct server *server)
{
	return named->ip6 == server->ip6 &&
		(!named->port || named->port == server->port) &&
		!memcmp(named->address, server->address, volume_address_len(named));
}

/* If a server's address is an alias, replace it by the address that it stands for. */
static void volume_replace_alias(const char *aliases, struct server *server)
{
	struct server new, old;

	for (; aliases && *aliases; aliases += *aliases == ',') {
		if (volume_parse_alias(aliases, &new, &old) &&
		    volume_server_is(&new, server)) {
			old.port = old.port ?: server->port;
			*server = old;
			return;
		}
		aliases += strcspn(aliases, ",");
	}
}

/**
 * cachefs_param_set_text - Set a parameter of the module that is a text
 * @value: the text
 * @param: the parameter
 *
 * On Linux 6.1 the end of a store may free a volume, and so wait for the lock of the
 * parameters (cachefs_policy_remove()).  Reclaim of NFS's pages may wait for the end of a
 * store.  So an allocation under that lock reclaims no pages of file systems.
 *
 * Context: process, may sleep; the lock of the module's parameters is held.
 * Return: 0 or an errno.
 */
int cachefs_param_set_text(const char *value, const struct kernel_param *param)
{
	unsigned int nofs = memalloc_nofs_save();
	int ret = param_set_charp(value, param);

	memalloc_nofs_restore(nofs);
	return ret;
}

static int volume_alias_set(const char *value, const struct kernel_param *param)
{
	const char *text = value, *end;
	struct server new, old;

	for (; *text && *text != '\n'; text = end + (*end == ',')) {
		end = volume_parse_alias(text, &new, &old);
		if (!end) {
			pr_err("server_alias: \"%.*s\" is not understood: NEW=OLD[,NEW=OLD...], each of them ADDRESS, IPV4:PORT or [IPV6]:PORT\n",
			       (int)strcspn(text, ",\n"), text);
			return -EINVAL;
		}
	}
	return cachefs_param_set_text(value, param);
}

static const struct kernel_param_ops server_alias_ops = {
	.set	= volume_alias_set,
	.get	= param_get_charp,
	.free	= param_free_charp,
};

module_param_cb(server_alias, &server_alias_ops, &server_alias, 0644);
MODULE_PARM_DESC(server_alias, "NEW=OLD[,NEW=OLD...]: what was cached of the server at address OLD is found at NEW; ADDRESS, IPV4:PORT or [IPV6]:PORT");

/* Read the server's address in a key of NFS.  Returns the field behind it, or NULL. */
static const char *volume_nfs_server(const char *key, struct server *server)
{
	const char *version, *family, *address;

	version = strncmp(key, "nfs,", 4) ? NULL : key + 4;
	family = volume_field_after(version, 1);
	if (!family || !memchr(version, '.', family - version))
		return NULL;
	server->ip6 = !strncmp(family, "a,", 2);
	if (!server->ip6 && strncmp(family, "2,", 2))
		return NULL;
	address = volume_field_after(family, 2);
	if (!volume_hex_fields(volume_field_after(family, 1), 1, &server->port) ||
	    !volume_hex_fields(address, volume_address_len(server) / 4, server->address))
		return NULL;
	return volume_field_after(address, volume_address_len(server) / 4);
}

/**
 * cachefs_volume_identity - Make the name of a volume's data
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
	fsid = volume_nfs_server(key, &server);
	if (!volume_hex_fields(fsid, 2 + NFS_MOUNT_FIELDS, NULL))
		return;
	tag = volume_field_after(fsid, 2 + NFS_MOUNT_FIELDS);

	volume_replace_alias(aliases, &server);
	len = scnprintf(identity, size, "nfs,%.*s,%x,",
			(int)strcspn(key + 4, "."), key + 4,
			server.ip6 ? AF_INET6 : AF_INET);
	if (server.port)
		len += scnprintf(identity + len, size - len, "%x", server.port);
	for (i = 0; i < volume_address_len(&server) / 4; i++)
		len += scnprintf(identity + len, size - len, ",%x",
				 server.address[i]);
	len += scnprintf(identity + len, size - len, ",%.*s",
			 (int)(volume_field_after(fsid, 2) - 1 - fsid), fsid);
	if (tag)
		scnprintf(identity + len, size - len, ",%s", tag);
}

/**
 * cachefs_volume_identity_now - Make the name of a volume's data, with the aliases set now
 * @key: the key that the network file system gave it
 * @coherency: coherency data of the volume, which NFS does not have
 * @coherency_len: bytes of it, at most 64 count
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

/* In another network namespace an address may belong to another server. */
static const char *volume_nfs_unnamed(struct fscache_cookie *cookie,
				      struct inode *inode)
{
	if (inode->i_sb->s_magic == NFS_SUPER_MAGIC &&
	    net_eq(NFS_SERVER(inode)->nfs_client->cl_net, &init_net))
		return NULL;
	return "mounted in another network namespace than the first one";
}

/* Whether @option is one of @options.  Each option is shown behind a comma. */
static bool volume_has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	while ((options = strchr(options, ','))) {
		options++;
		if (volume_field_len(options) == len && !memcmp(options, option, len))
			return true;
	}
	return false;
}

/* Whether a mount shows this option.  False if that cannot be found out now. */
static bool volume_shows_option(struct super_block *sb, const char *option)
{
	unsigned int nofs = memalloc_nofs_save();
	struct seq_file options = { .size = SZ_8K };
	bool shown = false;

	options.buf = kmalloc(options.size, CACHEFS_GFP_MAYBE);
	/* Under this lock nobody remounts it with other options. */
	if (options.buf && down_read_trylock(&sb->s_umount)) {
		if (sb->s_root && sb->s_op->show_options &&
		    !sb->s_op->show_options(&options, sb->s_root) &&
		    !seq_has_overflowed(&options)) {
			options.buf[options.count] = 0;
			shown = volume_has_option(options.buf, option);
		}
		up_read(&sb->s_umount);
	}
	kfree(options.buf);
	memalloc_nofs_restore(nofs);
	return shown;
}

/*
 * The name of a CIFS file is the number of its inode, its time of creation and its
 * type (struct cifs_fscache_inode_key in fs/smb/client/fscache.c).  Without the
 * option serverino this machine counts the numbers up, and begins with the same
 * number after each boot.  CIFS takes the option back by itself if a server has no
 * numbers.  A server that gives files no numbers has zero for each.
 */
static const char *volume_cifs_unnamed(struct fscache_cookie *cookie,
				       struct inode *inode)
{
	if (cookie->key_len != 17 ||
	    !get_unaligned_le64(fscache_get_key(cookie)))
		return "the server gives files no numbers";
	if (!volume_shows_option(inode->i_sb, "serverino"))
		return "inode numbers are this machine's, not the server's (noserverino)";
	return NULL;
}

/*
 * The file systems for which the cache was shown to be right.
 *
 * @name: the first word of a volume's key
 * @page_by_page: also right where the file system itself reads and stores each page
 * (Linux 6.1), and not only where fs/netfs does
 * @unnamed: asks about the file, and about the options of its mount; may be %NULL
 *
 * If CIFS comes page by page, a local write looks like a copy of data that was read
 * from the server.  9p does not use a cache on those kernels.
 *
 * Two more lists have these file systems: control_types in control.c, for the questions
 * to /dev/cachefs, and mount_add() in tools/mounts.c, for cachefsctl.
 */
static const struct cachefs_file_system {
	const char	*name;
	bool		page_by_page;
	const char	*(*unnamed)(struct fscache_cookie *cookie,
				    struct inode *inode);
} file_systems[] = {
	{ "nfs",	true,	volume_nfs_unnamed },
	{ "cifs",	false,	volume_cifs_unnamed },
	{ "9p",		false,	NULL },
};

/* The file system of a volume, or NULL. */
static const struct cachefs_file_system *volume_file_system(const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(file_systems); i++) {
		size_t len = strlen(file_systems[i].name);

		if (!strncmp(key, file_systems[i].name, len) && key[len] == ',')
			return &file_systems[i];
	}
	return NULL;
}

/* Read the server's address in a key of NFS or CIFS. */
static bool volume_server(const char *key, struct server *server)
{
	return volume_nfs_server(key, server) ||
		(!strncmp(key, "cifs,", 5) && volume_parse_server(key + 5, ",", server));
}

/* The tag of a mount of NFS or 9p, or the share of a mount of CIFS; or NULL. */
static const char *volume_tag(const char *key)
{
	struct server server;
	const char *fsid = volume_nfs_server(key, &server), *tag = strrchr(key, ',');

	if (fsid)
		return volume_field_after(fsid, 2 + NFS_MOUNT_FIELDS);
	return tag ? tag + 1 : NULL;
}

/**
 * cachefs_volume_is - Whether a name means a volume
 * @key: the key that the network file system gave it
 * @name: the address of the server, as in server_alias, or the tag of the mount, or
 *	the share; ends before "="
 *
 * Context: any.
 * Return: whether @name means the volume.
 */
bool cachefs_volume_is(const char *key, const char *name)
{
	size_t len = strcspn(name, "=");
	struct server named, server;
	const char *tag;

	if (volume_parse_server(name, "=", &named))
		return volume_server(key, &server) && volume_server_is(&named, &server);
	tag = volume_tag(key);
	return tag && strlen(tag) == len && !memcmp(tag, name, len);
}

/* Whether another server may have the address on another link.  No key has the link. */
static bool volume_link_local(const char *key)
{
	struct server server;

	return volume_server(key, &server) && server.ip6 &&
		ipv6_addr_type((struct in6_addr *)server.address) &
		IPV6_ADDR_LINKLOCAL;
}

/**
 * cachefs_volume_refusal - Why a volume is not cached at all
 * @key: the key that the network file system gave it
 * @page_by_page: whether the file system itself reads and stores each page
 *
 * Context: any.
 * Return: why, or %NULL if its files may be cached.
 */
const char *cachefs_volume_refusal(const char *key, bool page_by_page)
{
	const struct cachefs_file_system *fs = volume_file_system(key);

	if (!fs)
		return "this file system has not been tried with cachefs";
	if (page_by_page && !fs->page_by_page)
		return "this file system is not cached on this kernel";
	if (volume_link_local(key))
		return "a link-local address is another server's on another link";
	return NULL;
}

/**
 * cachefs_object_unnamed - Why the name of a file in the cache is not its own
 * @object: the file's object
 * @inode: the file
 *
 * Context: process, does not wait.
 * Return: why, or %NULL if it is.
 */
const char *cachefs_object_unnamed(struct cachefs_object *object,
				   struct inode *inode)
{
	const struct cachefs_file_system *fs;

	if (READ_ONCE(object->named))
		return NULL;
	fs = volume_file_system(object->volume->vcookie->key + 1);
	return fs && fs->unnamed ? fs->unnamed(object->cookie, inode) : NULL;
}

/**
 * cachefs_object_check_name - Check that the name of a file in the cache is its own
 * @object: the file's object
 * @inode: the file
 *
 * A name that is not the file's own may be another file's after a reboot, or in
 * another network.  Then nothing of the file may be served or stored, as long as the file
 * has its cookie.  The log says why, once for each volume.
 *
 * Context: process, does not wait.
 * Return: whether the name is its own.
 */
bool cachefs_object_check_name(struct cachefs_object *object, struct inode *inode)
{
	struct cachefs_glue_volume *volume = object->volume;
	const char *why = cachefs_object_unnamed(object, inode);

	if (!why) {
		WRITE_ONCE(object->named, true);
		return true;
	}
	/* The file is not cached as long as it has this cookie, even after a remount. */
	cachefs_object_local_write(object);
	if (!xchg(&volume->told, true))
		pr_notice("%s: files are not cached: %s\n",
			  volume->vcookie->key + 1, why);
	return false;
}
