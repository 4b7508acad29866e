#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/crd.h"
#include "base/base64.h"
#include "base/str.h"
#include "json/build.h"
#include "json/doc.h"
#include "operator/manifests.h"
#include "operator/marks.h"

#define SERVER_MINOR 20

struct harness h;

/* Of the operators that are not chosen. */
static struct operator_process {
    pid_t pid;
    int port;
    char *log_path, *kubeconfig;
} others[2];

static const char *env(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail_msg("%s is not set: run these tests by `make test`", name);
    return value;
}

void pause_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

void wait_until(bool (*holds)(void *context), void *context, msec_t timeout, const char *what)
{
    msec_t until = clock_now_monotonic() + timeout;

    while (!holds(context)) {
        if (clock_now_monotonic() > until)
            fail_msg("not within %lld ms: %s", (long long)timeout, what);
        pause_ms(5);
    }
}

const struct kube_kind *kind_of(const char *api_version, const char *kind)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, api_version, kind);

    if (!row)
        fail_msg("no kind %s %s", api_version, kind);
    return row;
}

const char *cluster_version(const struct kube_kind *kind)
{
    return kube_kind_version_for(kind, SERVER_MINOR);
}

/* The parsed answer (owned by the caller), or NULL with the error's class. */
static json_t *call(struct kube_request request, enum err_class *ret_class, char **ret_text)
{
    _cleanup_buf_ struct buf body = BUF_INIT;
    json_t *answer = NULL;
    struct err e = {0};
    int status;

    if (kube_client_wait(h.client, &request, &body, &status, &e) < 0) {
        *ret_class = e.class;
        if (ret_text)
            *ret_text = str_dup(e.text);
        return NULL;
    }
    *ret_class = ERR_NONE;
    assert_int_equal(doc_parse(buf_str(&body), body.len, SIZE_MAX, &answer, &e), 0);
    return answer;
}

/* The same, and every error fails the test. */
static json_t *must_call(struct kube_request request)
{
    _cleanup_free_ char *path = str_dup(request.path), *text = NULL;
    enum err_class class;
    json_t *answer = call(request, &class, &text);

    if (!answer)
        fail_msg("%s: %s", path, text);
    return answer;
}

json_t *cluster_get(const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *text = NULL;
    enum err_class class;
    json_t *object = call(kube_request_get(kind, cluster_version(kind), ns, name), &class, &text);

    if (!object && class != ERR_NOT_FOUND)
        fail_msg("%s %s: %s", kind->kind, name, text);
    return object;
}

bool cluster_has(const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_json_ json_t *object = cluster_get(kind, ns, name);

    return object != NULL;
}

json_t *cluster_list(const struct kube_kind *kind, const char *label_selector)
{
    enum err_class class;
    json_t *answer =
        call(kube_request_list(kind, cluster_version(kind), NULL, label_selector, NULL, 0, NULL), &class, NULL);
    json_t *items = answer ? json_incref(doc_at(answer, "items")) : json_array();

    json_decref(answer);
    return items;
}

void cluster_create(const struct kube_kind *kind, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);

    json_decref(
        must_call(kube_request_create(kind, cluster_version(kind), doc_string(object, "metadata", "namespace"), text)));
}

void cluster_create_when_served(const struct kube_kind *kind, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);
    msec_t until = clock_now_monotonic() + SECONDS(20);
    enum err_class class;

    do {
        json_t *answer = call(
            kube_request_create(kind, cluster_version(kind), doc_string(object, "metadata", "namespace"), text),
            &class,
            NULL);
        if (answer) {
            json_decref(answer);
            return;
        }
        pause_ms(20);
    } while (class == ERR_NOT_FOUND && clock_now_monotonic() < until);
    fail_msg("%s %s could not be created", kind->kind, doc_string(object, "metadata", "name"));
}

void cluster_patch(const struct kube_kind *kind, const char *ns, const char *name, const char *patch)
{
    json_decref(must_call(kube_request_merge_patch(kind, cluster_version(kind), ns, name, NULL, patch)));
}

bool cluster_try(struct kube_request request)
{
    enum err_class class;
    _cleanup_json_ json_t *answer = call(request, &class, NULL);

    return answer != NULL;
}

bool cluster_try_patch(const struct kube_kind *kind, const char *ns, const char *name, const char *patch)
{
    return cluster_try(kube_request_merge_patch(kind, cluster_version(kind), ns, name, NULL, patch));
}

void cluster_delete(const struct kube_kind *kind, const char *ns, const char *name)
{
    json_decref(must_call(kube_request_delete(kind, cluster_version(kind), ns, name, NULL, NULL)));
}

void cluster_delete_if_there(const struct kube_kind *kind, const char *ns, const char *name)
{
    cluster_try(kube_request_delete(kind, cluster_version(kind), ns, name, NULL, NULL));
}

static void install_definitions(void)
{
    const struct kube_kind *crd = kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    _cleanup_json_ json_t *definitions = manifests_crds();
    json_t *definition;
    size_t i;

    json_array_foreach(definitions, i, definition)
        if (!cluster_has(crd, NULL, doc_string(definition, "metadata", "name")))
            cluster_create(crd, definition);
}

/* Of what installs the operator, the objects of its account and rights. */
static void install_rights(void)
{
    static const char *const kinds[] = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"};
    const struct manifest_options options = {.ns = NS, .image = "none"};
    _cleanup_json_ json_t *manifests = manifests_all(&options);
    json_t *object;
    size_t i;

    json_array_foreach(manifests, i, object) {
        const struct kube_kind *kind;
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            if (!str_eq(doc_string(object, "kind"), kinds[k]))
                continue;
            kind = kind_of(doc_string(object, "apiVersion"), kinds[k]);
            cluster_delete_if_there(
                kind, doc_string(object, "metadata", "namespace"), doc_string(object, "metadata", "name"));
            cluster_create(kind, object);
        }
    }
}

/* The name of the Secret with the account's token, once the controllers have made it. */
struct account_secret {
    const char *account;
    char *name;
};

static bool token_is_made(void *context)
{
    struct account_secret *secret = context;
    _cleanup_json_ json_t *account = cluster_get(kind_of("v1", "ServiceAccount"), NS, secret->account);
    const json_t *first = json_array_get(doc_at(account, "secrets"), 0);

    str_replace(&secret->name, doc_string(first, "name"));
    return first != NULL;
}

static char *account_token(const char *account)
{
    struct account_secret named = {.account = account};
    _cleanup_free_ char *token = NULL;
    _cleanup_json_ json_t *secret = NULL;
    const char *encoded;
    size_t len;

    wait_until(token_is_made, &named, SECONDS(20), "the operator's ServiceAccount has a token");
    secret = cluster_get(kind_of("v1", "Secret"), NS, named.name);
    free(named.name);
    encoded = doc_string(secret, "data", "token");
    assert_non_null(encoded);
    assert_true(base64_decode(encoded, strlen(encoded), &token, &len));
    return TAKE_PTR(token);
}

/* A kubeconfig for the operator's own account: nothing here runs with an administrator's rights but the test. */
static void write_operator_kubeconfig(const struct kube_config *config, const char *account)
{
    _cleanup_free_ char *token = account_token(account), *text = NULL, *ca = NULL;
    _cleanup_json_ json_t *kubeconfig = NULL;
    FILE *f;

    ca = config->ca_pem ? base64_encode(config->ca_pem, strlen(config->ca_pem)) : NULL;
    kubeconfig = OBJECT(
        S("apiVersion", "v1"),
        S("kind", "Config"),
        S("current-context", "operator"),
        SEQ("contexts",
            ITEM(
                S("name", "operator"),
                MAP("context", S("cluster", "test"), S("user", "operator"), S("namespace", NS)))),
        SEQ("clusters",
            ITEM(
                S("name", "test"),
                MAP("cluster",
                    S("server", config->server),
                    S("certificate-authority-data", ca),
                    S("certificate-authority", ca ? NULL : config->ca_file)))),
        SEQ("users", ITEM(S("name", "operator"), MAP("user", S("token", token)))));
    text = doc_text(kubeconfig);
    h.operator_kubeconfig = str_printf("%s/operator-%d-%d.kubeconfig", env("TEST_OUTPUT"), (int)getpid(), h.chosen);
    f = fopen(h.operator_kubeconfig, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool resource_is_served(void *context)
{
    enum err_class class;
    _cleanup_json_ json_t *answer =
        call(kube_request_list(ISTIO, API_VERSION, NULL, NULL, NULL, 1, NULL), &class, NULL);

    (void)context;
    return answer != NULL;
}

static int connect_to_cluster(const char *kubeconfig, struct kube_config **ret_config)
{
    struct err e = {0};

    h.loop = event_base_new();
    if (kube_config_load(kubeconfig, NULL, ret_config, &e) < 0 ||
        kube_client_new(h.loop, *ret_config, &(struct kube_client_options){0}, &h.client, &e) < 0) {
        print_error("%s\n", e.text);
        return -1;
    }
    return 0;
}

/* The parent's connection is left as it is: to close it would say goodbye in the parent's name. */
void harness_reconnect(const char *kubeconfig)
{
    struct kube_config *config;

    if (connect_to_cluster(kubeconfig ? kubeconfig : env("TEST_KUBECONFIG"), &config) < 0)
        _exit(1);
    kube_config_free(config);
}

int harness_setup(void **state)
{
    struct kube_config *config;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (connect_to_cluster(env("TEST_KUBECONFIG"), &config) < 0)
        return -1;
    install_definitions();
    wait_until(resource_is_served, NULL, SECONDS(20), "the Istio resource is served");
    if (!cluster_has(NAMESPACE, NULL, NS)) {
        _cleanup_json_ json_t *ns =
            OBJECT(S("apiVersion", "v1"), S("kind", "Namespace"), MAP("metadata", S("name", NS)));
        cluster_create(NAMESPACE, ns);
    }
    install_rights();
    write_operator_kubeconfig(config, OPERATOR_ACCOUNT);
    kube_config_free(config);
    return 0;
}

/* With the same role as the first one. */
static void install_second_account(void)
{
    const struct kube_kind *accounts = kind_of("v1", "ServiceAccount");
    const struct kube_kind *bindings = kind_of("rbac.authorization.k8s.io/v1", "ClusterRoleBinding");
    _cleanup_json_ json_t *account = OBJECT(
        S("apiVersion", "v1"),
        S("kind", "ServiceAccount"),
        MAP("metadata", S("name", SECOND_ACCOUNT), S("namespace", NS)));
    _cleanup_json_ json_t *binding = OBJECT(
        S("apiVersion", "rbac.authorization.k8s.io/v1"),
        S("kind", "ClusterRoleBinding"),
        MAP("metadata", S("name", SECOND_ACCOUNT)),
        MAP("roleRef",
            S("apiGroup", "rbac.authorization.k8s.io"),
            S("kind", "ClusterRole"),
            S("name", "istio-operator-manager")),
        SEQ("subjects", ITEM(S("kind", "ServiceAccount"), S("name", SECOND_ACCOUNT), S("namespace", NS))));

    cluster_delete_if_there(bindings, NULL, SECOND_ACCOUNT);
    cluster_delete_if_there(accounts, NS, SECOND_ACCOUNT);
    cluster_create(accounts, account);
    cluster_create(bindings, binding);
}

void operator_choose(int which)
{
    struct operator_process *chosen = &others[which];
    struct kube_config *config;
    struct err e = {0};

    if (which == h.chosen)
        return;
    others[h.chosen] = (struct operator_process){h.operator_pid, h.operator_port, h.log_path, h.operator_kubeconfig};
    h.chosen = which;
    h.operator_pid = chosen->pid;
    h.operator_port = chosen->port;
    h.log_path = chosen->log_path;
    h.operator_kubeconfig = chosen->kubeconfig;
    *chosen = (struct operator_process){0};
    if (h.operator_kubeconfig)
        return;
    install_second_account();
    if (kube_config_load(env("TEST_KUBECONFIG"), NULL, &config, &e) < 0)
        fail_msg("%s", e.text);
    write_operator_kubeconfig(config, SECOND_ACCOUNT);
    kube_config_free(config);
}

int harness_teardown(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        if (which != h.chosen && !others[which].kubeconfig)
            continue;
        operator_choose(which);
        if (h.operator_pid)
            operator_kill(SIGTERM);
        unlink(h.operator_kubeconfig);
        free(h.operator_kubeconfig);
        free(h.log_path);
    }
    kube_client_free(h.client);
    event_base_free(h.loop);
    return 0;
}

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

static pid_t spawn(const char *const *arguments, int error_fd)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (error_fd >= 0)
            dup2(error_fd, STDERR_FILENO);
        execvp(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    return pid;
}

int run_shell(const char *command)
{
    int status;
    pid_t pid = spawn((const char *[]){"/bin/sh", "-c", command, NULL}, -1);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool server_answers(void *context)
{
    enum err_class class;
    _cleanup_json_ json_t *answer = call(kube_request_raw(KUBE_GET, "/version", NULL), &class, NULL);

    (void)context;
    return answer != NULL;
}

void operator_start_without_waiting(void)
{
    const char *arguments[17] = {
        env("TEST_OPERATOR"),
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
    h.log_path = str_printf("%s/operator-%d-%d.log", str_or(h.log_folder, env("TEST_OUTPUT")), (int)getpid(), count++);
    log_fd = open(h.log_path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(log_fd >= 0);
    h.operator_port = 0;
    for (const char *const *more = h.operator_arguments; more && *more; more++)
        arguments[given++] = *more;
    h.operator_pid = spawn(arguments, log_fd);
    close(log_fd);
}

void operator_start(void)
{
    operator_start_without_waiting();
    operator_wait_ready();
}

void operator_wait_ready(void)
{
    wait_until(port_is_known, NULL, SECONDS(10), "the operator says its port");
    wait_until(operator_is_ready, NULL, SECONDS(20), "the operator is in step with the cluster");
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

static void take_answer(void *context, const struct kube_response *response, const struct err *e)
{
    char **answer = context;

    *answer = e ? NULL : str_dup_n(response->body, response->body_len);
    event_base_loopbreak(h.loop);
}

char *operator_get(const char *path)
{
    _cleanup_free_ char *server = str_printf("http://127.0.0.1:%d", h.operator_port);
    struct kube_config config = {.server = server, .namespace = (char *)NS};
    struct kube_request request = kube_request_raw(KUBE_GET, path, NULL);
    struct kube_client *client;
    char *answer = NULL;
    struct err e;

    assert_int_equal(
        kube_client_new(h.loop, &config, &(struct kube_client_options){.timeout = SECONDS(5)}, &client, &e), 0);
    kube_client_send(client, &request, NULL, take_answer, &answer);
    event_base_dispatch(h.loop);
    kube_client_free(client);
    return answer;
}

double operator_metric(const char *name)
{
    _cleanup_free_ char *text = operator_get("/metrics"), *line = str_printf("\nistio_operator_%s ", name);
    const char *at = text ? strstr(text, line) : NULL;

    if (!at)
        fail_msg("no metric %s", name);
    return strtod(at + strlen(line), NULL);
}

long operator_memory_kb(void)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/status", (int)h.operator_pid);
    FILE *f = fopen(path, "re");
    char line[256];
    long kb = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (str_starts(line, "VmRSS:"))
            kb = strtol(line + 6, NULL, 10);
    fclose(f);
    return kb;
}

static json_t *mesh_resource(const char *spec)
{
    json_t *parsed;
    struct err e;

    if (doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, &e) < 0)
        fail_msg("%s", e.text);
    return OBJECT(
        S("apiVersion", API_GROUP_VERSION),
        S("kind", "Istio"),
        MAP("metadata", S("name", MESH), S("namespace", NS)),
        V("spec", parsed));
}

void mesh_create(const char *spec)
{
    _cleanup_json_ json_t *resource = mesh_resource(spec);

    cluster_create(ISTIO, resource);
}

struct wanted_set *mesh_objects_of(const char *spec)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *resource = mesh_resource(spec);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct wanted_set *set;

    mesh_versions_for(SERVER_MINOR, versions);
    if (wanted_build(resource, SERVER_MINOR, versions, &set, &problems) < 0)
        fail_msg("%s: %s", problems.items[0].path, problems.items[0].text);
    return set;
}

static bool mesh_is_gone(void *context)
{
    (void)context;
    return !cluster_has(ISTIO, NS, MESH);
}

void mesh_delete_and_wait(void)
{
    cluster_delete_if_there(ISTIO, NS, MESH);
    wait_until(mesh_is_gone, NULL, SECONDS(60), "the deleted resource is gone");
}

char *mesh_status(const char *field)
{
    _cleanup_json_ json_t *resource = cluster_get(ISTIO, NS, MESH);

    return str_dup(str_or(doc_string(resource, "status", field), ""));
}

static bool status_is(void *context)
{
    _cleanup_json_ json_t *resource = cluster_get(ISTIO, NS, MESH);

    return str_eq(doc_string(resource, "status", "Status"), context) &&
           json_equal(doc_at(resource, "status", "observedGeneration"), doc_at(resource, "metadata", "generation"));
}

void mesh_wait_status(const char *word, msec_t timeout)
{
    msec_t until = clock_now_monotonic() + timeout;

    while (!status_is((void *)word)) {
        if (clock_now_monotonic() > until) {
            _cleanup_free_ char *is = mesh_status("Status"), *why = mesh_status("ErrorMessage");
            fail_msg("status is \"%s\" (%s), not \"%s\"; see %s", is, why, word, h.log_path);
        }
        pause_ms(10);
    }
}

static bool is_settled(void *context)
{
    (void)context;
    return operator_metric("managed_objects") > 0 && operator_metric("drift_objects") == 0 &&
           operator_metric("queue_in_flight") == 0;
}

void mesh_wait_settled(msec_t timeout)
{
    wait_until(is_settled, NULL, timeout, "the operator has nothing to write");
}

bool is_of_mesh(const struct kube_kind *kind)
{
    return kind->watch == KUBE_WATCH_OURS && (kind->roles & MESH_CENTRAL);
}

json_t *mesh_objects_in_cluster(void)
{
    json_t *objects = json_array();

    for (size_t row = 0; row < mesh_kinds.len; row++) {
        const struct kube_kind *kind = &mesh_kinds.rows[row];
        _cleanup_json_ json_t *items = NULL;
        json_t *item;
        size_t i;
        if (!is_of_mesh(kind))
            continue;
        items = cluster_list(kind, MARK_OWNER);
        json_array_foreach(items, i, item)
            json_array_append_new(
                objects,
                OBJECT(
                    N("row", (json_int_t)row),
                    S("ns", doc_string(item, "metadata", "namespace")),
                    S("name", doc_string(item, "metadata", "name")),
                    S("uid", doc_string(item, "metadata", "uid"))));
    }
    return objects;
}
