/* The proxy as a program. */
#include <event2/buffer.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/config.h"
#include "net/loop.h"
#include "proxy.h"

static void print_usage(FILE *out)
{
    struct buf faults = BUF_INIT;

    rules_describe(&faults);
    fprintf(
        out,
        "Usage: proxy --kubeconfig FILE --write FILE [--raw] [--seed N] [RULE...]\n\n"
        "Stands before the server of a kubeconfig, on 127.0.0.1, and does harm by rule. Writes a kubeconfig for the\n"
        "way through it. Its first line is \"ready PORT\". Then it takes a line at a time from standard input and\n"
        "answers each with one that begins with \"ok\" or \"error\", until the input ends:\n"
        "  rule RULE     one more rule\n"
        "  clear         no rules any more\n"
        "  reset         reset all connections of this moment\n"
        "  stats         connections, requests and faults until now\n\n"
        "A rule is a fault and settings: answer code=429 retry-after=1 method=POST path=/api/v1/* p=0.5 count=3\n%s",
        buf_str(&faults));
    buf_release(&faults);
}

struct program {
    struct event_base *loop;
    struct proxy *proxy;
    struct evbuffer *input;
};

static void obey(struct program *program, const char *line)
{
    struct err e;

    if (str_starts(line, "rule ")) {
        if (proxy_rule(program->proxy, line + 5, &e) < 0)
            printf("error %s\n", e.text);
        else
            printf("ok\n");
    } else if (str_eq(line, "clear")) {
        proxy_clear(program->proxy);
        printf("ok\n");
    } else if (str_eq(line, "reset")) {
        proxy_reset(program->proxy);
        printf("ok\n");
    } else if (str_eq(line, "stats")) {
        struct proxy_stats stats = proxy_stats(program->proxy);
        printf("ok %llu %llu %llu\n", (unsigned long long)stats.connections, (unsigned long long)stats.requests,
               (unsigned long long)stats.faults);
    } else {
        printf("error there is no \"%s\"\n", line);
    }
    fflush(stdout);
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
    struct program *program = context;
    char *line;

    (void)what;
    if (evbuffer_read(program->input, fd, -1) <= 0) {
        event_base_loopbreak(program->loop);
        return;
    }
    while ((line = evbuffer_readln(program->input, NULL, EVBUFFER_EOL_LF))) {
        obey(program, line);
        free(line);
    }
}

/* "https://127.0.0.1:6443" */
static int split_server(const char *server, char **ret_host, int *ret_port, struct err *e)
{
    const char *host = strstr(server, "://"), *colon = host ? strrchr(host + 3, ':') : NULL;
    int64_t port;

    if (!colon || !str_to_int64(colon + 1, &port) || port < 1 || port > 65535)
        return err_set(e, ERR_INVALID, "the server \"%s\" is not of the form https://ADDRESS:PORT", server);
    *ret_host = str_dup_n(host + 3, (size_t)(colon - host - 3));
    *ret_port = (int)port;
    return 0;
}

/* The same user, another way. Only a token gets through where TLS ends here. */
static int write_kubeconfig(const struct proxy *proxy, const struct kube_config *config, const char *path,
                            struct err *e)
{
    const char *authority = proxy_ca(proxy) ? proxy_ca(proxy) : config->ca_pem;
    _cleanup_free_ char *ca = base64_encode(authority, strlen(authority));
    _cleanup_json_ json_t *kubeconfig = NULL;
    _cleanup_free_ char *text = NULL;
    FILE *f;

    if (!config->token)
        return err_set(e, ERR_INVALID, "the kubeconfig has no token, which is all that gets through a proxy");
    kubeconfig = OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Config"), STRING("current-context", "proxy"),
                        SEQ("contexts", ITEM(STRING("name", "proxy"),
                                             MAP("context", STRING("cluster", "proxy"), STRING("user", "proxy"),
                                                 STRING("namespace", config->namespace)))),
                        SEQ("clusters", ITEM(STRING("name", "proxy"),
                                             MAP("cluster", FORMAT("server", "https://127.0.0.1:%d", proxy_port(proxy)),
                                                 STRING("certificate-authority-data", ca)))),
                        SEQ("users", ITEM(STRING("name", "proxy"), MAP("user", STRING("token", config->token)))));
    text = doc_text(kubeconfig);
    f = fopen(path, "we");
    if (!f)
        return err_set(e, ERR_INTERNAL, "%s cannot be written", path);
    fputs(text, f);
    fclose(f);
    return 0;
}

static int start(struct program *program, const char *kubeconfig, const char *path, struct proxy_options options,
                 char *const *rules, struct err *e)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    _cleanup_free_ char *host = NULL;

    if (kube_config_load(kubeconfig, NULL, &config, e) < 0 || split_server(config->server, &host, &options.port, e) < 0)
        return -1;
    if (!config->ca_pem)
        return err_set(e, ERR_INVALID, "%s: certificate-authority-data is missing", kubeconfig);
    options.host = host;
    options.upstream_ca = config->ca_pem;
    if (proxy_new(program->loop, &options, &program->proxy, e) < 0)
        return -1;
    for (; *rules; rules++)
        if (proxy_rule(program->proxy, *rules, e) < 0)
            return -1;
    return write_kubeconfig(program->proxy, config, path, e);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"kubeconfig", required_argument, NULL, 'k'},
        {"write", required_argument, NULL, 'w'},
        {"raw", no_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct program program = {.loop = event_base_new(), .input = evbuffer_new()};
    const char *kubeconfig = NULL, *path = NULL;
    struct proxy_options desired = {.seed = 1};
    struct event *input;
    struct err e;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        int64_t seed;
        if (option == 'k')
            kubeconfig = optarg;
        else if (option == 'w')
            path = optarg;
        else if (option == 'r')
            desired.raw = true;
        else if (option == 's' && str_to_int64(optarg, &seed) && seed > 0)
            desired.seed = (uint64_t)seed;
        else {
            print_usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (!kubeconfig || !path) {
        print_usage(stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (start(&program, kubeconfig, path, desired, argv + optind, &e) < 0) {
        fprintf(stderr, "proxy: %s\n", e.text);
        return 1;
    }
    printf("ready %d\n", proxy_port(program.proxy));
    fflush(stdout);
    input = event_new(program.loop, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &program);
    event_add(input, NULL);
    event_base_dispatch(program.loop);
    event_free(input);
    proxy_free(program.proxy);
    evbuffer_free(program.input);
    loop_free(program.loop);
    return 0;
}
