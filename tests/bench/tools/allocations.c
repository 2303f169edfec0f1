/* Preloaded, counts what a program allocates: the number stands in the first eight bytes of the file that
 * $ALLOCATIONS names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static unsigned long before;
static unsigned long *count = &before;

__attribute__((constructor)) static void share(void)
{
	int file = open(getenv("ALLOCATIONS"), O_RDWR);
	unsigned long *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (shared != MAP_FAILED)
		count = shared;
	close(file);
}

void *malloc(size_t size)
{
	++*count;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	++*count;
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	++*count;
	return __libc_realloc(old, size);
}
