/* A kubeconfig from a Secret: the way into a remote cluster, and input from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "federation.h"
#include "install/manifests.h"
#include "install/rights.h"
#include "rights_used.h"

#define ONE "trial" /* a RemoteIstio that is refused */

/* --- another one --- */

/* The proxy's, by its kubeconfig. */
static int proxy_port(const struct remote *r)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    const char *colon;
    int64_t port = 0;
    struct err e;

    if (kube_config_load(r->proxy.kubeconfig, NULL, &config, &e) < 0)
        fail_msg("%s", e.text);
    colon = strrchr(config->server, ':');
    assert_true(colon && str_to_int64(colon + 1, &port));
    return (int)port;
}

/* Connections to this port that stand, as the kernel lists them: remote address, port, state (proc(5), net/tcp). */
static int connections_to(int port)
{
    _cleanup_free_ char *established = str_printf(":%04X 01 ", (unsigned)port), *list = read_file("/proc/net/tcp");
    int count = 0;

    for (const char *at = list; (at = strstr(at, established)); at++)
        count++;
    return count;
}

static bool has_connection(void *context)
{
    return connections_to(*(int *)context) > 0;
}

static bool has_no_connection(void *context)
{
    return connections_to(*(int *)context) == 0;
}

void another_kubeconfig_is_used_immediately(void **state)
{
    struct remote *r = &remotes[BAD];
    int port = proxy_port(r);

    (void)state;
    remote_join(r);
    wait_joined(r);
    assert_true(has_connection(&port));
    secret_put(r->name, r->kubeconfig);
    wait_until(has_no_connection, &port, SECONDS(10), "the connection by the old kubeconfig ends");
    pod_create("changing", "istio", "pilot");
    pause_ms(500);
    wait_in_step(r);
    /* Labels of the Secret are no news. */
    cluster_patch(SECRET, NS, r->name, "{\"metadata\": {\"labels\": {\"theirs\": \"kept\"}}}");
    secret_put(r->name, r->proxy.kubeconfig);
    wait_until(has_connection, &port, SECONDS(10), "the new kubeconfig is used");
    cluster_delete(POD, NS, "changing");
    wait_in_step(r);
    wait_joined(r);
}

struct expected {
    const char *name, *word, *connected, *text;
};

static bool is_reported(void *context)
{
    const struct expected *x = context;
    _cleanup_free_ char *word = remote_status(x->name, "Status"), *text = remote_status(x->name, "ErrorMessage"),
                        *connected = remote_connected(x->name);

    return str_eq(word, x->word) && str_eq(connected, x->connected) && strstr(text, x->text);
}

static void wait_told(struct expected x)
{
    _cleanup_free_ char *what =
        str_printf("%s is %s (connected: %s) and tells of %s", x.name, x.word, x.connected, x.text);

    wait_until(is_reported, &x, TO_FOLLOW, what);
}

static size_t marked_in(const struct remote *r)
{
    _cleanup_json_ json_t *marked = NULL;

    enter(r);
    marked = remote_objects();
    enter(NULL);
    return json_array_size(marked);
}

void a_kubeconfig_that_is_removed_removes_nothing(void **state)
{
    struct remote *r = &remotes[1];
    size_t before;

    (void)state;
    remote_join(r);
    wait_joined(r);
    before = marked_in(r);
    cluster_delete(SECRET, NS, r->name);
    wait_told((struct expected){r->name, "ReconcileFailed", "False, NoKubeconfig", "there is no Secret"});
    pause_ms(1000);
    assert_int_equal(marked_in(r), before);
    secret_put(r->name, r->kubeconfig);
    wait_joined(r);
    wait_in_step(r);
    assert_int_equal(marked_in(r), before);
}

/* --- refused ones --- */

/* A kubeconfig with other text for the cluster and the user. */
static char *kubeconfig_text(const char *cluster, const char *user)
{
    return str_printf(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],\n"
        " clusters: [{name: c, cluster: {%s}}], users: [{name: u, user: {%s}}]}\n",
        cluster,
        user);
}

#define SERVER "server: 'https://192.0.2.1:6443'"
#define HIDDEN "TOKEN-NOT-TO-BE-TOLD"

static void end_trial(void)
{
    struct remote trial = {.name = (char *)ONE};

    cluster_delete_if_there(REMOTE, NS, ONE);
    wait_gone(&trial);
    cluster_delete_if_there(SECRET, NS, ONE);
}

void bad_kubeconfigs_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *cluster, *user, *says;
    } cases[] = {
        {SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: /bin/true}", "exec"},
        {SERVER, "auth-provider: {name: gcp}", "auth-provider"},
        {SERVER, "tokenFile: /etc/passwd", "tokenFile"},
        {SERVER, "token: " HIDDEN ", client-certificate: /etc/passwd", "client-certificate"},
        {SERVER ", certificate-authority: /etc/passwd", "token: " HIDDEN, "certificate-authority"},
        {SERVER ", insecure-skip-tls-verify: true", "token: " HIDDEN, "insecure-skip-tls-verify"},
        {SERVER ", proxy-url: 'http://192.0.2.2'", "token: " HIDDEN, "proxy-url"},
        {"server: 'http://192.0.2.1:6443'", "token: " HIDDEN, "http:// is refused"},
    };

    (void)state;
    secret_put_text(ONE, "no kubeconfig");
    resource_create(ONE, "{}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = kubeconfig_text(cases[i].cluster, cases[i].user);
        secret_put_text(ONE, text);
        wait_told((struct expected){ONE, "ReconcileFailed", "False, KubeconfigRefused", cases[i].says});
    }
    end_trial();
}

static void install_definition_of_istio(void)
{
    const struct kube_kind *crd = kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    _cleanup_json_ json_t *definitions = manifests_crds(20);
    json_t *definition;
    size_t i;

    json_array_foreach(definitions, i, definition)
        if (str_eq(doc_string(definition, "metadata", "name"), "istios." API_GROUP))
            cluster_create(crd, definition);
}

void clusters_with_a_mesh_are_refused(void **state)
{
    struct remote *r = &remotes[1];
    _cleanup_json_ json_t *theirs = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", "theirs"), STRING("namespace", "default")),
        MAP("spec"));

    (void)state;
    secret_put(ONE, h.operator_kubeconfig);
    resource_create(ONE, "{}");
    wait_told((struct expected){ONE, "ReconcileFailed", "True, Connected", "names the central cluster"});
    end_trial();

    enter(r);
    install_definition_of_istio();
    cluster_create_when_possible(ISTIO, theirs);
    enter(NULL);
    remote_join(r);
    wait_told((struct expected){r->name, "ReconcileFailed", "True, Connected", "Istio default/theirs"});
    assert_int_equal(marked_in(r), 0);
    enter(r);
    cluster_delete(ISTIO, "default", "theirs");
    enter(NULL);
    wait_joined(r);

    /* The same cluster twice. */
    secret_put(ONE, r->kubeconfig);
    resource_create(ONE, "{}");
    wait_told((struct expected){ONE, "ReconcileFailed", "True, Connected", "is joined by RemoteIstio"});
    end_trial();
    assert_true(remote_is_available(r));
    enter(r);
    assert_true(cluster_has(ISTIO, NS, MESH_REMOTE_OWNER));
    enter(NULL);

    /* The definition was theirs, and stays. */
    remote_leave(r);
    wait_gone(r);
    enter(r);
    cluster_delete(kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), NULL, "istios." API_GROUP);
    enter(NULL);
}

/* --- what is reported --- */

static void check_text(const char *where, const char *text)
{
    static const char *const keys[] = {HIDDEN, "SIGNING-KEY-OF-THE-MESH"};

    for (size_t i = 0; i < REMOTES; i++)
        if (strstr(text, remotes[i].token))
            fail_msg("the token of %s is in %s", remotes[i].name, where);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        _cleanup_free_ char *encoded = base64_encode(keys[i], strlen(keys[i]));
        if (strstr(text, keys[i]) || strstr(text, encoded))
            fail_msg("%s is in %s", keys[i], where);
    }
}

/* The text of all objects at a path of the central API server. */
static char *objects_at(const char *path)
{
    struct net_request request = net_request_new(NET_GET, path, NULL);
    struct buf body = BUF_INIT;
    struct err e;
    int status;

    if (net_client_wait(h.client, &request, &body, &status, &e) < 0)
        fail_msg("%s", e.text);
    return buf_take(&body);
}

void no_secret_is_reported(void **state)
{
    _cleanup_free_ char *events = objects_at("/api/v1/namespaces/" NS "/events"), *log = NULL, *metrics = NULL,
                        *resources = NULL;

    (void)state;
    join_all();
    secret_put_text(ONE, HIDDEN);
    resource_create(ONE, "{}");
    wait_told((struct expected){ONE, "ReconcileFailed", "False, KubeconfigRefused", "kubeconfig"});
    resources = objects_at("/apis/" API_GROUP_VERSION "/namespaces/" NS "/remoteistios");
    metrics = operator_get("/metrics");
    log = read_file(h.log_path);
    assert_true(strstr(events, "RemoteIstio") && strstr(resources, "RemoteIstio") && strstr(log, "remote cluster"));
    check_text("the Events", events);
    check_text("the resources", resources);
    check_text("the metrics", metrics);
    check_text("the log", log);
    end_trial();
}

/* --- rights --- */

/*
 * What no test gets to use for sure: the namespace is there before an account in it, no part of Istio in a remote
 * cluster scales by itself or has a budget, and a single object is read only after a write that came too late, which
 * is a matter of moments.
 */
static bool is_out_of_reach(const char *right)
{
    return str_eq(right, "/namespaces create") || str_ends(right, " get") ||
           str_starts(right, "autoscaling/horizontalpodautoscalers ") ||
           str_starts(right, "policy/poddisruptionbudgets ");
}

static void add_unused(struct rights_used *used, unsigned role, bool of_federation, struct buf *unused)
{
    _cleanup_json_ json_t *own = rights_own(role);
    json_t *right;
    size_t i;

    json_array_foreach(own, i, right) {
        const char *text = json_string_value(right);
        if (!map_has(used->rights, text) && (of_federation ? rights_are_of_federation(text) : !is_out_of_reach(text)))
            buf_printf(unused, " [%s]", text);
    }
}

void every_right_was_used_and_nothing_refused(void **state)
{
    struct rights_used here = RIGHTS_USED_INIT, there = RIGHTS_USED_INIT;
    _cleanup_buf_ struct buf unused = BUF_INIT, refused = BUF_INIT;

    (void)state;
    if (!audit_is_on())
        skip();
    audit_read(0, rights_used_note, &here);
    rights_used_refused(&here, &refused);
    if (refused.len)
        fail_msg("refused in the central cluster:%s", buf_str(&refused));
    for (size_t i = 0; i < REMOTES; i++) {
        struct rights_used one = RIGHTS_USED_INIT;
        audit_read_file(remotes[i].audit, REMOTE_ACCOUNT, 0, rights_used_note, &one);
        rights_used_refused(&one, &refused);
        if (refused.len)
            fail_msg("refused in remote cluster %zu:%s", i, buf_str(&refused));
        rights_used_release(&one);
        audit_read_file(remotes[i].audit, REMOTE_ACCOUNT, 0, rights_used_note, &there);
    }
    add_unused(&here, MESH_CENTRAL, true, &unused);
    if (unused.len)
        fail_msg("never used in the central cluster:%s", buf_str(&unused));
    add_unused(&there, MESH_REMOTE, false, &unused);
    if (unused.len)
        fail_msg("never used in remote clusters:%s", buf_str(&unused));
    rights_used_release(&here);
    rights_used_release(&there);
}
