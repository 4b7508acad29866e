#include "listener.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/http_server.h"
#include "wait.h"

#define TO_LISTEN SECONDS(10)

static void on_post(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    struct listener *l = context;
    int at = atomic_load(&l->count);
    bool is_gate = request->path.len == strlen("/gate") && strncmp(request->path.at, "/gate", request->path.len) == 0;

    if (at < LISTENER_POSTS) {
        struct listener_post *post = &l->posts[at];
        snprintf(post->path, sizeof(post->path), "%.*s", (int)request->path.len, request->path.at);
        snprintf(post->body, sizeof(post->body), "%.*s", (int)request->body_len, request->body);
        atomic_store(&l->count, at + 1);
    }
    http_answer_text(exchange, is_gate ? atomic_load(&l->gate) : 200, "heard");
}

/* Not back. */
static void listen_on(struct listener *l)
{
    const struct http_server_options options = {
        .address = "127.0.0.1:0", .body_max = 64 * 1024, .handle = on_post, .context = l};
    struct event_base *loop = event_base_new();
    struct http_server *server;
    struct err e;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (http_server_new(loop, &options, &server, &e) < 0)
        _exit(1);
    l->port = http_server_port(server);
    event_base_loop(loop, EVLOOP_NO_EXIT_ON_EMPTY);
    _exit(0);
}

static bool listens(void *context)
{
    const volatile struct listener *l = context;

    return l->port > 0;
}

struct listener *listener_start(void)
{
    struct listener *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t process;

    assert_true(l != MAP_FAILED);
    atomic_store(&l->gate, 403);
    process = fork();
    assert_true(process >= 0);
    if (process == 0)
        listen_on(l);
    l->process = process;
    wait_until(listens, l, TO_LISTEN, "the server of webhooks listens");
    return l;
}

void listener_end(struct listener *l)
{
    kill(l->process, SIGKILL);
    waitpid(l->process, NULL, 0);
    munmap(l, sizeof(*l));
}

json_t *listener_posts(const struct listener *l, const char *path)
{
    json_t *all = json_array();

    for (int i = 0; i < atomic_load(&l->count); i++)
        if (str_eq(l->posts[i].path, path)) {
            json_t *document = json_loads(l->posts[i].body, 0, NULL);
            assert_non_null(document);
            json_array_append_new(all, document);
        }
    return all;
}
