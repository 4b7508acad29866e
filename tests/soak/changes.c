#include "changes.h"

#include <stdlib.h>
#include <string.h>

#include "../cluster/harness.h"
#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/marks.h"

static unsigned draw(unsigned *seed, unsigned below)
{
    return (unsigned)rand_r(seed) % below;
}

/* All that a switch sets, as it is in the first spec. */
static const char unswitched[] = "{\"spec\": {\"mtls\": null, \"controlPlaneSecurityEnabled\": null,"
                                 " \"autoInjectionNamespaces\": [\"default\"], \"includeIPRanges\": null,"
                                 " \"defaultPodDisruptionBudget\": null}}";

static const char *const switches[] = {
    "{\"spec\": {\"mtls\": true}}",
    "{\"spec\": {\"mtls\": false}}",
    "{\"spec\": {\"controlPlaneSecurityEnabled\": true}}",
    "{\"spec\": {\"controlPlaneSecurityEnabled\": false}}",
    "{\"spec\": {\"autoInjectionNamespaces\": [\"default\", \"shop\"]}}",
    "{\"spec\": {\"autoInjectionNamespaces\": [\"default\"]}}",
    "{\"spec\": {\"includeIPRanges\": \"10.0.0.0/8\"}}",
    "{\"spec\": {\"includeIPRanges\": \"*\"}}",
    "{\"spec\": {\"includeIPRanges\": \"10.0.0.0/99\"}}", /* refused; stays so until the next one */
    "{\"spec\": {\"defaultPodDisruptionBudget\": {\"enabled\": true}}}",
    "{\"spec\": {\"defaultPodDisruptionBudget\": {\"enabled\": false}}}",
};

static void switch_something(unsigned *seed)
{
    cluster_try_patch(ISTIO, NS, MESH, switches[draw(seed, ARRAY_LEN(switches))]);
}

/* A row of mesh_kinds and one object of it, among those that carry our mark. */
static json_t *draw_object(unsigned *seed, const struct kube_kind **ret_kind)
{
    for (int tries = 0; tries < 10; tries++) {
        const struct kube_kind *kind = &mesh_kinds.rows[draw(seed, (unsigned)mesh_kinds.len)];
        _cleanup_json_ json_t *items = is_of_mesh(kind) ? cluster_list(kind, MARK_OWNER) : NULL;
        if (!json_array_size(items))
            continue;
        *ret_kind = kind;
        return json_incref(json_array_get(items, draw(seed, (unsigned)json_array_size(items))));
    }
    return NULL;
}

static void delete_something(unsigned *seed)
{
    const struct kube_kind *kind;
    _cleanup_json_ json_t *object = draw_object(seed, &kind);

    if (object)
        cluster_delete_if_there(kind, doc_string(object, "metadata", "namespace"),
                                doc_string(object, "metadata", "name"));
}

static void break_something(unsigned *seed)
{
    const struct kube_kind *kind;
    _cleanup_json_ json_t *object = draw_object(seed, &kind);

    if (object)
        cluster_try_patch(kind, doc_string(object, "metadata", "namespace"), doc_string(object, "metadata", "name"),
                          draw(seed, 2) ? "{\"metadata\": {\"labels\": {\"app\": \"theirs\"}}}"
                                        : "{\"metadata\": {\"annotations\": {\"" MARK_APPLIED
                                          "\": \"{\"}, \"labels\": {\"app\": null}}}");
}

static void create_mesh(void)
{
    _cleanup_json_ json_t *mesh = mesh_resource(MESH, SPEC_WITHOUT_FIXED_PORTS);
    _cleanup_free_ char *text = doc_text(mesh);

    cluster_try(kube_request_create(ISTIO, cluster_version(ISTIO), NS, text));
}

static bool mesh_answers(void)
{
    return cluster_try(kube_request_get(ISTIO, cluster_version(ISTIO), NS, MESH));
}

static bool mesh_is_gone(void *context)
{
    (void)context;
    return !mesh_answers();
}

static void make_the_mesh_again(unsigned *seed)
{
    cluster_delete_if_there(ISTIO, NS, MESH);
    wait_try(mesh_is_gone, NULL, SECONDS(30));
    pause_ms((int)draw(seed, 1000));
    create_mesh();
}

static void restart(const char *component)
{
    _cleanup_free_ char *command = str_printf("'%s' restart %s --name '%s' > /dev/null 2>&1",
                                              getenv("TEST_CLUSTER_PROGRAM"), component, getenv("TEST_CLUSTER"));

    run_shell(command);
}

static void restart_the_api_server(unsigned *seed)
{
    (void)seed;
    restart("kube-apiserver");
}

static void restart_etcd(unsigned *seed)
{
    (void)seed;
    restart("etcd");
}

/* Of a thousand changes so many are of this sort. */
static const struct {
    const char *what;
    void (*make)(unsigned *seed);
    unsigned share;
} sorts[] = {
    {"restart kube-apiserver", restart_the_api_server, 8},
    {"restart etcd", restart_etcd, 4},
    {"remove and install", make_the_mesh_again, 15},
    {"switch", switch_something, 273},
    {"delete", delete_something, 400},
    {"break", break_something, 300},
};

static void change_something(unsigned *seed, changes_note_fn note, void *context)
{
    unsigned ticket = draw(seed, 1000);
    size_t i = 0;

    while (ticket >= sorts[i].share)
        ticket -= sorts[i++].share;
    note(context, sorts[i].what);
    sorts[i].make(seed);
    pause_ms((int)draw(seed, 2000));
}

static bool is_put_back(void *context)
{
    (void)context;
    if (cluster_try_patch(ISTIO, NS, MESH, unswitched))
        return true;
    if (!mesh_answers())
        create_mesh();
    return false;
}

/* A server that is just being restarted says nothing, as one that has no mesh. */
static bool mesh_is_available(void *context)
{
    _cleanup_json_ json_t *list = cluster_list(ISTIO, NULL);
    const json_t *mesh = json_array_get(list, 0);

    (void)context;
    return str_eq(doc_string(mesh, "status", "Status"), "Available") &&
           json_equal(doc_at(mesh, "status", "observedGeneration"), doc_at(mesh, "metadata", "generation"));
}

#define TO_COME_BACK SECONDS(180)

/* With new connections: what the old ones keep of their busiest moment is no growth, and is not the same each time. */
static bool come_to_rest(void)
{
    restart("kube-apiserver");
    return wait_try(is_put_back, NULL, TO_COME_BACK) && wait_try(mesh_is_available, NULL, TO_COME_BACK);
}

bool changes_make(unsigned seed, const struct changes_times *times, changes_note_fn note, void *context)
{
    msec_t next_rest = clock_now_monotonic() + times->rest_every;

    while (clock_now_monotonic() < times->until) {
        change_something(&seed, note, context);
        if (clock_now_monotonic() < next_rest)
            continue;
        if (!come_to_rest())
            return false;
        note(context, CHANGES_REST);
        pause_ms((int)times->rest_length);
        note(context, CHANGES_GO_ON);
        next_rest = clock_now_monotonic() + times->rest_every;
    }
    return come_to_rest();
}
