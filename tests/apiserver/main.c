/*
 * A process that serves virtual Kubernetes clusters, told by lines on its standard input (control.h), until that ends.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "control.h"
#include "net/loop.h"

static const char usage[] =
    "Usage: apiservers [OPTION...]\n"
    "Serves the virtual clusters `central` and `remote-0001`... at https://127.0.0.1:PORT/clusters/NAME.\n"
    "\n"
    "  --clusters N       remote ones (default: 1)\n"
    "  --port N           default: any that is free\n"
    "  --minor N          as Kubernetes 1.N (default: 20)\n"
    "  --kubeconfigs DIR  writes NAME.kubeconfig for each cluster into this folder\n"
    "  --ready-file FILE  written once it serves; holds the port\n"
    "\n"
    "Reads commands from standard input, and ends with it.\n";

struct arguments {
    int64_t clusters, port, minor;
    const char *kubeconfigs, *ready_file;
};

static bool parse(int argc, char **argv, struct arguments *ret)
{
    static const struct option options[] = {
        {"clusters", required_argument, NULL, 'c'},   {"port", required_argument, NULL, 'p'},
        {"minor", required_argument, NULL, 'm'},      {"kubeconfigs", required_argument, NULL, 'k'},
        {"ready-file", required_argument, NULL, 'r'}, {0},
    };
    int option;
    bool good = true;

    *ret = (struct arguments){.clusters = 1, .minor = 20};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            good = good && str_to_int64(optarg, &ret->clusters) && ret->clusters >= 0 && ret->clusters < 10000;
            break;
        case 'p':
            good = good && str_to_int64(optarg, &ret->port) && ret->port >= 0 && ret->port < 65536;
            break;
        case 'm':
            good = good && str_to_int64(optarg, &ret->minor) && ret->minor > 0 && ret->minor < 100;
            break;
        case 'k':
            ret->kubeconfigs = optarg;
            break;
        case 'r':
            ret->ready_file = optarg;
            break;
        default:
            return false;
        }
    }
    return good && optind == argc;
}

static int write_file(const char *path, const char *text, struct err *e)
{
    FILE *f = fopen(path, "we");
    int failed;

    if (!f)
        return err_errno(e, errno, "%s", path);
    failed = fputs(text, f) < 0;
    return fclose(f) != 0 || failed ? err_errno(e, errno, "%s", path) : 0;
}

static int add_cluster(struct apiserver *a, const char *name, const char *folder, struct err *e)
{
    _cleanup_free_ char *kubeconfig = NULL, *path = NULL;

    apiserver_add(a, name);
    if (!folder)
        return 0;
    kubeconfig = apiserver_kubeconfig(a, name);
    path = str_printf("%s/%s.kubeconfig", folder, name);
    return write_file(path, kubeconfig, e);
}

static int add_clusters(struct apiserver *a, const struct arguments *arguments, struct err *e)
{
    if (arguments->kubeconfigs && mkdir(arguments->kubeconfigs, 0700) < 0 && errno != EEXIST)
        return err_errno(e, errno, "%s", arguments->kubeconfigs);
    if (add_cluster(a, "central", arguments->kubeconfigs, e) < 0)
        return -1;
    for (int64_t i = 1; i <= arguments->clusters; i++) {
        _cleanup_free_ char *name = str_printf("remote-%04d", (int)i);
        if (add_cluster(a, name, arguments->kubeconfigs, e) < 0)
            return -1;
    }
    return 0;
}

static void on_command(struct bufferevent *io, void *context)
{
    char *line;

    while ((line = evbuffer_readln(bufferevent_get_input(io), NULL, EVBUFFER_EOL_LF))) {
        _cleanup_buf_ struct buf answer = BUF_INIT;
        control_command(context, line, &answer);
        fputs(buf_str(&answer), stdout);
        fflush(stdout);
        free(line);
    }
}

static void on_input_end(struct bufferevent *io, short what, void *context)
{
    (void)what;
    (void)context;
    event_base_loopbreak(bufferevent_get_base(io));
}

static int serve(const struct arguments *arguments, struct event_base *loop, struct err *e)
{
    _cleanup_apiserver_ struct apiserver *a = NULL;
    _cleanup_free_ char *port = NULL;
    struct bufferevent *input;

    if (apiserver_new(loop, (int)arguments->port, (int)arguments->minor, &a, e) < 0 ||
        add_clusters(a, arguments, e) < 0)
        return -1;
    port = str_printf("%d\n", apiserver_port(a));
    if (arguments->ready_file && write_file(arguments->ready_file, port, e) < 0)
        return -1;
    input = bufferevent_socket_new(loop, STDIN_FILENO, 0);
    bufferevent_setcb(input, on_command, NULL, on_input_end, a);
    bufferevent_enable(input, EV_READ);
    event_base_dispatch(loop);
    bufferevent_free(input);
    return 0;
}

/* A connection for each cluster. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct event_base *loop;
    struct err e;
    int result;

    if (!parse(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    loop = event_base_new();
    result = serve(&arguments, loop, &e);
    if (result < 0)
        fprintf(stderr, "apiservers: %s\n", e.text);
    loop_free(loop);
    return result < 0 ? 1 : 0;
}
