/* What the tools share: a clock, and a frame that comes as hexadecimal digits. */
#include <stdio.h>
#include <time.h>

enum { LONGEST = 1514 };

static long long now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The octets of `digits`, and how many they are. */
static inline size_t octets(const char *digits, unsigned char *frame)
{
	size_t n = 0;
	while (n < LONGEST && sscanf(digits + 2 * n, "%2hhx", frame + n) == 1)
		n++;
	return n;
}
