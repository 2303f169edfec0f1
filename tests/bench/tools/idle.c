/* The least that a service can be: says that it is ready, if somebody wants to know, and waits for a signal. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (name && strlen(name) < sizeof to.sun_path) {
		memcpy(to.sun_path, name, strlen(name));
		if (name[0] == '@')
			to.sun_path[0] = 0;
		sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "READY=1", 7, 0, (struct sockaddr *)&to,
		       offsetof(struct sockaddr_un, sun_path) + strlen(name));
	}
	pause();
	return 0;
}
