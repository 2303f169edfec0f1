/* Sends solicitations, and watches the timers of the processes that will answer them. Reads lines of an interface's
 * index, a frame in hexadecimal digits and the path of a timer's /proc/PID/fdinfo/FD. Prints in nanoseconds of the
 * wall clock when the frame was sent, when the timer was seen set to within half a second, and for when; or 0 0 0. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "frame.h"

static const long long SOON = 500000000, PATIENCE = 100000000;

/* Nanoseconds until the timer is due, or -1. */
static long long left(int timer)
{
	char text[512];
	long long seconds, nanos;
	ssize_t n = pread(timer, text, sizeof text - 1, 0);
	if (n <= 0)
		return -1;
	text[n] = 0;
	char *value = strstr(text, "it_value: (");
	if (!value || sscanf(value, "it_value: (%lld, %lld)", &seconds, &nanos) != 2)
		return -1;
	return seconds * 1000000000LL + nanos;
}

int main(void)
{
	static char digits[2 * LONGEST + 2], path[256];
	static unsigned char frame[LONGEST];
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int s = socket(AF_PACKET, SOCK_RAW, 0);

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (scanf("%d %3029s %255s", &to.sll_ifindex, digits, path) == 3) {
		size_t length = octets(digits, frame);
		int timer = open(path, O_RDONLY);
		left(timer);
		long long sent = now(CLOCK_REALTIME), before, rest;
		sendto(s, frame, length, 0, (struct sockaddr *)&to, sizeof to);
		do {
			/* Whoever was woken on this very processor goes first. */
			sched_yield();
			before = now(CLOCK_REALTIME);
			rest = left(timer);
		} while (rest > SOON && before - sent < PATIENCE);
		if (rest < 0 || rest > SOON)
			printf("0 0 0\n");
		else
			printf("%lld %lld %lld\n", sent, now(CLOCK_REALTIME), before + rest);
		close(timer);
	}
	return 0;
}
