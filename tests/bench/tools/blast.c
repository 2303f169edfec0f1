/* Sends one frame over and over: blast INTERFACE FRAME-IN-HEX ROUNDS FRAMES-A-ROUND [FRAMES-A-SECOND]
 * Prints for each round the nanoseconds that a frame took. Over a veth pair that includes the way of the
 * frame through the receiving side, which the kernel runs before the sender goes on. With a rate it prints how
 * many frames were sent. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "frame.h"

enum { BATCH = 64 };

int main(int argc, char **argv)
{
	static unsigned char frame[LONGEST];
	struct iovec bytes = { frame, 0 };
	struct mmsghdr batch[BATCH];
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int s = socket(AF_PACKET, SOCK_RAW, 0);
	long long sent = 0, rounds, count, rate;

	if (argc < 5 || s < 0)
		return 2;
	to.sll_ifindex = if_nametoindex(argv[1]);
	if (bind(s, (struct sockaddr *)&to, sizeof to) < 0) {
		perror(argv[1]);
		return 2;
	}
	bytes.iov_len = octets(argv[2], frame);
	memset(batch, 0, sizeof batch);
	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &bytes;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	rounds = atoll(argv[3]);
	count = atoll(argv[4]);
	rate = argc > 5 ? atoll(argv[5]) : 0;
	long long begin = now(CLOCK_MONOTONIC);
	for (long long r = 0; r < rounds; r++) {
		long long before = now(CLOCK_MONOTONIC);
		for (long long left = count; left > 0;) {
			int n = sendmmsg(s, batch, left < BATCH ? left : BATCH, 0);
			/* A full queue: what was not sent is not sent again. */
			left -= n > 0 ? n : 1;
			sent += n > 0 ? n : 0;
		}
		if (!rate) {
			printf("%.1f\n", (double)(now(CLOCK_MONOTONIC) - before) / count);
			continue;
		}
		long long due = begin + (r + 1) * count * 1000000000LL / rate;
		struct timespec until = { due / 1000000000LL, due % 1000000000LL };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	if (rate)
		printf("%lld\n", sent);
	return 0;
}
