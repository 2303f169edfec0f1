/* How late this machine wakes a process whose timer is due: prints the milliseconds of COUNT times, 20 ms apart. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);

	for (int left = argc > 1 ? atoi(argv[1]) : 0; left > 0; left--) {
		struct itimerspec due = { 0 };
		struct timespec now;
		unsigned long long times;

		clock_gettime(CLOCK_MONOTONIC, &due.it_value);
		due.it_value.tv_nsec += 20000000;
		due.it_value.tv_sec += due.it_value.tv_nsec / 1000000000;
		due.it_value.tv_nsec %= 1000000000;
		timerfd_settime(timer, TFD_TIMER_ABSTIME, &due, NULL);
		if (read(timer, &times, sizeof times) != sizeof times)
			return 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
		printf("%.4f\n", (now.tv_sec - due.it_value.tv_sec) * 1e3 + (now.tv_nsec - due.it_value.tv_nsec) / 1e6);
	}
	return 0;
}
