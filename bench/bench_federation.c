/*
 * Federation at scale: one operator, a virtual central cluster and as many remote ones as asked for, all of them served
 * by tests/apiserver. Run by `make bench-federation`; every figure is measured again in each run.
 *
 *   bench_federation APISERVERS REMOTES...
 *
 * TEST_OPERATOR is the operator's program, TEST_OUTPUT a folder.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/cluster/harness.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "net/loop.h"
#include "shared.h"

#define PARALLEL 32
#define RAW_REQUESTS 5000
#define CHANGES 5
#define AT_REST_SECONDS 60
#define TO_JOIN SECONDS(1200)
#define TO_CHANGE SECONDS(300)
#define OUTPUT_MAX ((size_t)8 * 1024 * 1024)

static const char *apiservers_program;
static char **sizes;

/* The process that serves the clusters. */
static struct {
    pid_t pid;
    FILE *commands, *answers;
    char *folder;
} servers;

static bool servers_are_ready(void *ready_file)
{
    assert_int_equal(waitpid(servers.pid, NULL, WNOHANG), 0);
    return access(ready_file, R_OK) == 0;
}

static void servers_start(int64_t remotes)
{
    _cleanup_free_ char *count = str_printf("%" PRId64, remotes), *ready = NULL;
    int in[2], out[2];

    servers.folder = str_printf("%s/federation-%" PRId64, getenv("TEST_OUTPUT"), remotes);
    ready = str_printf("%s/ready", servers.folder);
    unlink(ready);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    servers.pid = fork();
    if (servers.pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execl(
            apiservers_program,
            apiservers_program,
            "--clusters",
            count,
            "--kubeconfigs",
            servers.folder,
            "--ready-file",
            ready,
            NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    servers.commands = fdopen(in[1], "w");
    servers.answers = fdopen(out[0], "r");
    wait_until(servers_are_ready, ready, PATIENCE, "the virtual clusters are served");
}

static void servers_stop(void)
{
    fclose(servers.commands);
    fclose(servers.answers);
    waitpid(servers.pid, NULL, 0);
    free(servers.folder);
}

/* Owned by the caller. */
static char *ask(const char *command)
{
    char *line = NULL;
    size_t size = 0;

    fprintf(servers.commands, "%s\n", command);
    fflush(servers.commands);
    assert_true(getline(&line, &size, servers.answers) > 0);
    return line;
}

/* The number behind a word of what `count` answers. */
static int64_t counted(const char *word)
{
    _cleanup_free_ char *line = ask("count");
    const char *at = strstr(line, word);

    assert_non_null(at);
    return strtol(at + strlen(word), NULL, 10);
}

static char *kubeconfig_path(const char *cluster)
{
    return str_printf("%s/%s.kubeconfig", servers.folder, cluster);
}

static void connect_to_central(void)
{
    struct kube_config *config;
    struct err e;

    h.operator_kubeconfig = kubeconfig_path("central");
    h.loop = event_base_new();
    if (kube_config_load(h.operator_kubeconfig, NULL, &config, &e) < 0 ||
        kube_client_new(h.loop, config, NULL, &h.client, &e) < 0)
        fail_msg("%s", e.text);
    kube_config_free(config);
}

/* All that the program prints as its definitions, whatever those are. */
static void install_definitions(void)
{
    _cleanup_free_ char *path = str_printf("%s/crds.yaml", servers.folder), *text = NULL;
    _cleanup_free_ char *command = str_printf("%s crds > %s", getenv("TEST_OPERATOR"), path);
    _cleanup_json_ json_t *ns = OBJECT(MAP("metadata", STRING("name", NS)));
    struct yaml_documents documents;
    struct err e;

    assert_int_equal(run_shell(command), 0);
    text = bench_contents(path);
    if (yaml_parse(path, text, strlen(text), OUTPUT_MAX, &documents, &e) < 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < documents.len; i++)
        cluster_create(kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), documents.items[i].value);
    yaml_documents_release(&documents);
    cluster_create(NAMESPACE, ns);
    pause_ms(5000);
}

/* --- requests, many at a time --- */

struct batch {
    struct net_request (*make)(size_t i);
    size_t next, under_way, count;
};

static void pour(struct batch *b);

static void on_answer(void *context, const struct net_response *response, const struct err *e)
{
    struct batch *b = context;

    (void)response;
    if (e)
        fail_msg("%s", e->text);
    b->under_way--;
    pour(b);
}

static void pour(struct batch *b)
{
    while (b->under_way < PARALLEL && b->next < b->count) {
        struct net_request request = b->make(b->next++);
        b->under_way++;
        net_client_send(h.client, &request, NULL, on_answer, b);
    }
    if (!b->under_way)
        event_base_loopbreak(h.loop);
}

/* Seconds that they took. */
static double send_all(struct net_request (*make)(size_t i), size_t count)
{
    struct batch b = {.make = make, .count = count};
    int64_t began = clock_now_usec();

    pour(&b);
    event_base_dispatch(h.loop);
    return (double)(clock_now_usec() - began) / 1e6;
}

static struct net_request read_namespace(size_t i)
{
    (void)i;
    return kube_request_get(NAMESPACE, "v1", NULL, NS);
}

static struct net_request create_secret(size_t i)
{
    _cleanup_free_ char *name = str_printf("remote-%04zu", i + 1), *path = kubeconfig_path(name);
    _cleanup_free_ char *kubeconfig = bench_contents(path);

    return bench_kubeconfig_request(name, kubeconfig);
}

static struct net_request create_remote(size_t i)
{
    _cleanup_free_ char *name = str_printf("remote-%04zu", i + 1);

    return bench_remote_request(name);
}

/* --- the figures --- */

static void figure(const char *what, double value, const char *unit)
{
    printf("  %-60s %10.2f %s\n", what, value, unit);
    fflush(stdout);
}

static size_t available_remotes(void)
{
    _cleanup_json_ json_t *items = cluster_list(&bench_remote_istio, NULL);
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(items); i++)
        count += str_eq(doc_string(json_array_get(items, i), "status", "Status"), "Available");
    return count;
}

static bool all_are_available(void *context)
{
    size_t joined = available_remotes(), all = *(const size_t *)context;

    wait_saw("%zu of %zu are", joined, all);
    return joined >= all;
}

static double time_join(size_t remotes)
{
    int64_t began = clock_now_usec();

    send_all(create_remote, remotes);
    wait_until(all_are_available, &remotes, TO_JOIN, "all remote clusters are Available");
    return (double)(clock_now_usec() - began) / 1e6;
}

struct arrival {
    const char *command;
    size_t remotes;
    int64_t last;
};

static bool have_the_address(void *context)
{
    struct arrival *a = context;
    _cleanup_free_ char *answer = ask(a->command);
    char *end;
    size_t count = strtoul(answer, &end, 10);

    a->last = strtol(end, NULL, 10);
    wait_saw("%zu of %zu have it", count, a->remotes);
    return count >= a->remotes;
}

/* From its being ready to the last remote's Endpoints, in seconds. */
static double time_change(int number, size_t remotes)
{
    _cleanup_free_ char *name = str_printf("pilot-%d", number), *ip = str_printf("10.250.0.%d", number + 1);
    _cleanup_free_ char *command = str_printf("endpoints " NS " istio-pilot %s", ip);
    struct net_request request = bench_create_pilot(name, ip);
    struct arrival a = {command, remotes, 0};
    int64_t began;
    int status;
    struct err e;

    pause_ms(2000);
    began = clock_now_usec();
    if (net_client_wait(h.client, &request, NULL, &status, &e) < 0)
        fail_msg("%s", e.text);
    wait_until(have_the_address, &a, TO_CHANGE, "all remote clusters have the address");
    return (double)(a.last - began) / 1e6;
}

/* Of the operator, in seconds of processor time. */
static double processor_seconds(void)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/stat", (int)h.operator_pid), *text = bench_contents(path);
    _cleanup_strv_ char **words = str_split(strrchr(text, ')') + 2, ' ');

    return (double)(strtol(words[11], NULL, 10) + strtol(words[12], NULL, 10)) / (double)sysconf(_SC_CLK_TCK);
}

static void measure_servers(size_t remotes)
{
    int64_t alone = counted("rss_kb");
    double seconds = send_all(read_namespace, RAW_REQUESTS);

    figure("server: memory of an idle virtual cluster", (double)alone / (double)(remotes + 1), "kB");
    figure("server: reads a second, 32 at a time", RAW_REQUESTS / seconds, "/s");
}

static void measure_operator(size_t remotes)
{
    double changes[CHANGES], before;

    figure("to join all", time_join(remotes), "s");
    for (int i = 0; i < CHANGES; i++)
        changes[i] = time_change(i, remotes);
    figure("one endpoint change everywhere, median (goal at 1000: 2)", bench_median(changes, CHANGES), "s");
    figure("one endpoint change everywhere, longest", changes[CHANGES - 1], "s");
    pause_ms(5000);
    before = processor_seconds();
    pause_ms(AT_REST_SECONDS * 1000);
    figure(
        "settled, of one core over 60 s (goal at 1000: 2)",
        (processor_seconds() - before) * 100 / AT_REST_SECONDS,
        "%");
    figure("resident memory (goal at 1000: 500)", (double)operator_memory_kb() / 1024, "MB");
    figure("loop lag, the most there ever was", operator_metric("loop_lag_max_seconds") * 1000, "ms");
}

static void measure(size_t remotes)
{
    printf("%zu remote clusters\n", remotes);
    servers_start((int64_t)remotes);
    connect_to_central();
    install_definitions();
    bench_create_signing_certificate();
    measure_servers(remotes);
    operator_start();
    mesh_create("{}");
    mesh_wait_status("Available", SECONDS(120));
    send_all(create_secret, remotes);
    measure_operator(remotes);
    figure("server: memory of a virtual cluster that joined", (double)counted("rss_kb") / (double)(remotes + 1), "kB");
    figure("server: watches that are open", (double)counted("watches"), "");
    operator_kill(SIGTERM);
    net_client_free(h.client);
    loop_free(h.loop);
    free(h.operator_kubeconfig);
    free(h.log_path);
    h = (struct harness){0};
    servers_stop();
}

static void figures(void **state)
{
    int64_t remotes;

    (void)state;
    for (char **size = sizes; *size; size++) {
        assert_true(str_to_int64(*size, &remotes) && remotes > 0 && remotes < 10000);
        measure((size_t)remotes);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    if (argc < 3) {
        fprintf(stderr, "usage: bench_federation APISERVERS REMOTES...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    apiservers_program = argv[1];
    sizes = argv + 2;
    return cmocka_run_group_tests_name("bench federation", tests, NULL, NULL);
}
