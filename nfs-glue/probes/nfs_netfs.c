// SPDX-License-Identifier: GPL-2.0
/* An inode of NFS has its cookie where fs/netfs looks for it: Linux 6.4. */
#define KBUILD_MODNAME "probe"
#include <linux/nfs_fs.h>

void *probe(struct nfs_inode *nfsi);
void *probe(struct nfs_inode *nfsi)
{
#if IS_ENABLED(CONFIG_NFS_FSCACHE)
#ifndef ABSENT
	return &nfsi->netfs;
#else
	return nfsi->fscache;
#endif
#elif defined(ABSENT)
#error "without a cookie in NFS there is nothing to be asked"
#endif
	return NULL;
}
