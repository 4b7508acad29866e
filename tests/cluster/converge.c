#include "converge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/kept.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "reconcile/marks.h"

static void must_answer_until(msec_t until)
{
    wait_until(server_answers, NULL, until - clock_now_monotonic(), "the API server answers");
}

/* Why the resource's status is not yet what it should be in the end; NULL: it is. Owned by the caller. */
static char *status_difference(const json_t *mesh)
{
    const char *word = str_or(doc_string(mesh, "status", "Status"), "");

    if (!str_eq(word, "Available"))
        return str_printf("the status is \"%s\": %s", word, str_or(doc_string(mesh, "status", "ErrorMessage"), ""));
    if (!json_equal(doc_at(mesh, "status", "observedGeneration"), doc_at(mesh, "metadata", "generation")))
        return str_dup("the status is about an older generation");
    return NULL;
}

/* What the mesh asks for, with the defaults that it keeps from an older version. */
static json_t *spec_of(const json_t *mesh)
{
    const char *version = doc_string(mesh, "spec", "version");
    _cleanup_json_ json_t *kept = version ? kept_apply(mesh, version) : doc_copy(mesh);

    return doc_copy(doc_at(kept, "spec"));
}

/* Keys of the desired objects. */
static struct map *desired_keys(const json_t *mesh)
{
    _cleanup_json_ json_t *asked = spec_of(mesh);
    _cleanup_free_ char *spec = doc_text(asked);
    struct desired_set *set = mesh_objects_of(spec);
    struct map *keys = map_new(NULL);

    for (size_t i = 0; i < set->len; i++) {
        _cleanup_free_ char *key = object_key(set->items[i].kind, set->items[i].ns, set->items[i].name);
        map_put(keys, key, keys);
    }
    desired_free(set);
    return keys;
}

/* Desired objects that are not there with our mark, and marked ones that nobody wants. */
static char *object_difference(const json_t *mesh)
{
    _cleanup_map_ struct map *desired = desired_keys(mesh);
    _cleanup_json_ json_t *marked = mesh_objects_in_cluster();
    const char *key;
    json_t *item;
    void *value;
    size_t i;

    json_array_foreach(marked, i, item) {
        const struct kube_kind *kind = &mesh_kinds.rows[doc_int(doc_at(item, "row"), -1)];
        _cleanup_free_ char *marked_key = object_key(kind, doc_string(item, "ns"), doc_string(item, "name"));
        /* Definitions that another release has stay, with the users' objects. */
        if (!map_remove(desired, marked_key) && !kind->is_definition)
            return str_printf("%s is marked, and nobody wants it", marked_key);
    }
    i = 0;
    return map_next(desired, &i, &key, &value) ? str_printf("%s is not there", key) : NULL;
}

/* What a process that knows nothing of the running operator would change. */
static char *fresh_difference(const json_t *mesh)
{
    _cleanup_free_ char *file = str_printf("%s/mesh-%d.yaml", getenv("TEST_OUTPUT"), (int)getpid());
    _cleanup_free_ char *command = NULL, *text = NULL;
    _cleanup_json_ json_t *resource = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", MESH), STRING("namespace", NS)),
        VALUE("spec", spec_of(mesh)));
    FILE *f = fopen(file, "we");
    int code;

    assert_non_null(f);
    text = doc_text(resource);
    fputs(text, f);
    fclose(f);
    command = str_printf(
        "'%s' diff --kubeconfig '%s' -f '%s' > '%s.diff' 2>&1",
        getenv("TEST_OPERATOR"),
        getenv("TEST_KUBECONFIG"),
        file,
        file);
    code = run_shell(command);
    return code ? str_printf("`diff` ends with %d, see %s.diff", code, file) : NULL;
}

/* The first thing that is not yet as it should be, as the operator says; NULL: nothing. Owned by the caller. */
static char *difference_told(void)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    char *difference = mesh ? status_difference(mesh) : str_dup("the resource is not there");

    return difference || (operator_is_settled() && operator_metric("queue_waiting") == 0)
               ? difference
               : str_dup("the operator has something to write");
}

/* The same, as others see it. */
static char *difference_seen(void)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    char *difference = mesh ? object_difference(mesh) : str_dup("the resource is not there");

    return difference ? difference : fresh_difference(mesh);
}

static char *resource_left(void)
{
    return cluster_has(ISTIO, NS, MESH) ? str_dup("the resource is there") : NULL;
}

/* Objects that are left of a mesh that is gone; NULL: none. */
static char *remainder_of(void)
{
    _cleanup_json_ json_t *marked = NULL;
    json_t *item;
    size_t i;

    marked = mesh_objects_in_cluster();
    json_array_foreach(marked, i, item) {
        const struct kube_kind *kind = &mesh_kinds.rows[doc_int(doc_at(item, "row"), -1)];
        if (!str_eq(kind->kind, "CustomResourceDefinition"))
            return str_printf("%s %s is left", kind->kind, doc_string(item, "name"));
    }
    return NULL;
}

/* Two looks at one state, each NULL where it finds no difference; and when the first found none for good. */
struct looks {
    char *(*told)(void), *(*seen)(void);
    msec_t told_none;
};

static bool finds_no_difference(void *context)
{
    struct looks *looks = context;
    _cleanup_free_ char *difference = looks->told();

    looks->told_none = clock_now_monotonic();
    if (!difference)
        difference = looks->seen();
    if (difference)
        wait_saw("%s", difference);
    return !difference;
}

/* How long it took until the last difference was no longer told. */
static msec_t wait_for_none(char *(*told)(void), char *(*seen)(void), msec_t timeout)
{
    struct looks looks = {told, seen, 0};
    msec_t start = clock_now_monotonic(), until = start + timeout;

    must_answer_until(until);
    wait_until(finds_no_difference, &looks, until - clock_now_monotonic(), "everything is as it is asked for");
    return looks.told_none - start;
}

msec_t converge_wait(msec_t timeout)
{
    return wait_for_none(difference_told, difference_seen, timeout);
}

msec_t converge_wait_gone(msec_t timeout)
{
    return wait_for_none(resource_left, remainder_of, timeout);
}

/* One of each place in which the operator writes; some names are like those of the mesh. */
static const struct {
    const char *api_version, *kind, *ns, *name;
} bystanders[] = {
    {"v1", "ConfigMap", NS, "istio-theirs"},
    {"v1", "ConfigMap", "default", "istio"},
    {"v1", "ServiceAccount", NS, "istio-theirs"},
    {"rbac.authorization.k8s.io/v1", "ClusterRole", NULL, "istio-theirs"},
    {"v1", "Namespace", NULL, "istio-theirs"},
};
static char *bystander_before[ARRAY_LEN(bystanders)];

/* Its identity and version; a ServiceAccount's tokens are the controllers' matter. */
static char *bystander_text(size_t i)
{
    const struct kube_kind *kind = kind_of(bystanders[i].api_version, bystanders[i].kind);
    _cleanup_json_ json_t *object = cluster_get(kind, bystanders[i].ns, bystanders[i].name);

    if (!object)
        return str_dup("");
    json_object_del(object, "secrets");
    json_object_del(json_object_get(object, "metadata"), "managedFields");
    if (str_eq(kind->kind, "ServiceAccount"))
        json_object_del(json_object_get(object, "metadata"), "resourceVersion");
    return doc_text(object);
}

void bystanders_make(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bystanders); i++) {
        const struct kube_kind *kind = kind_of(bystanders[i].api_version, bystanders[i].kind);
        _cleanup_json_ json_t *object = OBJECT(
            STRING("apiVersion", bystanders[i].api_version),
            STRING("kind", bystanders[i].kind),
            MAP("metadata",
                STRING("name", bystanders[i].name),
                STRING("namespace", bystanders[i].ns),
                MAP("labels", STRING("app", "istio"), STRING("heritage", "Tiller"))));
        if (!cluster_has(kind, bystanders[i].ns, bystanders[i].name))
            cluster_create(kind, object);
        pause_ms(200); /* controllers have their say first: a finalizer, a token */
        free(bystander_before[i]);
        bystander_before[i] = bystander_text(i);
    }
}

void bystanders_check(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bystanders); i++) {
        _cleanup_free_ char *now = bystander_text(i);
        if (!str_eq(now, bystander_before[i]))
            fail_msg(
                "%s %s of others is not as it was:\n%s\n%s",
                bystanders[i].kind,
                bystanders[i].name,
                bystander_before[i],
                now);
    }
}

void bystanders_remove(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bystanders); i++) {
        cluster_delete_if_there(
            kind_of(bystanders[i].api_version, bystanders[i].kind), bystanders[i].ns, bystanders[i].name);
        free(bystander_before[i]);
        bystander_before[i] = NULL;
    }
}
