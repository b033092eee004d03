// SPDX-License-Identifier: GPL-2.0
/*
 * Find the mounts, and the volume of FS-Cache of each mount.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include "cachefsctl.h"
#include "system.h"

/* The line of an NFS superblock in /proc/fs/nfsfs/volumes. */
struct mount_nfs {
	dev_t			dev;
	unsigned int		version;
	unsigned int		words[5];	/* port and address, as in a key */
	int			nr_words;
	unsigned long long	fsid[2];
	bool			fsc;
};

/**
 * mount_free - Free the memory of a mount
 * @mount: the mount
 */
void mount_free(struct system_mount *mount)
{
	free(mount->target);
	free(mount->source);
	free(mount->type);
	free(mount->options);
	free(mount->cache);
}

/**
 * mount_option - Find the value of a mount option
 * @options: all options
 * @name: the option
 *
 * Return: the value, to be freed; empty if it has none; %NULL if there is no such option.
 */
char *mount_option(const char *options, const char *name)
{
	char *value;
	size_t size;

	if (!options || mnt_optstr_get_option(options, name, &value, &size))
		return NULL;
	return cmd_text("%.*s", (int)size, size ? value : "");
}

static bool mount_has_option(const char *options, const char *name)
{
	char *value = mount_option(options, name);

	free(value);
	return value;
}

/* Does the mount ask for FS-Cache?  9p shows that as a word, or as the bit 128. */
static bool mount_wants_cache(const struct system_mount *mount)
{
	char *mode;
	bool wants;

	if (strcmp(mount->type, "9p"))
		return mount_has_option(mount->options, "fsc");
	mode = mount_option(mount->options, "cache");
	wants = mount_has_option(mount->options, "fscache") ||
		(mode && (!strcmp(mode, "fscache") ||
			  strtoul(mode, NULL, 0) & 128));
	free(mode);
	return wants;
}

/* Parse an address of 8 or 32 digits, as rpc_peeraddr2str() prints it. */
static int mount_parse_address(const char *text, unsigned int *words)
{
	unsigned char bytes[16];
	size_t n = strlen(text) / 2, i;

	if (n != 4 && n != 16)
		return 0;
	for (i = 0; i < n; i++)
		if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
			return 0;
	memcpy(words, bytes, n);
	return n / 4;
}

/* Read the table of NFS.  It is read only once, because it has a line for each mount. */
static struct mount_nfs *mount_read_nfs(size_t *nr)
{
	char line[512], address[64], fsc[8];
	FILE *file = root_open("/proc/fs/nfsfs/volumes");
	struct mount_nfs *table = NULL, nfs = {};
	unsigned int port, major, minor;

	*nr = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "v%u %63s %x %u:%u %llx:%llx %7s", &nfs.version, address,
			   &port, &major, &minor, &nfs.fsid[0], &nfs.fsid[1], fsc) != 8)
			continue;
		nfs.dev = makedev(major, minor);
		nfs.words[0] = htons(port);
		nfs.nr_words = 1 + mount_parse_address(address, nfs.words + 1);
		nfs.fsc = !strcmp(fsc, "yes");
		table = cmd_grow(table, *nr, sizeof(*table));
		table[(*nr)++] = nfs;
	}
	if (file)
		fclose(file);
	return table;
}

static const struct mount_nfs *mount_find_nfs(dev_t dev, const struct mount_nfs *table, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (table[i].dev == dev)
			return &table[i];
	return NULL;
}

/* Read the next word of a key, a hexadecimal number.  An empty word is 0. */
static bool mount_key_number(const char **key, unsigned long long *number)
{
	char *end;

	if (!*key || **key != ',')
		return false;
	*number = strtoull(++*key, &end, 16);
	*key += strcspn(*key, ",");
	return end == *key;
}

/*
 * Is this the key of an NFS superblock?  "nfs,VERSION.MINOR,FAMILY,PORT,ADDRESS,FSID,
 * FSID,FLAGS,FLAGS,RSIZE,WSIZE,...[,TAG]", as nfs_fscache_get_super_cookie() makes it.
 * Superblocks that are not shared differ in little more than the sizes.
 */
static bool mount_is_nfs_key(const struct system_mount *mount,
			     const struct mount_nfs *nfs, const char *key)
{
	unsigned long long number, sizes[4] = {};
	unsigned int version, minor;
	char *value;
	int i, n;

	if (sscanf(key, "nfs,%u.%u%n", &version, &minor, &n) != 2 ||
	    version != nfs->version)
		return false;
	value = mount_option(mount->options, "vers");
	i = value && strchr(value, '.') ? atoi(strchr(value, '.') + 1) : 0;
	free(value);
	key += n;
	if ((unsigned int)i != minor || !mount_key_number(&key, &number))
		return false;
	for (i = 0; i < nfs->nr_words; i++)
		if (!mount_key_number(&key, &number) || number != nfs->words[i])
			return false;
	for (i = 0; i < 2; i++)
		if (!mount_key_number(&key, &number) || number != nfs->fsid[i])
			return false;
	for (i = 0; i < 4; i++)
		if (!mount_key_number(&key, &sizes[i]))
			return false;
	for (i = 2; i < 4; i++) {
		value = mount_option(mount->options, i == 2 ? "rsize" : "wsize");
		number = value ? strtoull(value, NULL, 10) : sizes[i];
		free(value);
		if (number != sizes[i])
			return false;
	}
	/* Skip four time values and the flavour.  The tag follows. */
	for (i = 0; i < 5; i++)
		if (!mount_key_number(&key, &number))
			return false;
	value = mount_option(mount->options, "fsc");
	i = value && strcmp(value, *key ? key + 1 : "");
	free(value);
	return !i;
}

/* Is this "cifs,ADDRESS:PORT,SHARE", with the share of //server/share/directory? */
static bool mount_is_cifs_key(const struct system_mount *mount, const char *key)
{
	char *address = mount_option(mount->options, "addr");
	const char *share, *end;
	bool is;

	share = strncmp(mount->source, "//", 2) ? NULL :
		strchr(mount->source + 2, '/');
	end = strrchr(key, ',');
	if (!address || !share || strncmp(key, "cifs,", 5) || end < key + 5) {
		free(address);
		return false;
	}
	key += 5 + (key[5] == '[');
	share++;
	is = !strncmp(key, address, strlen(address)) &&
		strchr(":]", key[strlen(address)]) &&
		strlen(end + 1) == strcspn(share, "/") &&
		!strncasecmp(end + 1, share, strlen(end + 1));
	free(address);
	return is;
}

/* Is this "9p,DEVICE,TAG", with semicolons for slashes? */
static bool mount_is_9p_key(const struct system_mount *mount, const char *key)
{
	char *tag = mount_option(mount->options, "cachetag"), *wanted, *c;
	bool is;

	if (!tag)
		tag = mount_option(mount->options, "aname") ?: cmd_text("%s", "");
	wanted = cmd_text("9p,%s,%s", mount->source, tag);
	for (c = wanted; *c; c++)
		if (*c == '/')
			*c = ';';
	is = !strcmp(key, wanted);
	free(wanted);
	free(tag);
	return is;
}

static bool mount_is_key(const struct system_mount *mount,
			 const struct mount_nfs *nfs, const char *key)
{
	if (nfs)
		return mount_is_nfs_key(mount, nfs, key);
	if (!strcmp(mount->type, "9p"))
		return mount_is_9p_key(mount, key);
	return mount_is_cifs_key(mount, key);
}

static void mount_find_volume(struct system *sys, struct system_mount *mount,
			      const struct mount_nfs *nfs)
{
	const struct system_cache *cache;
	size_t i, k;

	for (i = 0; i < sys->nr_bound && !mount->cache; i++)
		if (mount_is_key(mount, nfs, sys->bound[i].key))
			mount->cache = cmd_text("%s", sys->bound[i].cache);
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		for (k = 0; k < cache->nr_volumes && !mount->volume; k++)
			if (cache->volumes[k].key &&
			    mount_is_key(mount, nfs, cache->volumes[k].key))
				mount->volume = &cache->volumes[k];
	}
}

/**
 * mount_of_volume - Find the mount that has a volume's numbers in a table
 * @sys: the system, with all mounts
 * @volume: a volume of FS-Cache; its mounts share it
 *
 * Return: the first mount of this volume; %NULL if there is none.
 */
const struct system_mount *mount_of_volume(const struct system *sys,
					   const struct system_volume *volume)
{
	size_t i;

	for (i = 0; i < sys->nr_mounts; i++)
		if (sys->mounts[i].volume == volume)
			return &sys->mounts[i];
	return NULL;
}

/*
 * Make room for a mount.  A mount that covers another mount, or is bound to its own
 * place, replaces the earlier mount.
 */
static struct system_mount *mount_new(struct system *sys, const char *target)
{
	struct system_mount *mount;
	size_t i;

	for (i = 0; i < sys->nr_mounts; i++) {
		mount = &sys->mounts[i];
		if (!strcmp(mount->target, target)) {
			mount_free(mount);
			*mount = (struct system_mount) {};
			return mount;
		}
	}
	sys->mounts = cmd_grow(sys->mounts, sys->nr_mounts, sizeof(*mount));
	return &sys->mounts[sys->nr_mounts++];
}

static void mount_add(struct system *sys, struct libmnt_fs *fs, const struct mount_nfs *table,
		      size_t nr)
{
	const char *target = mnt_fs_get_target(fs) ?: "?";
	const struct mount_nfs *nfs;
	struct system_mount *mount;
	const char *type = mnt_fs_get_fstype(fs);
	bool is_nfs = type && !strncmp(type, "nfs", 3);

	if (!type || (strcmp(type, "nfs") && strcmp(type, "nfs4") &&
		      strcmp(type, "cifs") && strcmp(type, "smb3") &&
		      strcmp(type, "9p")))
		return;
	mount = mount_new(sys, target);
	mount->target = cmd_text("%s", target);
	mount->source = cmd_text("%s", mnt_fs_get_source(fs) ?: "?");
	mount->type = cmd_text("%s", type);
	mount->options = cmd_text("%s", mnt_fs_get_options(fs) ?: "");
	mount->dev = mnt_fs_get_devno(fs);
	mount->fsc = mount_wants_cache(mount);
	nfs = is_nfs ? mount_find_nfs(mount->dev, table, nr) : NULL;
	if (nfs) {
		mount->ignored = mount->fsc && !nfs->fsc;
		if (nfs->fsc)
			mount_find_volume(sys, mount, nfs);
	} else if (!is_nfs && mount->fsc) {
		mount_find_volume(sys, mount, NULL);
	}
}

/**
 * system_read_mounts - Find all mounts that could be cached
 * @sys: the system, with the tables of FS-Cache and the caches
 */
void system_read_mounts(struct system *sys)
{
	char *path = root_path("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_table *table = mnt_new_table_from_file(path);
	struct mount_nfs *nfs;
	struct libmnt_fs *fs;
	size_t nr;

	nfs = mount_read_nfs(&nr);
	while (table && iter && !mnt_table_next_fs(table, iter, &fs))
		mount_add(sys, fs, nfs, nr);
	free(nfs);
	mnt_unref_table(table);
	mnt_free_iter(iter);
	free(path);
}
