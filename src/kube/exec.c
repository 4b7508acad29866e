#include "kube/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "net/credentials.h"

static const msec_t TIME_LIMIT = SECONDS(60);
/* Between its output's end and its exit a child is polled in growing pauses: other code's SIGCHLD is not touched. */
static const msec_t REAP_FIRST = 1, REAP_MOST = 100;

/* What a shell, env, and a C library that learns of a failed exec() too late end with. */
enum { NOT_FOUND_CODE = 127 };

extern char **environ;

struct kube_exec_run {
    kube_exec_done_fn done;
    void *context;
    char *api_version, *command, *install_hint;
    pid_t pid; /* 0: ended */
    int output;
    struct event *readable, *limit, *reap;
    msec_t reap_pause;
    struct buf text;
    struct err failure;
};

void kube_exec_credential_release(struct kube_exec_credential *c)
{
    str_free_secret(c->token);
    free(c->cert_pem);
    str_free_secret(c->key_pem);
    *c = (struct kube_exec_credential){0};
}

static int read_status(const json_t *status, struct kube_exec_credential *c, struct err *e)
{
    const char *token = doc_string(status, "token"), *cert = doc_string(status, "clientCertificateData");
    const char *key = doc_string(status, "clientKeyData"), *expires = doc_string(status, "expirationTimestamp");

    c->token = token && *token ? str_dup(token) : NULL;
    c->cert_pem = cert && *cert ? str_dup(cert) : NULL;
    c->key_pem = key && *key ? str_dup(key) : NULL;
    c->expires = MSEC_NEVER;
    if (c->token && net_token_check(c->token, e) < 0)
        return err_wrap(e, "status.token");
    if (!c->cert_pem != !c->key_pem)
        return err_set(e, ERR_INVALID, "status: clientCertificateData and clientKeyData go together");
    if (c->cert_pem && net_pem_check_pair(c->cert_pem, c->key_pem, e) < 0)
        return err_wrap(e, "status.clientCertificateData");
    if (!c->token && !c->cert_pem)
        return err_set(e, ERR_INVALID, "status: neither a token nor a client certificate");
    if (expires && !clock_parse_rfc3339(expires, &c->expires))
        return err_set(e, ERR_INVALID, "status.expirationTimestamp: must be a time as 2006-01-02T15:04:05Z");
    return 0;
}

static int read_credential(const char *api_version, const json_t *object, struct kube_exec_credential *c, struct err *e)
{
    if (!str_eq(doc_string(object, "kind"), "ExecCredential"))
        return err_set(e, ERR_INVALID, "kind: must be ExecCredential");
    if (!str_eq(doc_string(object, "apiVersion"), api_version))
        return err_set(e, ERR_INVALID, "apiVersion: must be %s, as it was asked for", api_version);
    if (!json_is_object(doc_at(object, "status")))
        return err_set(e, ERR_INVALID, "status: is missing");
    return read_status(doc_at(object, "status"), c, e);
}

int kube_exec_parse(const char *api_version, const char *text, size_t len, struct kube_exec_credential *ret,
                    struct err *e)
{
    _cleanup_json_ json_t *object = NULL;
    struct kube_exec_credential c = {0};

    if (doc_parse(text, len, KUBE_EXEC_MAX_BYTES, &object, e) < 0)
        return -1;
    if (read_credential(api_version, object, &c, e) < 0) {
        kube_exec_credential_release(&c);
        return -1;
    }
    *ret = c;
    return 0;
}

void kube_exec_add_info(const struct kube_config *config, struct buf *out)
{
    const struct kube_exec *exec = config->exec;
    _cleanup_free_ char *ca = config->ca_pem ? base64_encode(config->ca_pem, strlen(config->ca_pem)) : NULL;
    _cleanup_json_ json_t *info = OBJECT(
        STRING("apiVersion", exec->api_version), STRING("kind", "ExecCredential"),
        MAP("spec", BOOL("interactive", false),
            OPT(exec->provide_cluster_info,
                MAP("cluster", STRING("server", config->server), STRING("tls-server-name", config->tls_server_name),
                    OPT(config->insecure_skip_tls_verify, BOOL("insecure-skip-tls-verify", true)),
                    STRING("certificate-authority-data", ca), STRING("proxy-url", config->proxy_url)))));
    _cleanup_free_ char *text = doc_text(info);

    buf_add_str(out, text);
}

static void run_free(struct kube_exec_run *run)
{
    struct event *events[] = {run->readable, run->limit, run->reap};

    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (events[i])
            event_free(events[i]);
    if (run->output >= 0)
        close(run->output);
    buf_release_secret(&run->text);
    free(run->api_version);
    free(run->command);
    free(run->install_hint);
    free(run);
}

static void after(struct event *event, msec_t ms)
{
    event_add(event, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static void kill_group(const struct kube_exec_run *run)
{
    if (run->pid)
        kill(-run->pid, SIGKILL);
}

/* The child is reaped first, so that there is nothing left to wait for when the owner is notified. */
static void fail(struct kube_exec_run *run)
{
    kill_group(run);
    event_del(run->readable);
    event_del(run->limit);
    after(run->reap, 0);
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
    struct kube_exec_run *run = context;

    (void)fd;
    (void)what;
    err_set(&run->failure, ERR_TIMEOUT, "not finished within %d s", (int)(TIME_LIMIT / 1000));
    fail(run);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct kube_exec_run *run = context;
    char chunk[4096];
    ssize_t n = read(fd, chunk, sizeof(chunk));

    (void)what;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        err_errno(&run->failure, errno, "cannot read its output");
        fail(run);
    } else if (n == 0) {
        event_del(run->readable);
        after(run->reap, 0);
    } else if (buf_add(&run->text, chunk, (size_t)n) < 0) {
        err_set(&run->failure, ERR_LIMIT, "printed more than %d bytes", KUBE_EXEC_MAX_BYTES);
        fail(run);
    }
    explicit_bzero(chunk, sizeof(chunk));
}

/* `what` is the plugin, or something else that it needs. */
static int not_installed(const struct kube_exec_run *run, const char *what, struct err *e)
{
    return err_set(e, ERR_IO, "exec plugin %s%s is not installed%s%s", run->command, what,
                   run->install_hint ? ": " : "", str_or(run->install_hint, ""));
}

static int read_result(struct kube_exec_run *run, int status, struct kube_exec_credential *ret, struct err *e)
{
    *e = run->failure;
    if (!e->class && WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND_CODE && !run->text.len)
        return not_installed(run, " (or a program that it runs)", e);
    if (!e->class && WIFSIGNALED(status))
        err_set(e, ERR_IO, "ended by signal %d", WTERMSIG(status));
    else if (!e->class && WEXITSTATUS(status))
        err_set(e, ERR_IO, "ended with exit code %d", WEXITSTATUS(status));
    else if (!e->class && kube_exec_parse(run->api_version, buf_str(&run->text), run->text.len, ret, e) < 0)
        err_wrap(e, "its output is no ExecCredential");
    return e->class ? err_wrap(e, "exec plugin %s", run->command) : 0;
}

static void finish(struct kube_exec_run *run, int status)
{
    struct kube_exec_credential credential;
    struct err e;
    int r;

    run->pid = 0;
    r = read_result(run, status, &credential, &e);
    run->done(run->context, r < 0 ? NULL : &credential, r < 0 ? &e : NULL);
    run_free(run);
}

static void on_reap(evutil_socket_t fd, short what, void *context)
{
    struct kube_exec_run *run = context;
    int status = 0;
    pid_t pid = waitpid(run->pid, &status, WNOHANG);

    (void)fd;
    (void)what;
    if (pid == 0 || (pid < 0 && errno == EINTR)) {
        run->reap_pause = run->reap_pause * 2 < REAP_MOST ? run->reap_pause * 2 : REAP_MOST;
        after(run->reap, run->reap_pause);
        return;
    }
    if (pid < 0 && !run->failure.class)
        err_errno(&run->failure, errno, "cannot wait for it");
    finish(run, status);
}

/* The operator's own, with the plugin's before them: the first of a name wins. */
static char **make_environment(const struct kube_config *config)
{
    char *const *extra = config->exec->env;
    char **v = NEW_ARRAY(char *, strv_len(extra) + strv_len(environ) + 2);
    struct buf info = BUF_INIT;
    size_t len = 0;

    buf_add_str(&info, "KUBERNETES_EXEC_INFO=");
    kube_exec_add_info(config, &info);
    v[len++] = buf_take(&info);
    for (size_t i = 0; extra && extra[i]; i++)
        v[len++] = str_dup(extra[i]);
    for (size_t i = 0; environ[i]; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool known = false;
        for (size_t j = 0; j < len && !known; j++)
            known = strncmp(v[j], environ[i], name) == 0;
        if (!known)
            v[len++] = str_dup(environ[i]);
    }
    return v;
}

static int spawn(const struct kube_config *config, char **environment, int output, pid_t *ret_pid)
{
    const struct kube_exec *exec = config->exec;
    size_t count = strv_len(exec->args);
    _cleanup_free_ char **argv = NEW_ARRAY(char *, count + 2);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int r;

    argv[0] = exec->command;
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = exec->args[i];
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    r = posix_spawnp(ret_pid, exec->command, &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int spawn_with_pipe(const struct kube_config *config, struct kube_exec_run *run, struct err *e)
{
    char **environment;
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe for exec plugin %s", config->exec->command);
    environment = make_environment(config);
    r = spawn(config, environment, ends[1], &run->pid);
    strv_free(environment);
    close(ends[1]);
    run->output = ends[0];
    if (r) {
        run->pid = 0;
        return r == ENOENT ? not_installed(run, "", e) : err_errno(e, r, "cannot run exec plugin %s", run->command);
    }
    fcntl(run->output, F_SETFL, O_NONBLOCK);
    return 0;
}

int kube_exec_start(struct event_base *loop, const struct kube_config *config, kube_exec_done_fn done, void *context,
                    struct kube_exec_run **ret, struct err *e)
{
    struct kube_exec_run *run = NEW(struct kube_exec_run);

    run->done = done;
    run->context = context;
    run->output = -1;
    run->reap_pause = REAP_FIRST;
    run->text.limit = KUBE_EXEC_MAX_BYTES;
    run->api_version = str_dup(config->exec->api_version);
    run->command = str_dup(config->exec->command);
    run->install_hint = str_dup(config->exec->install_hint);
    if (spawn_with_pipe(config, run, e) < 0) {
        run_free(run);
        return -1;
    }
    run->readable = event_new(loop, run->output, EV_READ | EV_PERSIST, on_readable, run);
    run->limit = evtimer_new(loop, on_limit, run);
    run->reap = evtimer_new(loop, on_reap, run);
    event_add(run->readable, NULL);
    after(run->limit, TIME_LIMIT);
    *ret = run;
    return 0;
}

void kube_exec_cancel(struct kube_exec_run *run)
{
    if (!run)
        return;
    kill_group(run);
    /* It cannot refuse: this takes as long as the kernel needs. */
    while (run->pid && waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    run_free(run);
}
