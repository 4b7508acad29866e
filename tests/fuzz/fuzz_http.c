/*
 * A client's bytes at the HTTP server, over a socket, in pieces that form feeds divide: whatever they are, the
 * connection ends, every handled request was whole, and the next client is served.
 */
#include "fuzz.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/http_server.h"

#define BODY_MAX 512
#define TURNS_MAX 5000

static struct event_base *loop;
static struct http_server *server;
static size_t handled;

static void handle(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    (void)context;
    MUST(request->method.len > 0 && request->path.len > 0 && request->body_len <= BODY_MAX);
    handled++;
    http_answer(exchange, 200, "text/plain", request->body, request->body_len);
}

static void start_once(void)
{
    const struct http_server_options options = {
        .address = "127.0.0.1:0", .connections_max = 4, .body_max = BODY_MAX, .handle = handle};
    struct err e;

    if (server)
        return;
    loop = event_base_new();
    MUST(http_server_new(loop, &options, &server, &e) == 0);
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(fd >= 0);
    /* libFuzzer's alarm, by which it sees whether an input takes too long, interrupts. */
    MUST(TEMP_FAILURE_RETRY(connect(fd, (struct sockaddr *)&address, sizeof(address))) == 0);
    return fd;
}

/* Until the server has closed, which it does once the client's end is there. */
static void drain(int fd)
{
    char data[4096];
    ssize_t n = 1;

    for (int i = 0; i < TURNS_MAX && n != 0; i++) {
        event_base_loop(loop, EVLOOP_NONBLOCK);
        n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
        if (n < 0 && errno == ECONNRESET)
            n = 0;
    }
    MUST(n == 0);
}

static void talk(const char *text, size_t len)
{
    struct fuzz_input in = {text, len};
    int fd = dial();

    while (in.left) {
        size_t part_len;
        _cleanup_free_ char *part = fuzz_next(&in, &part_len);
        /* It may have closed already. */
        if (send(fd, part, part_len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            break;
        event_base_loop(loop, EVLOOP_NONBLOCK);
    }
    shutdown(fd, SHUT_WR);
    drain(fd);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char good[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    start_once();
    talk((const char *)data, size);
    handled = 0;
    talk(good, strlen(good));
    MUST(handled == 1);
    event_base_loop(loop, EVLOOP_NONBLOCK);
    MUST(http_server_connections(server) == 0);
    return 0;
}
