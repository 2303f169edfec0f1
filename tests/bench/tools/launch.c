/* Starts many processes as fast as one thread can: a command a line on standard input, words parted by spaces,
 * up to an empty line. Prints the wall clock in nanoseconds before the first and after the last start, then the
 * process ids. All of them end with it, and it ends with its standard input. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 8192, WORDS = 64 };

static char **words_of(char *line)
{
	char **words = calloc(WORDS, sizeof *words);
	int n = 0;
	for (char *word = strtok(line, " "); word && n < WORDS - 1; word = strtok(NULL, " "))
		words[n++] = word;
	return words;
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
	static char **commands[MOST];
	static pid_t pids[MOST];
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The children are of this group, and a signal to all of them must leave this process alone. */
	setpgid(0, 0);
	signal(SIGTERM, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	while (n < MOST && (length = getline(&line, &size, stdin)) > 1) {
		line[length - 1] = 0;
		commands[n++] = words_of(strdup(line));
	}
	long long begin = now();
	for (int i = 0; i < n; i++) {
		pids[i] = vfork();
		if (pids[i] < 0) {
			perror("vfork");
			return 1;
		}
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			signal(SIGTERM, SIG_DFL);
			signal(SIGCHLD, SIG_DFL);
			dup2(STDERR_FILENO, STDOUT_FILENO);
			execv(commands[i][0], commands[i]);
			perror(commands[i][0]);
			_exit(127);
		}
	}
	printf("%lld %lld", begin, now());
	for (int i = 0; i < n; i++)
		printf(" %d", pids[i]);
	printf("\n");
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0)
		;
	kill(0, SIGKILL);
}
