/*
 * As much of a Kubernetes client as the stand-ins of Citadel and of the sidecar
 * injector need: HTTP/1.0 over TLS, one connection a request.
 */
#include "api.h"
#include "standin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"

enum { MAX_ANSWER = 32 << 20, MAX_WATCHES = 4, TIMEOUT_SECONDS = 10, RELIST_MS = 60000 };

struct link {
	int fd;
	SSL *ssl;
};

static SSL_CTX *context(void)
{
	static SSL_CTX *kept;

	if (kept)
		return kept;
	kept = SSL_CTX_new(TLS_client_method());
	if (!kept || SSL_CTX_load_verify_locations(kept, ACCOUNT "ca.crt", NULL) != 1) {
		say("no CA of the API server at %s: is this a pod with a ServiceAccount?", ACCOUNT "ca.crt");
		exit(1);
	}
	SSL_CTX_set_verify(kept, SSL_VERIFY_PEER, NULL);
	return kept;
}

static void unlink_server(struct link *link)
{
	if (link->ssl)
		SSL_free(link->ssl);
	if (link->fd >= 0)
		close(link->fd);
	*link = (struct link){.fd = -1};
}

static int connect_tcp(const char *host, const char *port)
{
	struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
	int is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
	struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	int fd;

	if (!is_v4 && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return -1;
	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, address, is_v4 ? sizeof v4 : sizeof v6) == 0)
		return fd;
	close(fd);
	return -1;
}

static int link_server(struct link *link)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");

	*link = (struct link){.fd = host && port ? connect_tcp(host, port) : -1};
	if (link->fd < 0)
		return -1;
	link->ssl = SSL_new(context());
	if (link->ssl && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->ssl), host) == 1 &&
	    SSL_set_fd(link->ssl, link->fd) == 1 && SSL_connect(link->ssl) == 1)
		return 0;
	say("no TLS with the API server: %s", ERR_error_string(ERR_peek_last_error(), NULL));
	ERR_clear_error();
	unlink_server(link);
	return -1;
}

/* The token may be renewed at any time: read for each request. */
static int send_request(struct link *link, const char *method, const char *path, const char *type, const char *body)
{
	char token[4096] = "", head[6144];
	size_t length = body ? strlen(body) : 0;
	FILE *file = fopen(ACCOUNT "token", "re");
	int n;

	if (file) {
		token[fread(token, 1, sizeof token - 1, file)] = '\0';
		fclose(file);
	}
	token[strcspn(token, "\r\n")] = '\0';
	n = snprintf(head, sizeof head, "%s %s HTTP/1.0\r\nHost: kubernetes.default.svc\r\n"
		     "User-Agent: istio-stand-in\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\n"
		     "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
		     method, path, token, type ? type : "application/json", length);
	if (n < 0 || (size_t)n >= sizeof head || SSL_write(link->ssl, head, n) != n)
		return -1;
	return length && SSL_write(link->ssl, body, (int)length) != (int)length ? -1 : 0;
}

/* HTTP/1.0: the answer ends where the connection does. */
static char *read_all(struct link *link)
{
	size_t used = 0, room = 65536;
	char *text = malloc(room), *more;
	int n;

	while (text && (n = SSL_read(link->ssl, text + used, (int)(room - used - 1))) > 0) {
		used += (size_t)n;
		if (room - used > 1)
			continue;
		room *= 2;
		more = room > MAX_ANSWER ? NULL : realloc(text, room);
		if (!more)
			free(text);
		text = more;
	}
	ERR_clear_error();
	if (text)
		text[used] = '\0';
	return text;
}

json_t *api_call(const char *method, const char *path, const char *type, const json_t *body, int *status)
{
	struct link link;
	char *text = NULL, *content = body ? json_dumps(body, JSON_COMPACT) : NULL, *start;
	json_t *answer = NULL;

	*status = 0;
	if (link_server(&link) == 0 && send_request(&link, method, path, type, content) == 0)
		text = read_all(&link);
	if (text && sscanf(text, "HTTP/1.%*c %d", status) == 1) {
		start = strstr(text, "\r\n\r\n");
		answer = start ? json_loads(start + 4, 0, NULL) : NULL;
	}
	unlink_server(&link);
	free(content);
	free(text);
	return answer;
}

static int open_watch(struct link *link, const char *path)
{
	char text[1024];
	int status, n;

	snprintf(text, sizeof text, "%s%cwatch=1&timeoutSeconds=300", path, strchr(path, '?') ? '&' : '?');
	if (link_server(link) != 0 || send_request(link, "GET", text, NULL, NULL) != 0)
		return -1;
	n = SSL_read(link->ssl, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	return sscanf(text, "HTTP/1.%*c %d", &status) == 1 && status == 200 ? 0 : -1;
}

/* What changed is of no interest, only that something did: the caller lists again.
 * A watch starts with all that is there, so the first moments' events are dropped
 * by reading until it is quiet. */
void api_wait(const char *const *paths)
{
	static struct link links[MAX_WATCHES];
	static int count;
	struct pollfd fds[MAX_WATCHES];
	char rest[16384];
	int opened = 0, ready;

	for (int i = 0; i < MAX_WATCHES && paths[i]; i++) {
		if (i < count && links[i].ssl)
			continue;
		opened = 1;
		if (open_watch(&links[i], paths[i]) != 0) {
			unlink_server(&links[i]);
			sleep(1);
		}
		count = i >= count ? i + 1 : count;
	}
	for (int i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = links[i].fd, .events = POLLIN};
	/* A change between the list and a new watch must not be missed: list again soon. */
	ready = poll(fds, (nfds_t)count, opened ? 300 : RELIST_MS);
	for (int i = 0; ready > 0 && i < count; i++) {
		if (!fds[i].revents)
			continue;
		do {
			if (SSL_read(links[i].ssl, rest, sizeof rest) <= 0) {
				ERR_clear_error();
				unlink_server(&links[i]);
				break;
			}
		} while (SSL_pending(links[i].ssl) > 0);
	}
	usleep(100000);
}

const char *api_string(const json_t *object, const char *const *keys)
{
	const char *text;

	for (; object && *keys; keys++)
		object = json_object_get(object, *keys);
	text = json_string_value(object);
	return text ? text : "";
}
