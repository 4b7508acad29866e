/*
 * Validation, held to a real API server: what it accepts is taken, and what it refuses is refused. Values are made from
 * the tables; the server is asked with dry runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/kubernetes.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "values.h"

/* The newest Kubernetes that Istio 1.0 runs on. */
#define ISTIO_1_0_MOST 21
#define ANSWER_MAX ((size_t)64 << 20)

static struct {
    int minor;
    const char **versions; /* those that have a table of fields */
    struct map *seen;      /* texts that the server was asked about */
    size_t asked, wrong;
} t;

/* Why the server does not take an object; NULL: it would. Owned by the caller. */
static char *refusal(const struct kube_kind *kind, const char *version, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object), *path = NULL;
    _cleanup_buf_ struct buf body = BUF_INIT;
    struct net_request request = kube_request_create(kind, version, kind->namespaced ? NS : NULL, text);
    struct err e;
    int status;

    path = request.path;
    request.path = str_printf("%s?dryRun=All", path);
    t.asked++;
    return net_client_wait(h.client, &request, &body, &status, &e) < 0 ? str_dup(e.text) : NULL;
}

static void complain(const char *what, const char *path, const char *text, const char *why)
{
    t.wrong++;
    print_message("%s: %s\n    %.300s\n    %.600s\n", what, path, why, text);
}

/* --- what a resource is accepted with --- */

static void ask_for_objects(const char *path, const json_t *resource, const struct desired_set *desired)
{
    for (size_t i = 0; i < desired->len; i++) {
        const struct desired *w = &desired->items[i];
        _cleanup_json_ json_t *object = NULL;
        _cleanup_free_ char *why = NULL;
        if (map_has(t.seen, w->text))
            continue;
        map_put(t.seen, w->text, &t);
        assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &object, NULL), 0);
        why = refusal(
            w->kind,
            strchr(doc_string(object, "apiVersion"), '/') ? strchr(doc_string(object, "apiVersion"), '/') + 1 : "v1",
            object);
        if (why) {
            _cleanup_free_ char *text = doc_text(doc_at(resource, "spec"));
            complain("accepted, but the server refuses an object", path, text, why);
        }
    }
}

/* Reported and not read: the server holds it to the type that it has in another release. */
static bool is_of_another_release(const char *path, const json_t *resource)
{
    const struct field_table *table = api_edition_of(&api_resource_istio, resource, NULL).form->spec;
    const struct field *row = NULL;

    path += strlen("spec");
    while (*path == '.' && table) {
        size_t len = strcspn(++path, ".[");
        row = NULL;
        for (size_t i = 0; i < table->len; i++)
            if (strlen(table->rows[i].name) == len && strncmp(table->rows[i].name, path, len) == 0)
                row = &table->rows[i];
        table = row ? row->table : NULL;
        path += len;
    }
    return !*path && row && row->type == FIELD_UNSUPPORTED;
}

static void check_spec(const char *path, const json_t *spec, void *context)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_free_ char *text = doc_text(spec), *why = NULL;
    _cleanup_json_ json_t *resource = mesh_resource(MESH, text);
    _cleanup_desired_ struct desired_set *desired = mesh_desired_objects(resource, t.minor, t.versions, &problems);

    (void)context;
    if (!desired)
        return;
    why = refusal(ISTIO, API_VERSION, resource);
    if (why && !is_of_another_release(path, resource))
        complain("accepted, but the server refuses the resource", path, text, why);
    ask_for_objects(path, resource, desired);
}

static void what_a_mesh_is_accepted_with_is_taken(void **state)
{
    (void)state;
    t.asked = t.wrong = 0;
    values_each_spec(&api_resource_istio, t.minor > ISTIO_1_0_MOST ? "1.31.1" : NULL, check_spec, NULL);
    print_message("%zu dry runs\n", t.asked);
    assert_true(t.asked > 500);
    assert_int_equal(t.wrong, 0);
}

/* --- objects --- */

/* What is refused here although this server takes it, by the words of the refusal or by the place. */
static const struct {
    const char *words, *place;
} stricter[] = {
    {"and would be dropped", NULL},                    /* it is */
    {"but is null", NULL},                             /* the server makes an empty element of it, which then differs */
    {"write it in quotes", NULL},                      /* of 1.5, which loses digits */
    {"must be an image such as", NULL},                /* no Pod starts with it */
    {"must be less than 92233", NULL},                 /* no node has as much */
    {"text in base64, but is a list", NULL},           /* of bytes */
    {"must be left out unless sessionAffinity", NULL}, /* dropped */
    {"must be a multiple of the page size", NULL},     /* the kernel gives whole pages */
    {NULL, "nodeSelectorTerms"},                       /* no node has such a label */
    {"with hostNetwork, but is", NULL},                /* no Pod starts with it */
    {"with hostIPC, but is", NULL},                    /* the same */
    {NULL, "serviceAccountToken.path"},                /* the same */
    {NULL, "scaleTargetRef.apiVersion"},               /* no such target is found */
    {NULL, "elector.matchLabels"},                     /* where later servers refuse it, too */
    {NULL, "procMount"},                               /* dropped, unless a feature gate is open */
    {NULL, "ipFamilyPolicy"},                          /* the same */
    {NULL, "localhostProfile"},                        /* of "", which means none */
    {NULL, "targetPort"},                              /* of "", which means none */
    {NULL, "nodePort"},                                /* of -1 */
    {NULL, "clientConfig.service"},                    /* no Service has such a name */
    {NULL, "tolerationSeconds"},                       /* what the resource allows, too */
};

static bool is_stricter(const struct problems *problems)
{
    for (size_t i = 0; i < problems->len; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(stricter); k++)
            known |= (stricter[k].words && strstr(problems->items[i].text, stricter[k].words)) ||
                     (stricter[k].place && strstr(problems->items[i].path, stricter[k].place));
        if (!known)
            return false;
    }
    return true;
}

static bool is_served(const struct kube_kind *kind, const char *version)
{
    for (size_t i = 0; i < KUBE_VERSIONS_MAX && kind->versions[i].name; i++) {
        const struct kube_version *v = &kind->versions[i];
        if (str_eq(v->name, version))
            return t.minor >= v->since && (!v->until || t.minor <= v->until);
    }
    return true;
}

static void check_variant(const char *path, const json_t *document, void *context)
{
    const struct kube_kind *kind = context;
    const char *api_version = doc_string(document, "apiVersion"), *slash;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_buf_ struct buf said = BUF_INIT;
    _cleanup_free_ char *why = NULL, *text = NULL;

    /* Not for an overlay to change. */
    if (str_eq(path, "apiVersion") || str_eq(path, "kind") || str_eq(path, "metadata") ||
        str_eq(path, "metadata.name") || str_eq(path, "metadata.namespace"))
        return;
    slash = strchr(api_version, '/');
    kubernetes_check(document, t.minor, &problems);
    why = refusal(kind, slash ? slash + 1 : api_version, document);
    if (!problems.errors == !why || (problems.errors && is_stricter(&problems)))
        return;
    problems_text(&problems, PROBLEM_ERROR, "; ", &said);
    text = str_dup(why ? "" : buf_str(&said));
    complain(
        why ? "accepted, but the server refuses it" : "refused, but the server takes it", path, text, str_or(why, ""));
}

static void objects_are_held_to_what_the_server_holds_them(void **state)
{
    _cleanup_json_ json_t *objects = values_objects();
    const char *only = getenv("VALUES_ONLY"); /* a kind, to look closer */
    json_t *object;
    size_t i;

    (void)state;
    t.asked = t.wrong = 0;
    json_array_foreach(objects, i, object) {
        const char *api_version = doc_string(object, "apiVersion"), *slash = strchr(api_version, '/');
        const char *name = doc_string(object, "kind");
        struct kube_kind kind = *kind_of(api_version, name);
        _cleanup_free_ char *why = NULL;
        if ((only && !str_eq(only, name)) || !is_served(&kind, slash ? slash + 1 : api_version))
            continue;
        why = refusal(&kind, slash ? slash + 1 : api_version, object);
        if (why)
            fail_msg("%s %s is no good sample: %s", name, doc_string(object, "metadata", "name"), why);
        values_each_variant(object, check_variant, &kind);
    }
    print_message("%zu dry runs\n", t.asked);
    assert_int_equal(t.wrong, 0);
}

static int set_up(void **state)
{
    if (harness_setup(state) < 0)
        return -1;
    t.minor = cluster_minor();
    t.seen = map_new(NULL);
    t.versions = NEW_ARRAY(const char *, mesh_kinds.len);
    mesh_versions_for(t.minor, t.versions);
    for (size_t i = 0; i < mesh_kinds.len; i++)
        if (mesh_kinds.rows[i].custom || str_eq(mesh_kinds.rows[i].kind, "CustomResourceDefinition"))
            t.versions[i] = NULL;
    return 0;
}

static int tear_down(void **state)
{
    map_free(t.seen);
    free(t.versions);
    return harness_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_mesh_is_accepted_with_is_taken),
        cmocka_unit_test(objects_are_held_to_what_the_server_holds_them),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
