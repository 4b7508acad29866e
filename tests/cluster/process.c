/* The operator as a process: its start and end, and what it says about itself. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness_impl.h"

enum { HEAP_SLACK = 128 * 1024 };
static const msec_t HEAP_PATIENCE = SECONDS(60);

/* The operator says in its first line on which port it serves. */
static bool port_is_known(void *context)
{
    char text[4096] = "";
    int fd = open(h.log_path, O_RDONLY | O_CLOEXEC);
    const char *at;
    int64_t port;

    (void)context;
    if (fd < 0)
        return false;
    if (read(fd, text, sizeof(text) - 1) > 0 && (at = strstr(text, " port="))) {
        _cleanup_free_ char *digits = str_dup_n(at + 6, strspn(at + 6, "0123456789"));
        if (str_to_int64(digits, &port))
            h.operator_port = (int)port;
    }
    close(fd);
    return h.operator_port > 0;
}

static bool operator_is_ready(void *context)
{
    _cleanup_free_ char *answer = operator_get("/readyz");

    (void)context;
    return answer != NULL;
}

void operator_start_without_waiting(void)
{
    const char *arguments[17] = {
        harness_env("TEST_OPERATOR"),
        "run",
        "--kubeconfig",
        h.operator_kubeconfig,
        "--namespace",
        NS,
        "--metrics-addr",
        "127.0.0.1:0"};
    size_t given = 8;
    static int count;
    int log_fd;

    free(h.log_path);
    h.log_path =
        str_printf("%s/operator-%d-%d.log", str_or(h.log_folder, harness_env("TEST_OUTPUT")), (int)getpid(), count++);
    log_fd = open(h.log_path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(log_fd >= 0);
    h.operator_port = 0;
    for (const char *const *more = h.operator_arguments; more && *more; more++)
        arguments[given++] = *more;
    h.operator_pid = harness_spawn(arguments, log_fd);
    close(log_fd);
}

void operator_start(void)
{
    operator_start_without_waiting();
    operator_wait_ready();
}

void operator_wait_ready(void)
{
    wait_until(port_is_known, NULL, PATIENCE, "the operator says its port");
    wait_until(operator_is_ready, NULL, PATIENCE, "the operator is synced with the cluster");
}

void operator_kill(int signal_number)
{
    int status;

    assert_int_equal(kill(h.operator_pid, signal_number), 0);
    assert_int_equal(waitpid(h.operator_pid, &status, 0), h.operator_pid);
    h.operator_pid = 0;
    if (signal_number == SIGTERM && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        fail_msg("the operator did not end cleanly: status %d, see %s", status, h.log_path);
}

static void take_answer(void *context, const struct net_response *response, const struct err *e)
{
    char **answer = context;

    *answer = e ? NULL : str_dup_n(response->body, response->body_len);
    event_base_loopbreak(h.loop);
}

char *operator_get(const char *path)
{
    _cleanup_free_ char *server = str_printf("http://127.0.0.1:%d", h.operator_port);
    struct kube_config config = {.server = server, .namespace = (char *)NS};
    struct net_request request = net_request_new(NET_GET, path, NULL);
    struct net_client *client;
    char *answer = NULL;
    struct err e;

    request.accept = "text/plain";
    assert_int_equal(
        kube_client_new(h.loop, &config, &(struct net_client_options){.timeout = SECONDS(5)}, &client, &e), 0);
    net_client_send(client, &request, NULL, take_answer, &answer);
    event_base_dispatch(h.loop);
    net_client_free(client);
    return answer;
}

static double metric_of(const char *text, const char *name)
{
    _cleanup_free_ char *line = str_printf("\nistio_operator_%s ", name);
    const char *at = text ? strstr(text, line) : NULL;

    if (!at)
        fail_msg("no metric %s", name);
    return strtod(at + strlen(line), NULL);
}

double operator_metric(const char *name)
{
    _cleanup_free_ char *text = operator_get("/metrics");

    return metric_of(text, name);
}

static bool heap_is_back(void *context)
{
    const double *before = context;
    double now = operator_metric("heap_bytes");

    wait_saw("%.0f bytes, %.0f before", now, *before);
    return now <= *before + HEAP_SLACK;
}

void operator_wait_heap_is_back(double before)
{
    if (!getenv("TEST_SANITIZE"))
        wait_until(heap_is_back, &before, HEAP_PATIENCE, "memory in use is back");
}

bool operator_is_settled(void)
{
    _cleanup_free_ char *text = operator_get("/metrics");
    double drift = metric_of(text, "drift_objects"), in_flight = metric_of(text, "queue_in_flight");

    wait_saw("%.0f objects to write, %.0f writes under way", drift, in_flight);
    return metric_of(text, "managed_objects") > 0 && drift == 0 && in_flight == 0;
}

int operator_descriptors(void)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/fd", (int)h.operator_pid);
    DIR *folder = opendir(path);
    int count = 0;

    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* Of its folder in /proc (proc(5)). */
static FILE *open_process_file(const char *name, const char *mode)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/%s", (int)h.operator_pid, name);
    FILE *f = fopen(path, mode);

    assert_non_null(f);
    return f;
}

/* A line of the kernel's /proc/PID/status. */
static long status_kb(const char *field)
{
    FILE *f = open_process_file("status", "re");
    char line[256];
    long kb = 0;

    while (fgets(line, sizeof(line), f))
        if (str_starts(line, field))
            kb = strtol(line + strlen(field), NULL, 10);
    fclose(f);
    return kb;
}

long operator_memory_kb(void)
{
    return status_kb("VmRSS:");
}

long operator_anonymous_kb(void)
{
    return status_kb("RssAnon:");
}

long operator_peak_kb(void)
{
    return status_kb("VmHWM:");
}

void operator_forget_peak(void)
{
    FILE *f = open_process_file("clear_refs", "we");

    fputs("5", f);
    assert_int_equal(fclose(f), 0);
}

int64_t operator_cpu_usec(void)
{
    FILE *f = open_process_file("schedstat", "re");
    unsigned long long nsec;

    assert_int_equal(fscanf(f, "%llu", &nsec), 1);
    fclose(f);
    return (int64_t)(nsec / 1000);
}
