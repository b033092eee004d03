// SPDX-License-Identifier: GPL-2.0
/* Memory, clock, log, locks and random numbers for the core in user space. */
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include "shim.h"

int shim_fence;
u64 shim_now_ns;
u64 shim_rescheds;
void (*shim_others)(void);
unsigned long shim_ram_pages = 1UL << 24;
long shim_ram_available = 1L << 24;
bool shim_killed;
bool shim_signalled;
void (*shim_panic_hook)(void);
const void *shim_inc_counter;
void (*shim_on_next_cpu)(void);

static void (*inc_before)(void);

static __thread int atomic_depth;	/* spinlocks held, or in an interrupt */
static __thread int irq_depth;

void (*shim_trace_region)(unsigned int nr, unsigned int from, unsigned int to);
int shim_refused;

static char log_buffer[1 << 16];
static size_t log_length;

void shim_before_inc(const void *counter, void (*before)(void))
{
	shim_inc_counter = counter;
	inc_before = before;
}

void shim_inc_call(void)
{
	shim_inc_counter = NULL;
	inc_before();
}

/* Random numbers: splitmix64, one generator for the core and one for the test. */

static u64 core_rng;
static __thread u64 test_rng;

static u64 next_random(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

u64 get_random_u64(void)
{
	return next_random(&core_rng);
}

void get_random_bytes(void *buffer, size_t n)
{
	u8 *to = buffer;

	while (n--)
		*to++ = next_random(&core_rng);
}

void shim_seed(u64 seed)
{
	test_rng = seed;
}

u64 shim_rand(void)
{
	return next_random(&test_rng);
}

u32 shim_below(u32 n)
{
	return shim_rand() % n;
}

bool shim_chance(u32 percent)
{
	return shim_below(100) < percent;
}

/* The log */

void shim_panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fflush(stdout);
	fputs("panic: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\nlog:\n%s", log_buffer);
	va_end(args);
	if (shim_panic_hook)
		shim_panic_hook();
	fflush(stdout);
	abort();
}

/* The extensions of printk() that the core uses: %pU, a UUID, and %pe. */
static size_t format_into(char *to, size_t size, const char *format,
			  va_list args)
{
	char piece[256], *out = to, *end = to + size - 1;

	while (*format && out < end) {
		size_t n = strcspn(format, "%");
		char spec[16] = "";

		if (!n) {
			n = 1 + strcspn(format + 1, "diouxXcsp%");
			if (n >= sizeof(spec))
				n = sizeof(spec) - 2;
			memcpy(spec, format, n + 1);
			format += n + 1;
			if (!strcmp(spec, "%p") && *format == 'U') {
				const u8 *u = va_arg(args, const u8 *);
				int i, at = 0;

				while (*format == 'U' || *format == 'b')
					format++;
				for (i = 0; i < 16; i++)
					at += sprintf(piece + at, "%s%02x",
						      i >= 4 && i <= 10 &&
						      !(i & 1) ? "-" : "",
						      u[i]);
			} else if (!strcmp(spec, "%p") && *format == 'e') {
				format++;
				sprintf(piece, "%ld",
					(long)va_arg(args, void *));
			} else if (strchr(spec, 's')) {
				snprintf(piece, sizeof(piece), spec,
					 va_arg(args, const char *));
			} else if (strchr(spec, '%') != spec ||
				   spec[1] == '%') {
				strcpy(piece, "%");
			} else if (strstr(spec, "ll")) {
				snprintf(piece, sizeof(piece), spec,
					 va_arg(args, u64));
			} else if (strpbrk(spec, "lzp")) {
				snprintf(piece, sizeof(piece), spec,
					 va_arg(args, long));
			} else {
				snprintf(piece, sizeof(piece), spec,
					 va_arg(args, int));
			}
		} else {
			n = min_t(size_t, n, sizeof(piece) - 1);
			memcpy(piece, format, n);
			piece[n] = 0;
			format += n;
		}
		n = min_t(size_t, strlen(piece), end - out);
		memcpy(out, piece, n);
		out += n;
	}
	*out = 0;
	return out - to;
}

int shim_printk(const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list args;
	size_t n;

	pthread_mutex_lock(&lock);
	if (log_length > sizeof(log_buffer) - 1024)
		log_length = 0;
	va_start(args, format);
	n = format_into(log_buffer + log_length, 1000, format, args);
	va_end(args);
	log_length += n;
	pthread_mutex_unlock(&lock);
	return n;
}

bool shim_log_has(const char *text)
{
	return strstr(log_buffer, text) != NULL;
}

const char *shim_log(void)
{
	return log_buffer;
}

void shim_log_clear(void)
{
	log_buffer[0] = 0;
	log_length = 0;
}

int shim_scnprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buffer, size, format, args);
	va_end(args);
	return min_t(int, n, size ? size - 1 : 0);
}

/* Memory */

static u64 alloc_count, alloc_fail_at, alloc_live, alloc_bytes;
static u64 alloc_max = U64_MAX;
static bool alloc_has_failed;

void *shim_alloc(size_t nr, size_t size, gfp_t gfp)
{
	size_t bytes;
	u64 in_use;
	void *p;

	if (gfp & __GFP_DIRECT_RECLAIM)
		shim_might_sleep("allocation");
	if (__builtin_mul_overflow(nr, size, &bytes))
		return NULL;
	if (!(gfp & __GFP_NOFAIL) &&
	    __atomic_add_fetch(&alloc_count, 1, __ATOMIC_RELAXED) ==
	    alloc_fail_at) {
		alloc_has_failed = true;
		return NULL;
	}
	in_use = __atomic_load_n(&alloc_bytes, __ATOMIC_RELAXED);
	if (in_use + bytes > alloc_max)
		shim_panic("allocation of %zu bytes, %llu in use", bytes,
			   in_use);
	p = gfp & __GFP_ZERO ? calloc(1, bytes) : malloc(bytes);
	if (!p)
		shim_panic("out of memory");
	if (!(gfp & __GFP_ZERO))
		memset(p, 0xa5, bytes);
	__atomic_add_fetch(&alloc_live, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&alloc_bytes, malloc_usable_size(p),
			   __ATOMIC_RELAXED);
	return p;
}

void shim_free(const void *p)
{
	if (!p)
		return;
	__atomic_sub_fetch(&alloc_live, 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&alloc_bytes, malloc_usable_size((void *)p),
			   __ATOMIC_RELAXED);
	free((void *)p);
}

void *shim_realloc(const void *old, size_t size, gfp_t gfp)
{
	void *p = shim_alloc(1, size, gfp);

	if (p && old) {
		memcpy(p, old, min(size, malloc_usable_size((void *)old)));
		shim_free(old);
	}
	return p;
}

void shim_fail_alloc(u64 nth)
{
	alloc_fail_at = nth ? alloc_count + nth : 0;
	alloc_has_failed = false;
}

bool shim_alloc_failed(void)
{
	return alloc_has_failed;
}

void shim_alloc_limit(u64 bytes)
{
	alloc_max = bytes;
}

char *kstrndup(const char *s, size_t max, gfp_t gfp)
{
	size_t n;
	char *p;

	if (!s)
		return NULL;
	n = strnlen(s, max);
	p = kmalloc(n + 1, gfp);
	if (p) {
		memcpy(p, s, n);
		p[n] = 0;
	}
	return p;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return kstrndup(s, INT_MAX, gfp);
}

void *kmemdup(const void *from, size_t length, gfp_t gfp)
{
	void *p = kmalloc(length, gfp);

	if (p)
		memcpy(p, from, length);
	return p;
}

/* Locks */

void shim_might_sleep(const char *what)
{
	if (atomic_depth)
		shim_panic("%s may sleep, %s", what,
			   irq_depth ? "in an interrupt" : "under a spinlock");
}

void shim_cond_resched(void)
{
	shim_might_sleep("cond_resched");
	__atomic_add_fetch(&shim_rescheds, 1, __ATOMIC_RELAXED);
	if (shim_others)
		shim_others();
}

void shim_atomic(int change)
{
	atomic_depth += change;
}

void shim_irq_enter(void)
{
	atomic_depth++;
	irq_depth++;
}

void shim_irq_exit(void)
{
	atomic_depth--;
	irq_depth--;
}

static pthread_mutex_t errorcheck = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

void shim_spin_init(spinlock_t *lock)
{
	memcpy(&lock->mutex, &errorcheck, sizeof(errorcheck));
	lock->irqsafe = false;
	lock->initialised = true;
}

void shim_spin_lock(spinlock_t *lock, bool irqs_off, const char *name)
{
	if (!lock->initialised)
		shim_panic("%s is not initialised", name);
	if (irq_depth && !irqs_off)
		shim_panic("%s taken in an interrupt", name);
	if (pthread_mutex_lock(&lock->mutex))
		shim_panic("%s taken twice", name);
	atomic_depth++;
}

void shim_spin_unlock(spinlock_t *lock)
{
	atomic_depth--;
	if (pthread_mutex_unlock(&lock->mutex))
		shim_panic("a spinlock that is not held is released");
}

void shim_rwlock_init(rwlock_t *lock)
{
	pthread_rwlock_init(&lock->lock, NULL);
	lock->initialised = true;
}

void shim_rwlock_lock(rwlock_t *lock, bool write, const char *name)
{
	int ret;

	if (!lock->initialised)
		shim_panic("%s is not initialised", name);
	if (irq_depth)
		shim_panic("%s taken in an interrupt", name);
	ret = write ? pthread_rwlock_wrlock(&lock->lock) :
		      pthread_rwlock_rdlock(&lock->lock);
	if (ret)
		shim_panic("%s taken twice", name);
	atomic_depth++;
}

void shim_rwlock_unlock(rwlock_t *lock)
{
	atomic_depth--;
	pthread_rwlock_unlock(&lock->lock);
}

void mutex_init(struct mutex *mutex)
{
	memcpy(&mutex->mutex, &errorcheck, sizeof(errorcheck));
	mutex->initialised = true;
}

void shim_mutex_lock(struct mutex *mutex, const char *name)
{
	shim_might_sleep(name);
	if (!mutex->initialised)
		shim_panic("%s is not initialised", name);
	if (pthread_mutex_lock(&mutex->mutex))
		shim_panic("%s taken twice", name);
}

int mutex_trylock(struct mutex *mutex)
{
	return pthread_mutex_trylock(&mutex->mutex) == 0;
}

void mutex_unlock(struct mutex *mutex)
{
	if (pthread_mutex_unlock(&mutex->mutex))
		shim_panic("a mutex that is not held is released");
}

void shim_reset(u64 seed)
{
	if (alloc_live)
		shim_panic("%llu allocations were not freed", alloc_live);
	if (atomic_depth || irq_depth)
		shim_panic("a lock is still held");
	shim_refused = 0;
	core_rng = seed * 0x2545f4914f6cdd1dULL + 1;
	test_rng = seed;
	shim_now_ns = 1000 * NSEC_PER_SEC;
	alloc_count = 0;
	alloc_fail_at = 0;
	alloc_max = U64_MAX;
	alloc_has_failed = false;
	shim_killed = false;
	shim_signalled = false;
	shim_inc_counter = NULL;
	shim_log_clear();
	shim_work_reset();
}
