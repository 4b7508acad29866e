/*
 * Stands in for every program of an Istio 1.0 or 1.1 control plane where Istio's images
 * cannot be had. It is there under each path that an Istio container runs or probes,
 * acts by the name it was called by, answers the probes, and waits for SIGTERM.
 * It carries no traffic and configures no proxy.
 */
#define _GNU_SOURCE
#include "standin.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

enum { MAX_PORTS = 4 };

struct role {
	const char *program;         /* last part of the path it is called by */
	const char *component;       /* what it stands in for */
	int ports[MAX_PORTS];        /* HTTP ports: probes and metrics */
	void (*work)(void);          /* what it does besides, in a process of its own */
};

/* Ports above 1024 alone: some of these run as a user who may not open others. */
static const struct role roles[] = {
	{"pilot-discovery", "Pilot", {8080, 15010, 9093, 15014}, pilot_run},
	{"mixs", "Mixer", {9093, 15014, 42422}, NULL},
	{"galley", "Galley", {9093, 15014, 9901}, NULL},
	{"istio_ca", "Citadel", {8060, 9093, 15014}, citadel_run},
	{"sidecar-injector", "the sidecar injector", {0}, injector_run},
	{"pilot-agent", "the proxy's agent", {15090, 15020}, NULL},
	{"envoy", "Envoy", {15090}, NULL},
	{"node_agent_k8s", "the node agent", {0}, NULL},
	{"install-cni.sh", "the installer of the CNI plugin", {0}, NULL},
	{"pause", "the pod sandbox", {0}, NULL},
};

static const char reply[] = "HTTP/1.1 200 OK\r\n"
	"Content-Type: text/plain\r\nContent-Length: 8\r\nConnection: close\r\n\r\nstandin\n";

static char **arguments;

const char *option(const char *name)
{
	size_t length = strlen(name);

	for (char **argument = arguments; *argument; argument++)
		if (strncmp(*argument, "--", 2) == 0 && strncmp(*argument + 2, name, length) == 0 &&
		    (*argument)[2 + length] == '=')
			return *argument + 2 + length + 1;
	return NULL;
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static const struct role *role_of(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(name, roles[i].program) == 0)
			return &roles[i];
	return NULL;
}

int listen_on(int port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int one = 1;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A machine without IPv6 has no dual-stack socket: fall back to IPv4. */
	if (fd < 0) {
		struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -1;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (struct sockaddr *)&v4, sizeof v4) == 0 && listen(fd, 64) == 0)
			return fd;
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 64) == 0)
			return fd;
	}
	say("port %d is left alone: %s", port, strerror(errno));
	close(fd);
	return -1;
}

/* One small request, one fixed answer. A slow or silent client is cut off. */
static void answer(int listener)
{
	struct timeval limit = {.tv_sec = 1};
	char request[2048];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (recv(fd, request, sizeof request, 0) > 0)
		send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
}

/* Waits for the signal to end, and reaps children: as process 1 nobody else does. */
static int serve(const struct role *role, const sigset_t *signals, pid_t work)
{
	struct pollfd fds[MAX_PORTS + 1] = {{.fd = signalfd(-1, signals, SFD_CLOEXEC), .events = POLLIN}};
	nfds_t count = 1;

	for (int i = 0; i < MAX_PORTS && role->ports[i]; i++) {
		int fd = listen_on(role->ports[i]);

		if (fd >= 0)
			fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	for (;;) {
		struct signalfd_siginfo info;

		if (poll(fds, count, -1) < 0 && errno != EINTR)
			return 1;
		for (nfds_t i = 1; i < count; i++)
			if (fds[i].revents & POLLIN)
				answer(fds[i].fd);
		if (!(fds[0].revents & POLLIN) || read(fds[0].fd, &info, sizeof info) != sizeof info)
			continue;
		if (info.ssi_signo != SIGCHLD) {
			say("stand-in for %s ends", role->component);
			return 0;
		}
		for (pid_t child; (child = waitpid(-1, NULL, WNOHANG)) > 0;)
			if (child == work)
				return 1; /* the kubelet starts us again */
	}
}

static pid_t start_work(const struct role *role, const sigset_t *signals)
{
	pid_t child = role->work ? fork() : 0;

	if (role->work && child == 0) {
		sigprocmask(SIG_UNBLOCK, signals, NULL);
		role->work();
		_exit(1);
	}
	return child;
}

int main(int argc, char **argv)
{
	const struct role *role = role_of(argv[0]);
	sigset_t signals;

	arguments = argv;
	/* proxy_init's script is an init container: its work is done when it ends. */
	if (!role) {
		say("stand-in called as %s: nothing to do", argv[0]);
		return 0;
	}
	/* Exec probes: that this runs at all is the answer. */
	if (argc > 1 && strcmp(argv[1], "probe") == 0)
		return 0;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	say("stand-in for %s: no traffic is handled here", role->component);
	return serve(role, &signals, start_work(role, &signals));
}
