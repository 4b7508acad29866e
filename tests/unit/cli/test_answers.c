/*
 * The program against servers that are no API server, or one that falls silent: it names the server and the request,
 * and ends in time.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../kube/server.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/loop.h"

static const char *program;

struct run {
    struct server server;
    struct event_base *loop;
    char folder[32];
    char *kubeconfig, *file, *output;
};

static char *write_file(const struct run *r, const char *name, const char *text)
{
    char *path = str_printf("%s/%s", r->folder, name);
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

static void run_start(struct run *r, const struct server_answer *answers)
{
    _cleanup_free_ char *kubeconfig = NULL;

    *r = (struct run){.loop = event_base_new(), .folder = "/tmp/answersXXXXXX"};
    assert_non_null(mkdtemp(r->folder));
    server_start(&r->server, r->loop, answers, NULL, NULL);
    kubeconfig = str_printf(
        "{\"current-context\": \"c\", \"contexts\": [{\"name\": \"c\", \"context\": {\"cluster\": \"c\", \"user\": "
        "\"u\"}}], \"clusters\": [{\"name\": \"c\", \"cluster\": {\"server\": \"http://127.0.0.1:%d\"}}], \"users\": "
        "[{\"name\": \"u\", \"user\": {}}]}",
        r->server.port);
    r->kubeconfig = write_file(r, "kubeconfig", kubeconfig);
    r->file =
        write_file(r, "istio.yaml", "apiVersion: istio.banzaicloud.io/v1beta1\nkind: Istio\nmetadata: {name: istio}\n");
    r->output = write_file(r, "output", "");
}

static void run_stop(struct run *r)
{
    char *const files[] = {r->kubeconfig, r->file, r->output};

    server_stop(&r->server);
    loop_free(r->loop);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        unlink(files[i]);
        free(files[i]);
    }
    rmdir(r->folder);
}

/* The exit code; what the program says on standard error is in `ret`. */
static int run_program(struct run *r, char *const *arguments, char *ret, size_t size)
{
    char *const environment[] = {(char *)"PATH=/bin", NULL};
    posix_spawn_file_actions_t actions;
    ssize_t len;
    int status;
    pid_t pid;
    FILE *f;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, r->output, O_WRONLY | O_TRUNC, 0600);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, arguments, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        event_base_loopexit(r->loop, &(struct timeval){.tv_usec = 10000});
        event_base_dispatch(r->loop);
    }
    f = fopen(r->output, "re");
    assert_non_null(f);
    len = (ssize_t)fread(ret, 1, size - 1, f);
    ret[len] = '\0';
    fclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(struct run *r, const char *command, const char *message)
{
    char *const status[] = {(char *)program, (char *)"status",      (char *)"--kubeconfig",
                            r->kubeconfig,   (char *)"--timeout=1", NULL};
    char *const diff[] = {(char *)program, (char *)"diff", (char *)"--kubeconfig", r->kubeconfig,
                          (char *)"-f",    r->file,        (char *)"--timeout=1",  NULL};
    _cleanup_free_ char *expected =
        str_printf("istio-operator %s: http://127.0.0.1:%d: %s", command, r->server.port, message);
    char said[4096];
    msec_t began = clock_now_monotonic();
    int code = run_program(r, str_eq(command, "diff") ? diff : status, said, sizeof(said));

    if (!str_starts(said, expected))
        fail_msg("%s says \"%s\", expected was \"%s\"", command, said, expected);
    assert_true(code == 6 || code == 7);
    assert_true(clock_now_monotonic() - began < SECONDS(10));
}

#define HTTP(status, type, body)                                                                                       \
    .bytes = "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nConnection: close\r\n" body, .close = true
#define JSON(text) HTTP("200 OK", "application/json", "\r\n" text)
#define VERSION                                                                                                        \
    {                                                                                                                  \
        "/version", JSON("{\"major\": \"1\", \"minor\": \"20\", \"gitVersion\": \"v1.20.2\"}")                         \
    }

static void what_is_no_api_server_is_named_with_the_request(void **state)
{
    static const struct {
        struct server_answer answer;
        const char *message;
    } cases[] = {
        {{"/", HTTP("302 Found", "text/html", "Location: https://login.example.com/\r\n\r\n")},
         "HTTP 302: redirections are not followed (GET /version)"},
        {{"/", HTTP("200 OK", "text/html", "\r\n<!doctype html>")}, "the answer to GET /version is not JSON"},
        {{"/", HTTP("200 OK", "application/json", "\r\n")}, "the answer to GET /version is not JSON"},
        {{"/", JSON("{\"a\":")}, "the answer to GET /version is not "},
        {{"/", JSON("{}")}, "the answer to GET /version is not that of a Kubernetes API server"},
        {{"/", JSON("[]")}, "the answer to GET /version is not that of a Kubernetes API server"},
        {{"/", JSON("{\"gitVersion\": 5}")}, "the answer to GET /version is not that of a Kubernetes API server"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct server_answer answers[] = {cases[i].answer, {NULL}};
        struct run r;
        run_start(&r, answers);
        expect(&r, "status", cases[i].message);
        expect(&r, "diff", cases[i].message);
        run_stop(&r);
    }
}

/* Not as of a cluster without a mesh. */
static void a_server_without_a_version_is_named(void **state)
{
    static const struct server_answer answers[] = {{"/", HTTP("404 Not Found", "text/html", "\r\n<!doctype html>")},
                                                   {NULL}};
    struct run r;

    (void)state;
    run_start(&r, answers);
    expect(&r, "status", "HTTP 404 (GET /version)");
    run_stop(&r);
}

static void a_list_that_is_none_is_no_empty_cluster(void **state)
{
    static const struct server_answer answers[] = {VERSION, {"/apis/", JSON("{}")}, {NULL}};
    struct run r;

    (void)state;
    run_start(&r, answers);
    expect(&r, "status", "the answer to GET /apis/istio.banzaicloud.io/v1beta1/istios is not a list");
    run_stop(&r);
}

/* It is written, which does not mean that it is done. */
static void a_command_to_a_canary_waits_for_the_operator(void **state)
{
    static const struct server_answer answers[] = {
        {"/apis/", JSON("{\"metadata\": {\"name\": \"cart\"}, \"status\": {\"command\": \"abort@1\"}}")}, {NULL}};
    char said[4096];
    struct run r;

    (void)state;
    run_start(&r, answers);
    {
        char *const abort_it[] = {(char *)program,        (char *)"canary", (char *)"abort",       (char *)"cart",
                                  (char *)"--kubeconfig", r.kubeconfig,     (char *)"--timeout=1", NULL};
        int code = run_program(&r, abort_it, said, sizeof(said));
        if (code != 6 || !strstr(said, "the command is written, but the operator has not taken it within 1 s"))
            fail_msg("exit code %d: %s", code, said);
    }
    run_stop(&r);
}

/* Wherever the server falls silent, or does not come to an end. */
static void status_ends_within_its_time(void **state)
{
    static const struct server_answer cases[][4] = {
        {{"/"}, {NULL}},
        {VERSION, {"/"}, {NULL}},
        {VERSION,
         {"/apis", .bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", .then = " ", .repeat = 1000},
         {NULL}},
    };
    static const char *const messages[] = {
        "no answer to GET /version within 1 s",
        "no answer to GET /apis/istio.banzaicloud.io/v1beta1/istios within 1 s",
        "no answer to GET /apis/istio.banzaicloud.io/v1beta1/istios within 1 s",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;
        run_start(&r, cases[i]);
        expect(&r, "status", messages[i]);
        run_stop(&r);
    }
}

/* Wherever the server falls silent. */
static void diff_ends_within_its_time(void **state)
{
    static const struct server_answer cases[][8] = {
        {{"/"}, {NULL}},
        {VERSION, {"/"}, {NULL}},
        /* all is read but single objects */
        {VERSION,
         {"/apis", JSON("{\"groups\": []}")},
         {"/api/v1/namespaces/istio-system/"},
         {"/api/v1/", JSON("{\"kind\": \"List\", \"metadata\": {\"resourceVersion\": \"1\"}, \"items\": []}")},
         {"/api/v1",
          JSON("{\"resources\": [{\"name\": \"configmaps\", \"kind\": \"ConfigMap\", \"namespaced\": true}]}")},
         {NULL}},
    };
    static const char *const messages[] = {
        "no answer to GET /version within 1 s",
        "not synced with the cluster within 1 s",
        "no answer about ConfigMap istio within 1 s",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;
        run_start(&r, cases[i]);
        expect(&r, "diff", messages[i]);
        run_stop(&r);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_api_server_is_named_with_the_request),
        cmocka_unit_test(a_server_without_a_version_is_named),
        cmocka_unit_test(a_list_that_is_none_is_no_empty_cluster),
        cmocka_unit_test(a_command_to_a_canary_waits_for_the_operator),
        cmocka_unit_test(status_ends_within_its_time),
        cmocka_unit_test(diff_ends_within_its_time),
    };

    program = argc > 1 ? argv[1] : NULL;
    return program ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
