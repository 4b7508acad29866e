/* Set-up and tear-down: the definitions, the accounts, the kubeconfigs. */
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
#include "doc/build.h"
#include "doc/doc.h"
#include "harness_impl.h"
#include "install/manifests.h"
#include "net/loop.h"

struct harness h;

/* Of the operators that are not chosen. */
static struct operator_process {
    pid_t pid;
    int port;
    char *log_path, *kubeconfig;
} others[2];

const char *harness_env(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail_msg("%s is not set: run these tests by `make test`", name);
    return value;
}

pid_t harness_spawn(const char *const *arguments, int error_fd)
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
    pid_t pid = harness_spawn((const char *[]){"/bin/sh", "-c", command, NULL}, -1);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A log is not everywhere reachable afterwards. */
static void show_log(void)
{
    _cleanup_free_ char *command = h.log_path ? str_printf("tail -n 30 '%s'", h.log_path) : NULL;

    fflush(stdout);
    if (command)
        (void)run_shell(command);
}

static void install_definitions(void)
{
    const struct kube_kind *crd = kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    _cleanup_json_ json_t *definitions = manifests_crds(cluster_minor());
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
    const struct manifest_options options = {.ns = NS, .image = "none", .minor = cluster_minor()};
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

/* For a day; servers from 1.24 on make no Secret of one unasked. */
static char *account_token(const char *account)
{
    _cleanup_free_ char *path = str_printf("/api/v1/namespaces/" NS "/serviceaccounts/%s/token", account);
    _cleanup_free_ char *text = NULL;
    enum err_class class;
    _cleanup_json_ json_t *answer =
        cluster_call(net_request_new(NET_POST, path, "{\"spec\": {\"expirationSeconds\": 86400}}"), &class, &text);

    if (!answer)
        fail_msg("no token for %s: %s", account, text);
    return str_dup(str_or(doc_string(answer, "status", "token"), ""));
}

/* A kubeconfig for the operator's own account: nothing here runs with an administrator's rights but the test. */
static void write_operator_kubeconfig(const struct kube_config *config, const char *account, const char *ca_file)
{
    _cleanup_free_ char *token = account_token(account), *text = NULL, *ca = NULL;
    _cleanup_json_ json_t *kubeconfig = NULL;
    FILE *f;

    if (config->ca_pem && !ca_file)
        ca = base64_encode(config->ca_pem, strlen(config->ca_pem));
    kubeconfig = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Config"),
        STRING("current-context", "operator"),
        SEQ("contexts",
            ITEM(
                STRING("name", "operator"),
                MAP("context", STRING("cluster", "test"), STRING("user", "operator"), STRING("namespace", NS)))),
        SEQ("clusters",
            ITEM(
                STRING("name", "test"),
                MAP("cluster",
                    STRING("server", config->server),
                    STRING("certificate-authority-data", ca),
                    STRING("certificate-authority", ca ? NULL : str_or(ca_file, config->ca_file))))),
        SEQ("users", ITEM(STRING("name", "operator"), MAP("user", STRING("token", token)))));
    text = doc_text(kubeconfig);
    free(h.operator_kubeconfig);
    h.operator_kubeconfig =
        str_printf("%s/operator-%d-%d.kubeconfig", harness_env("TEST_OUTPUT"), (int)getpid(), h.chosen);
    f = fopen(h.operator_kubeconfig, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct kube_config *cluster_config(void)
{
    struct kube_config *config;
    struct err e = {0};

    if (kube_config_load(harness_env("TEST_KUBECONFIG"), NULL, &config, &e) < 0)
        fail_msg("%s", e.text);
    return config;
}

void operator_write_kubeconfig(const char *ca_file)
{
    _cleanup_kube_config_ struct kube_config *config = cluster_config();

    write_operator_kubeconfig(config, OPERATOR_ACCOUNT, ca_file);
}

char *cluster_authority(void)
{
    _cleanup_kube_config_ struct kube_config *config = cluster_config();

    assert_non_null(config->ca_pem);
    return str_dup(config->ca_pem);
}

static bool resource_is_served(void *context)
{
    enum err_class class;
    _cleanup_json_ json_t *answer =
        cluster_call(kube_request_list(ISTIO, API_VERSION, NULL, NULL, NULL, 1, NULL), &class, NULL);

    (void)context;
    return answer != NULL;
}

static int connect_to_cluster(const char *kubeconfig, struct kube_config **ret_config)
{
    struct err e = {0};

    h.loop = event_base_new();
    if (kube_config_load(kubeconfig, NULL, ret_config, &e) < 0 ||
        kube_client_new(h.loop, *ret_config, &(struct net_client_options){0}, &h.client, &e) < 0) {
        print_error("%s\n", e.text);
        return -1;
    }
    return 0;
}

/* The parent's connection is left as it is: to close it would say goodbye in the parent's name. */
void harness_reconnect(const char *kubeconfig)
{
    struct kube_config *config;

    if (connect_to_cluster(kubeconfig ? kubeconfig : harness_env("TEST_KUBECONFIG"), &config) < 0)
        _exit(1);
    kube_config_free(config);
}

int harness_setup(void **state)
{
    struct kube_config *config;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    wait_on_failure = show_log;
    if (connect_to_cluster(harness_env("TEST_KUBECONFIG"), &config) < 0)
        return -1;
    install_definitions();
    wait_until(resource_is_served, NULL, PATIENCE, "the Istio resource is served");
    if (!cluster_has(NAMESPACE, NULL, NS)) {
        _cleanup_json_ json_t *ns =
            OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Namespace"), MAP("metadata", STRING("name", NS)));
        cluster_create(NAMESPACE, ns);
    }
    install_rights();
    write_operator_kubeconfig(config, OPERATOR_ACCOUNT, NULL);
    kube_config_free(config);
    return 0;
}

/* With the same role as the first one. */
static void install_second_account(void)
{
    const struct kube_kind *accounts = kind_of("v1", "ServiceAccount");
    const struct kube_kind *bindings = kind_of("rbac.authorization.k8s.io/v1", "ClusterRoleBinding");
    _cleanup_json_ json_t *account = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ServiceAccount"),
        MAP("metadata", STRING("name", SECOND_ACCOUNT), STRING("namespace", NS)));
    _cleanup_json_ json_t *binding = OBJECT(
        STRING("apiVersion", "rbac.authorization.k8s.io/v1"),
        STRING("kind", "ClusterRoleBinding"),
        MAP("metadata", STRING("name", SECOND_ACCOUNT)),
        MAP("roleRef",
            STRING("apiGroup", "rbac.authorization.k8s.io"),
            STRING("kind", "ClusterRole"),
            STRING("name", "istio-operator-manager")),
        SEQ("subjects",
            ITEM(STRING("kind", "ServiceAccount"), STRING("name", SECOND_ACCOUNT), STRING("namespace", NS))));

    cluster_delete_if_there(bindings, NULL, SECOND_ACCOUNT);
    cluster_delete_if_there(accounts, NS, SECOND_ACCOUNT);
    cluster_create(accounts, account);
    cluster_create(bindings, binding);
}

void operator_choose(int which)
{
    struct operator_process *chosen = &others[which];
    struct kube_config *config;

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
    config = cluster_config();
    write_operator_kubeconfig(config, SECOND_ACCOUNT, NULL);
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
    net_client_free(h.client);
    loop_free(h.loop);
    return 0;
}
