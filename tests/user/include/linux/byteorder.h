/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BYTEORDER_H
#define _SHIM_LINUX_BYTEORDER_H

#include <endian.h>
#include <string.h>
#include <linux/types.h>

#define cpu_to_le16(x)	((__le16)htole16(x))
#define cpu_to_le32(x)	((__le32)htole32(x))
#define cpu_to_le64(x)	((__le64)htole64(x))
#define le16_to_cpu(x)	((u16)le16toh(x))
#define le32_to_cpu(x)	((u32)le32toh(x))
#define le64_to_cpu(x)	((u64)le64toh(x))
#define cpu_to_be32(x)	((__be32)htobe32(x))
#define be32_to_cpu(x)	((u32)be32toh(x))

static inline u16 le16_to_cpup(const __le16 *p) { return le16_to_cpu(*p); }
static inline u32 le32_to_cpup(const __le32 *p) { return le32_to_cpu(*p); }
static inline u64 le64_to_cpup(const __le64 *p) { return le64_to_cpu(*p); }

static inline void le32_add_cpu(__le32 *p, u32 n)
{
	*p = cpu_to_le32(le32_to_cpu(*p) + n);
}

static inline void le64_add_cpu(__le64 *p, u64 n)
{
	*p = cpu_to_le64(le64_to_cpu(*p) + n);
}

#define shim_get_unaligned(type, p) \
	({ \
		type __v; \
		memcpy(&__v, p, sizeof(__v)); \
		__v; \
	})
#define get_unaligned(p)	shim_get_unaligned(__typeof__(*(p)), p)
#define put_unaligned(v, p) \
	do { \
		__typeof__(*(p)) __v = (v); \
		memcpy(p, &__v, sizeof(__v)); \
	} while (0)

static inline u16 get_unaligned_le16(const void *p)
{
	return le16_to_cpu(shim_get_unaligned(__le16, p));
}

static inline u32 get_unaligned_le32(const void *p)
{
	return le32_to_cpu(shim_get_unaligned(__le32, p));
}

static inline u64 get_unaligned_le64(const void *p)
{
	return le64_to_cpu(shim_get_unaligned(__le64, p));
}

static inline void put_unaligned_le16(u16 v, void *p)
{
	__le16 le = cpu_to_le16(v);

	memcpy(p, &le, sizeof(le));
}

static inline void put_unaligned_le32(u32 v, void *p)
{
	__le32 le = cpu_to_le32(v);

	memcpy(p, &le, sizeof(le));
}

static inline void put_unaligned_le64(u64 v, void *p)
{
	__le64 le = cpu_to_le64(v);

	memcpy(p, &le, sizeof(le));
}

#endif
