#include "federation.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kubelet.h"
#include "reconcile/marks.h"

struct remote remotes[REMOTES];

static struct net_client *central;

void enter(const struct remote *r)
{
    h.client = r ? r->client : central;
}

static void add_marked(size_t row, json_t *objects)
{
    _cleanup_json_ json_t *items = cluster_list(&mesh_kinds.rows[row], MARK_OWNER);
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
        if (doc_at(item, "metadata", "annotations", MARK_APPLIED))
            json_array_append_new(
                objects,
                OBJECT(
                    INT("row", (json_int_t)row),
                    STRING("ns", doc_string(item, "metadata", "namespace")),
                    STRING("name", doc_string(item, "metadata", "name")),
                    STRING("uid", doc_string(item, "metadata", "uid"))));
}

json_t *remote_objects(void)
{
    json_t *objects = json_array();

    for (size_t row = 0; row < mesh_kinds.len; row++)
        if (mesh_kinds.rows[row].watch == KUBE_WATCH_OWNED && mesh_kinds.rows[row].roles & MESH_REMOTE)
            add_marked(row, objects);
    return objects;
}

char *read_file(const char *path)
{
    struct buf text = BUF_INIT;
    FILE *f = fopen(path, "re");
    char block[4096];

    if (!f)
        fail_msg("%s is not there", path);
    for (size_t len; (len = fread(block, 1, sizeof(block), f)) > 0;)
        buf_add(&text, block, len);
    fclose(f);
    return buf_take(&text);
}

/* --- what is in the central cluster --- */

void secret_put_text(const char *name, const char *text)
{
    _cleanup_free_ char *data = base64_encode(text, strlen(text)), *patch = NULL;
    _cleanup_json_ json_t *secret = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Secret"),
        MAP("metadata", STRING("name", name), STRING("namespace", NS)),
        MAP("data", STRING("kubeconfig", data)));

    if (!cluster_has(SECRET, NS, name)) {
        cluster_create(SECRET, secret);
        return;
    }
    patch = str_printf("{\"data\": {\"kubeconfig\": \"%s\"}}", data);
    cluster_patch(SECRET, NS, name, patch);
}

void secret_put(const char *name, const char *kubeconfig)
{
    _cleanup_free_ char *text = read_file(kubeconfig);

    secret_put_text(name, text);
}

void resource_create(const char *name, const char *spec)
{
    _cleanup_json_ json_t *resource = NULL;
    json_t *parsed;
    struct err e;

    assert_int_equal(doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, &e), 0);
    resource = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "RemoteIstio"),
        MAP("metadata", STRING("name", name), STRING("namespace", NS)),
        VALUE("spec", parsed));
    cluster_create(REMOTE, resource);
}

void remote_join(const struct remote *r)
{
    secret_put(r->name, r->proxy.pid ? r->proxy.kubeconfig : r->kubeconfig);
    resource_create(r->name, SERVICES);
}

void remote_leave(const struct remote *r)
{
    cluster_delete(REMOTE, NS, r->name);
}

char *remote_status(const char *name, const char *field)
{
    _cleanup_json_ json_t *resource = cluster_get(REMOTE, NS, name);

    return str_dup(str_or(doc_string(resource, "status", field), ""));
}

char *remote_connected(const char *name)
{
    _cleanup_json_ json_t *resource = cluster_get(REMOTE, NS, name);
    const json_t *connected = doc_find(doc_at(resource, "status", "conditions"), "type", "Connected");

    return str_printf(
        "%s, %s", str_or(doc_string(connected, "status"), ""), str_or(doc_string(connected, "reason"), ""));
}

bool remote_is_available(void *context)
{
    const struct remote *r = context;
    _cleanup_json_ json_t *resource = cluster_get(REMOTE, NS, r->name);

    return str_eq(doc_string(resource, "status", "Status"), "Available") &&
           json_equal(doc_at(resource, "status", "observedGeneration"), doc_at(resource, "metadata", "generation"));
}

bool remote_is_gone(void *context)
{
    const struct remote *r = context;

    return !cluster_has(REMOTE, NS, r->name);
}

/* --- addresses --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The addresses of items, sorted: "10.1.2.3 10.1.2.4 ". */
static char *sorted_addresses(const json_t *addresses)
{
    size_t len = json_array_size(addresses);
    _cleanup_free_ const char **texts = NEW_ARRAY(const char *, len + 1);
    struct buf all = BUF_INIT;

    for (size_t i = 0; i < len; i++)
        texts[i] = json_string_value(json_array_get(addresses, i));
    qsort(texts, len, sizeof(*texts), by_text);
    for (size_t i = 0; i < len; i++)
        buf_printf(&all, "%s ", texts[i]);
    return str_dup(buf_str(&all));
}

static char *central_addresses(const char *selector)
{
    _cleanup_json_ json_t *pods = cluster_list(POD, selector), *addresses = json_array();
    json_t *pod;
    size_t i;

    json_array_foreach(pods, i, pod) {
        const json_t *ready = doc_find(doc_at(pod, "status", "conditions"), "type", "Ready");
        if (str_eq(doc_string(pod, "metadata", "namespace"), NS) && str_eq(doc_string(ready, "status"), "True") &&
            !doc_at(pod, "metadata", "deletionTimestamp"))
            json_array_append(addresses, doc_at(pod, "status", "podIP"));
    }
    return sorted_addresses(addresses);
}

/* What the remote Endpoints have; NULL: they are not there. */
static char *remote_addresses(const struct remote *r, const char *service)
{
    _cleanup_json_ json_t *endpoints = NULL, *addresses = json_array();
    json_t *subset, *address;
    size_t i, k;

    enter(r);
    endpoints = cluster_get(ENDPOINTS, NS, service);
    enter(NULL);
    if (!endpoints)
        return NULL;
    json_array_foreach(doc_at(endpoints, "subsets"), i, subset)
        json_array_foreach(doc_at(subset, "addresses"), k, address)
            json_array_append(addresses, doc_at(address, "ip"));
    return sorted_addresses(addresses);
}

bool remote_is_in_step(void *context)
{
    const struct remote *r = context;
    _cleanup_json_ json_t *resource = cluster_get(REMOTE, NS, r->name);
    json_t *service;
    size_t i;

    json_array_foreach(doc_at(resource, "spec", "enabledServices"), i, service) {
        _cleanup_free_ char *here = central_addresses(doc_string(service, "labelSelector"));
        _cleanup_free_ char *there = remote_addresses(r, doc_string(service, "name"));
        if (!str_eq(here, there))
            return false;
    }
    return json_array_size(doc_at(resource, "spec", "enabledServices")) > 0;
}

/* --- waiting --- */

/* Whether `holds` is true of the remote cluster; else its status is seen. */
struct wish {
    bool (*holds)(void *);
    const struct remote *remote;
};

static bool is_fulfilled(void *context)
{
    const struct wish *w = context;
    _cleanup_free_ char *word = NULL, *text = NULL, *connected = NULL;

    if (w->holds((void *)w->remote))
        return true;
    word = remote_status(w->remote->name, "Status");
    text = remote_status(w->remote->name, "ErrorMessage");
    connected = remote_connected(w->remote->name);
    wait_saw("%s: %s (connected: %s)", word, text, connected);
    return false;
}

static void wait_for(bool (*holds)(void *), const struct remote *r, msec_t timeout, const char *state)
{
    _cleanup_free_ char *what = str_printf("%s is %s", r->name, state);

    wait_until(is_fulfilled, &(struct wish){holds, r}, timeout, what);
}

void wait_joined(const struct remote *r)
{
    wait_for(remote_is_available, r, TO_JOIN, "Available");
}

void wait_in_step(const struct remote *r)
{
    wait_for(remote_is_in_step, r, TO_FOLLOW, "synced");
}

void wait_gone(const struct remote *r)
{
    wait_for(remote_is_gone, r, TO_CONVERGE, "deleted");
}

void join_all(void)
{
    for (size_t i = 0; i < REMOTES; i++)
        remote_join(&remotes[i]);
    for (size_t i = 0; i < REMOTES; i++) {
        wait_joined(&remotes[i]);
        wait_in_step(&remotes[i]);
    }
}

/* --- central Pods --- */

void pod_create(const char *name, const char *label, const char *value)
{
    _cleanup_json_ json_t *pod = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata", STRING("name", name), STRING("namespace", NS), MAP("labels", STRING(label, value))),
        MAP("spec", SEQ("containers", ITEM(STRING("name", "main"), STRING("image", "none")))));

    cluster_create(POD, pod);
}

void pod_set_ready(const char *name, bool ready)
{
    _cleanup_free_ char *patch = str_printf(
        "{\"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"%s\"}]}}", ready ? "True" : "False");

    assert_true(cluster_try(kube_request_merge_patch(POD, "v1", NS, name, "status", patch)));
}

void pod_delete_one(const char *label_selector)
{
    _cleanup_json_ json_t *pods = cluster_list(POD, label_selector);

    assert_true(json_array_size(pods) > 0);
    cluster_delete(POD, NS, doc_string(json_array_get(pods, 0), "metadata", "name"));
}

/* --- set-up --- */

/* What the central Citadel would have made: no image runs here. */
static void make_signing_certificate(void)
{
    _cleanup_free_ char *cert = base64_encode("the mesh's certificate", 22),
                        *key = base64_encode("SIGNING-KEY-OF-THE-MESH", 23);
    _cleanup_json_ json_t *secret = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Secret"),
        STRING("type", "istio.io/ca-root"),
        MAP("metadata", STRING("name", "istio-ca-secret"), STRING("namespace", NS)),
        MAP("data", STRING("ca-cert.pem", cert), STRING("ca-key.pem", key)));

    if (!cluster_has(SECRET, NS, "istio-ca-secret"))
        cluster_create(SECRET, secret);
}

static const char *env(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail_msg("%s is not set: run these tests by `make test`", name);
    return value;
}

static void make_kubeconfig(struct remote *r, const char *administrator)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    _cleanup_free_ char *command = NULL;
    struct err e;

    r->kubeconfig = str_printf("%s/%s.kubeconfig", env("TEST_OUTPUT"), r->name);
    command = str_printf(
        "umask 077; KUBECONFIG='%s' '%s' --name '%s' >'%s' 2>>'%s/remote-kubeconfig.log'",
        administrator,
        env("TEST_REMOTE_KUBECONFIG"),
        r->name,
        r->kubeconfig,
        env("TEST_OUTPUT"));
    if (run_shell(command) != 0)
        fail_msg("no kubeconfig for %s: see remote-kubeconfig.log", r->name);
    if (kube_config_load(r->kubeconfig, NULL, &config, &e) < 0)
        fail_msg("%s", e.text);
    assert_non_null(config->token);
    r->token = str_dup(config->token);
}

static void connect_remote(size_t i, const char *administrator)
{
    struct remote *r = &remotes[i];
    _cleanup_kube_config_ struct kube_config *config = NULL;
    struct err e;

    r->name = str_printf("remote-%zu", i + 1);
    r->audit = str_printf("%s/audit-%zu.log", env("TEST_OUTPUT"), i + 2);
    if (kube_config_load(administrator, NULL, &config, &e) < 0 ||
        kube_client_new(h.loop, config, &(struct net_client_options){0}, &r->client, &e) < 0)
        fail_msg("%s", e.text);
    make_kubeconfig(r, administrator);
    kubelet_start(administrator);
    if (i == BAD)
        proxy_child_start(&r->proxy, r->kubeconfig, false, 1);
}

int federation_setup(void **state)
{
    _cleanup_strv_ char **paths = str_split(env("TEST_REMOTES"), ' ');
    size_t count = 0;

    if (harness_setup(state) < 0)
        return -1;
    central = h.client;
    for (char **path = paths; *path && count < REMOTES; path++)
        if (**path)
            connect_remote(count++, *path);
    if (count < REMOTES) {
        print_error("TEST_REMOTES has %zu clusters, and %d are needed\n", count, REMOTES);
        return -1;
    }
    kubelet_start(NULL);
    make_signing_certificate();
    operator_start();
    if (!cluster_has(ISTIO, NS, MESH))
        mesh_create("{\"autoInjectionNamespaces\": [\"default\"]}");
    mesh_wait_status("Available", TO_CONVERGE);
    return 0;
}

/* What a test that failed left, a kubeconfig that is of no use among it. */
static void end_resource(const json_t *resource)
{
    const char *name = doc_string(resource, "metadata", "name");

    for (size_t i = 0; i < REMOTES; i++)
        if (str_eq(remotes[i].name, name))
            secret_put(name, remotes[i].kubeconfig);
    cluster_delete_if_there(REMOTE, NS, name);
}

static bool no_resource_is_left(void *context)
{
    _cleanup_json_ json_t *resources = cluster_list(REMOTE, NULL);

    (void)context;
    return json_array_size(resources) == 0;
}

int federation_begin(void **state)
{
    _cleanup_json_ json_t *resources = NULL;
    json_t *resource;
    size_t i;

    (void)state;
    enter(NULL);
    if (remotes[BAD].proxy.pid)
        proxy_child_clear(&remotes[BAD].proxy);
    if (!h.operator_pid)
        operator_start();
    resources = cluster_list(REMOTE, NULL);
    json_array_foreach(resources, i, resource)
        end_resource(resource);
    wait_until(no_resource_is_left, NULL, TO_CONVERGE, "no remote cluster is joined");
    return 0;
}

int federation_teardown(void **state)
{
    enter(NULL);
    kubelets_stop(); /* they hold the pipe whose end ends the proxy */
    for (size_t i = 0; i < REMOTES; i++) {
        struct remote *r = &remotes[i];
        if (r->proxy.pid)
            proxy_child_stop(&r->proxy);
        net_client_free(r->client);
        unlink(r->kubeconfig);
        free(r->kubeconfig);
        free(r->token);
        free(r->audit);
        free(r->name);
    }
    return harness_teardown(state);
}
