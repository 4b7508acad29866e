/* Joining other clusters, and the Pods that they are to reach. */
#include <string.h>

#include "api/istio.h"
#include "base/str.h"
#include "controllers/remote/remote_plan.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "users_impl.h"

#define SERVER_BEFORE "https://remote-"
#define SERVER_BEHIND ".example:6443"
#define CENTRAL_SERVER "https://central.example:6443"
#define TOKEN_BEFORE "token-"
/* A server that there is not, in any world. */
#define NOWHERE 99

/* --- Pods and certificates of the central cluster --- */

static bool pod_of_the_mesh(const struct collection *kind, const json_t *o)
{
    return str_eq(kind->plural, "pods") && str_eq(doc_string(o, "metadata", "namespace"), MESH_NS);
}

static void set_ready(json_t *pod, bool ready)
{
    json_object_set_new(doc_make(pod, "status"), "conditions",
                        ARRAY(ITEM(STRING("type", "Ready"), STRING("status", ready ? "True" : "False"))));
}

static void set_address(struct users *p, json_t *pod)
{
    json_object_set_new(doc_make(pod, "status"), "podIP",
                        json_sprintf("10.45.%d.%d", (int)rng_below(p->rng, 256), (int)rng_between(p->rng, 1, 254)));
}

/* Another Pod with the same labels and owner. */
static void add_twin(struct users *p, struct pick *x)
{
    json_t *metadata = json_object_get(x->object, "metadata");
    _cleanup_free_ char *name = str_printf("%.40s-%d", doc_string(metadata, "name"), (int)rng_below(p->rng, 100));
    _cleanup_json_ json_t *twin =
        OBJECT(MAP("metadata", STRING("name", name), VALUE("labels", doc_copy(json_object_get(metadata, "labels"))),
                   VALUE("ownerReferences", doc_copy(json_object_get(metadata, "ownerReferences")))));
    struct pick made = {.kind = x->kind};

    users_create(p, x->kind, MESH_NS, json_incref(twin));
    made.object = server_get(x->kind, MESH_NS, name) ? doc_copy(server_get(x->kind, MESH_NS, name)) : NULL;
    if (!made.object)
        return;
    json_object_set_new(doc_make(made.object, "status"), "phase", json_string("Running"));
    set_address(p, made.object);
    set_ready(made.object, rng_chance(p->rng, 700));
    users_put_status(p, &made);
    json_decref(made.object);
}

void change_pod(struct users *p)
{
    struct pick x = users_pick(p, pod_of_the_mesh);

    if (!x.object)
        return;
    switch (rng_below(p->rng, 5)) {
    case 0:
        set_ready(x.object, false);
        users_put_status(p, &x);
        break;
    case 1:
        set_ready(x.object, true);
        users_put_status(p, &x);
        break;
    case 2:
        set_address(p, x.object);
        users_put_status(p, &x);
        break;
    case 3:
        users_remove(p, &x);
        break;
    default:
        add_twin(p, &x);
    }
    json_decref(x.object);
}

static struct pick named(struct users *p, const char *group, const char *plural, const char *ns, const char *name)
{
    struct pick x = {.kind = server_find(p->server, group, plural)};
    const json_t *o = server_get(x.kind, ns, name);

    x.object = o ? doc_copy(o) : NULL;
    return x;
}

void remake_signing(struct users *p)
{
    struct pick x = named(p, "", "secrets", MESH_NS, "istio-ca-secret");

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

/* --- kubeconfigs --- */

/* The number between the two, as in "https://remote-7.example:6443". */
static bool number_in(const char *text, const char *before, const char *behind, int64_t *ret)
{
    _cleanup_free_ char *number = NULL;

    if (!str_starts(text, before) || !str_ends(text, behind) || strlen(text) <= strlen(before) + strlen(behind))
        return false;
    number = str_dup_n(text + strlen(before), strlen(text) - strlen(before) - strlen(behind));
    return str_to_int64(number, ret) && *ret >= 0;
}

bool users_read_address(const struct kube_config *config, struct users_address *ret)
{
    int64_t site = 0, token;

    if (!str_eq(config->server, CENTRAL_SERVER) && !number_in(config->server, SERVER_BEFORE, SERVER_BEHIND, &site))
        return false;
    if (!number_in(str_or(config->token, ""), TOKEN_BEFORE, "", &token) || token >= USERS_TOKENS)
        return false;
    *ret = (struct users_address){.site = (size_t)site, .token = (unsigned)token};
    return true;
}

static char *kubeconfig(size_t site, unsigned token)
{
    _cleanup_free_ char *server = site ? str_printf(SERVER_BEFORE "%zu" SERVER_BEHIND, site) : str_dup(CENTRAL_SERVER);
    _cleanup_json_ json_t *o = OBJECT(
        STRING("apiVersion", "v1"), STRING("kind", "Config"), STRING("current-context", "it"),
        SEQ("contexts", ITEM(STRING("name", "it"), MAP("context", STRING("cluster", "it"), STRING("user", "it")))),
        SEQ("clusters", ITEM(STRING("name", "it"), MAP("cluster", STRING("server", server)))),
        SEQ("users", ITEM(STRING("name", "it"), MAP("user", FORMAT("token", TOKEN_BEFORE "%u", token)))));

    return doc_text(o);
}

static char *name_of(size_t remote)
{
    return str_printf(USERS_REMOTE_NAME, remote);
}

/* One of them, from 1 on. */
static size_t any_remote(const struct users *p)
{
    return 1 + (size_t)rng_below(p->rng, p->remote_count);
}

/* Makes the Secret, or replaces what it holds. */
static void write_kubeconfig(struct users *p, size_t remote, const char *text)
{
    _cleanup_free_ char *name = name_of(remote);
    struct pick x = named(p, "", "secrets", MESH_NS, name);
    json_t *data = OBJECT(STRING("kubeconfig", text));

    if (x.object) {
        json_object_del(x.object, "data");
        json_object_set_new(x.object, "stringData", data);
        users_put(p, &x);
        json_decref(x.object);
    } else {
        users_create(p, x.kind, MESH_NS, OBJECT(MAP("metadata", STRING("name", name)), VALUE("stringData", data)));
    }
}

static void write_good_kubeconfig(struct users *p, size_t remote)
{
    _cleanup_free_ char *text = kubeconfig(remote, p->remotes[remote - 1].token);

    write_kubeconfig(p, remote, text);
}

void change_kubeconfig(struct users *p)
{
    size_t remote = any_remote(p);
    _cleanup_free_ char *name = name_of(remote), *text = NULL;
    struct pick x = {0};

    switch (rng_below(p->rng, 8)) {
    case 0:
        write_kubeconfig(p, remote, "{\"clusters\": [");
        break;
    case 1:
        text = kubeconfig(NOWHERE, 0);
        write_kubeconfig(p, remote, text);
        break;
    case 2:
        text = kubeconfig(remote, (unsigned)rng_below(p->rng, USERS_TOKENS));
        write_kubeconfig(p, remote, text);
        break;
    case 3:
        x = named(p, "", "secrets", MESH_NS, name);
        if (x.object)
            users_remove(p, &x);
        json_decref(x.object);
        break;
    default:
        write_good_kubeconfig(p, remote);
    }
}

void users_excuse(struct users *p)
{
    p->forced = true;
    for (size_t i = 0; i < p->remote_count; i++)
        p->remotes[i].excused = true;
}

void move_kubeconfig(struct users *p)
{
    size_t site = (size_t)rng_below(p->rng, p->remote_count + 1);
    _cleanup_free_ char *text = kubeconfig(site, site ? p->remotes[site - 1].token : 0);

    write_kubeconfig(p, any_remote(p), text);
    for (size_t i = 0; i < p->remote_count; i++)
        p->remotes[i].excused = true;
}

void change_token(struct users *p)
{
    size_t remote = any_remote(p);

    p->remotes[remote - 1].token = (p->remotes[remote - 1].token + 1) % USERS_TOKENS;
    if (rng_chance(p->rng, 700))
        write_good_kubeconfig(p, remote);
}

void users_renew_kubeconfigs(struct users *p)
{
    for (size_t remote = 1; remote <= p->remote_count; remote++) {
        p->remotes[remote - 1].token = (p->remotes[remote - 1].token + 1) % USERS_TOKENS;
        write_good_kubeconfig(p, remote);
    }
}

/* --- RemoteIstios --- */

static struct collection *remotes(struct users *p)
{
    return server_find(p->server, API_GROUP, "remoteistios");
}

static struct pick the_remote(struct users *p, size_t remote)
{
    _cleanup_free_ char *name = name_of(remote);

    return named(p, API_GROUP, "remoteistios", MESH_NS, name);
}

/* One change of a spec, as a merge patch. */
static const char *const patches[] = {
    "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"},"
    " {\"name\": \"istio-extra\", \"labelSelector\": \"app=telemetry\"}]}",
    "{\"enabledServices\": [{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=mixer,istio-mixer-type=policy\"}]}",
    "{\"enabledServices\": []}",
    "{\"enabledServices\": null}",
    "{\"enabledServices\": [{\"name\": \"istio-citadel\", \"labelSelector\": \"istio=citadel\"}]}",
    "{\"autoInjectionNamespaces\": [\"default\", \"team\", \"missing\"]}",
    "{\"autoInjectionNamespaces\": [\"team\"]}",
    "{\"autoInjectionNamespaces\": null}",
    "{\"controlPlaneSecurityEnabled\": true}",
    "{\"controlPlaneSecurityEnabled\": null}",
    "{\"citadel\": {\"enabled\": false}}",
    "{\"citadel\": null}",
    "{\"sidecarInjector\": {\"enabled\": false}}",
    "{\"sidecarInjector\": {\"enabled\": true}}",
    "{\"imageHub\": \"registry.example.com/istio\"}",
    "{\"pause\": true}",
    "{\"pause\": false}",
};

static void change_spec(struct users *p, json_t *remote)
{
    users_patch_spec(p, remote, patches, ARRAY_LEN(patches));
    if (rng_chance(p->rng, 400))
        json_object_del(json_object_get(remote, "spec"), "pause");
}

static void join(struct users *p, size_t remote)
{
    _cleanup_free_ char *name = name_of(remote);
    json_t *o = OBJECT(MAP("metadata", STRING("name", name)), MAP("spec"));

    for (int n = (int)rng_below(p->rng, 3); n > 0; n--)
        change_spec(p, o);
    users_create(p, remotes(p), rng_chance(p->rng, 950) ? MESH_NS : "default", o);
    if (rng_chance(p->rng, 800))
        write_good_kubeconfig(p, remote);
}

void users_join(struct users *p)
{
    for (size_t remote = 1; remote <= p->remote_count; remote++)
        if (rng_chance(p->rng, 700))
            join(p, remote);
}

void create_remote(struct users *p)
{
    join(p, any_remote(p));
}

void change_remote(struct users *p)
{
    struct pick x = the_remote(p, any_remote(p));

    if (x.object) {
        change_spec(p, x.object);
        users_put(p, &x);
    }
    json_decref(x.object);
}

static bool any_of_remotes(const struct collection *kind, const json_t *o)
{
    (void)o;
    return str_eq(kind->plural, "remoteistios");
}

void delete_remote(struct users *p)
{
    struct pick x = users_pick(p, any_of_remotes);

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

static void let_go(struct users *p, size_t remote, struct pick *x)
{
    json_object_set_new(doc_make(x->object, "metadata", "annotations"), REMOTE_ABANDON, json_string("true"));
    users_put(p, x);
    users_remove(p, x);
    p->remotes[remote - 1].excused = true;
}

void abandon_remote(struct users *p)
{
    size_t remote = any_remote(p);
    struct pick x = the_remote(p, remote);

    if (x.object)
        let_go(p, remote, &x);
    json_decref(x.object);
}

void force_remote(struct users *p)
{
    size_t remote = any_remote(p);
    struct pick x = the_remote(p, remote);

    if (x.object) {
        json_object_del(json_object_get(x.object, "metadata"), "finalizers");
        users_put(p, &x);
        p->remotes[remote - 1].excused = true;
    }
    json_decref(x.object);
}

/* Before the operator, or in spite of it. A Service with an address of its own could never become what is desired. */
void precede(struct users *p)
{
    static const char *const names[] = {"istio-pilot", "istio-policy", "istio-telemetry", "zipkin"};
    const char *name = names[rng_below(p->rng, ARRAY_LEN(names))];
    bool service = rng_chance(p->rng, 500);

    users_create(p, server_find(p->server, "", service ? "services" : "endpoints"), MESH_NS,
                 OBJECT(MAP("metadata", STRING("name", name)),
                        OPT(service, MAP("spec", STRING("clusterIP", "None"),
                                         SEQ("ports", ITEM(STRING("name", "web"), INT("port", 80))))),
                        OPT(!service, SEQ("subsets", ITEM(SEQ("addresses", ITEM(STRING("ip", "10.1.1.1"))),
                                                          SEQ("ports", ITEM(INT("port", 80))))))));
}

size_t users_count_remotes(struct users *p)
{
    const struct collection *kind = remotes(p);

    return kind ? map_len(kind->objects) : 0;
}

static void settle(struct users *p, size_t remote, struct pick *x)
{
    bool deleting = doc_at(x->object, "metadata", "deletionTimestamp");

    if (deleting || rng_chance(p->rng, 850))
        write_good_kubeconfig(p, remote);
    if (x->object && rng_chance(p->rng, 250)) {
        write_good_kubeconfig(p, remote);
        users_remove(p, x);
    }
}

/* A namespace that ends takes the kubeconfigs with it, and no new ones. */
static bool namespace_ends(struct users *p)
{
    const json_t *ns = server_get(server_find(p->server, "", "namespaces"), NULL, MESH_NS);

    return doc_at(ns, "metadata", "deletionTimestamp");
}

/* Kubeconfigs are read in the namespace of the mesh alone, and another one may be it when ours is gone. */
static bool mesh_is_elsewhere(struct users *p)
{
    const struct collection *kind = server_find(p->server, API_GROUP, "istios");
    const json_t *mesh = server_get(kind, MESH_NS, MESH_NAME);

    return server_get(kind, "default", "second") && (!mesh || doc_at(mesh, "metadata", "deletionTimestamp"));
}

void users_settle_remotes(struct users *p)
{
    for (size_t remote = 1; remote <= p->remote_count; remote++) {
        struct pick x = the_remote(p, remote);
        if (x.object && (namespace_ends(p) || mesh_is_elsewhere(p)))
            let_go(p, remote, &x);
        else
            settle(p, remote, &x);
        json_decref(x.object);
    }
}
