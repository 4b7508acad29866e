#include "control.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"

#define LINE_MOST 512

/* The next line of its answers, without the line's end. */
static void read_line(struct proxy_child *p, char line[LINE_MOST])
{
    size_t len = 0;

    while (len < LINE_MOST - 1 && read(p->from, line + len, 1) == 1 && line[len] != '\n')
        len++;
    line[len] = '\0';
}

static void ask(struct proxy_child *p, const char *command, const char *argument, char answer[LINE_MOST])
{
    _cleanup_free_ char *line = str_printf("%s%s%s\n", command, argument ? " " : "", str_or(argument, ""));

    if (write(p->to, line, strlen(line)) != (ssize_t)strlen(line))
        fail_msg("the proxy takes no command");
    read_line(p, answer);
    if (!str_starts(answer, "ok"))
        fail_msg("the proxy says to \"%s %s\": %s", command, str_or(argument, ""), answer);
}

void proxy_child_start(struct proxy_child *p, const char *kubeconfig, bool raw, uint64_t seed)
{
    static int count;
    _cleanup_free_ char *seed_text = str_printf("%llu", (unsigned long long)seed);
    const char *program = getenv("TEST_PROXY");
    char answer[LINE_MOST];
    int to[2], from[2];

    if (!program)
        fail_msg("TEST_PROXY is not set: run these tests by `make test`");
    *p = (struct proxy_child){
        .kubeconfig = str_printf("%s/proxy-%d-%d.kubeconfig", getenv("TEST_OUTPUT"), (int)getpid(), count++)};
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl(program, program, "--kubeconfig", kubeconfig, "--write", p->kubeconfig, "--seed", seed_text,
              raw ? "--raw" : (char *)NULL, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    p->to = to[1];
    p->from = from[0];
    read_line(p, answer);
    if (!str_starts(answer, "ready "))
        fail_msg("the proxy does not start: %s", answer);
}

void proxy_child_stop(struct proxy_child *p)
{
    int status;

    close(p->to);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    close(p->from);
    unlink(p->kubeconfig);
    free(p->kubeconfig);
    *p = (struct proxy_child){0};
    if (status)
        fail_msg("the proxy ended with status %d", status);
}

void proxy_child_rule(struct proxy_child *p, const char *rule)
{
    char answer[LINE_MOST];

    ask(p, "rule", rule, answer);
}

void proxy_child_clear(struct proxy_child *p)
{
    char answer[LINE_MOST];

    ask(p, "clear", NULL, answer);
}

void proxy_child_reset(struct proxy_child *p)
{
    char answer[LINE_MOST];

    ask(p, "reset", NULL, answer);
}

/* A word of "ok CONNECTIONS REQUESTS FAULTS". */
static uint64_t number_of(struct proxy_child *p, size_t which)
{
    _cleanup_strv_ char **words = NULL;
    char answer[LINE_MOST];
    int64_t number = 0;

    ask(p, "stats", NULL, answer);
    words = str_split(answer, ' ');
    assert_int_equal(strv_len(words), 4);
    assert_true(str_to_int64(words[which], &number));
    return (uint64_t)number;
}

uint64_t proxy_child_faults(struct proxy_child *p)
{
    return number_of(p, 3);
}

uint64_t proxy_child_requests(struct proxy_child *p)
{
    return number_of(p, 2);
}
