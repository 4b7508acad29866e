#include "others.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define CRD kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition")

static char *definition_of(const struct kube_kind *kind)
{
    return str_printf("%s.%s", kind->plural, kind->group);
}

void others_create_definition(const struct kube_kind *kind)
{
    _cleanup_free_ char *name = definition_of(kind);
    _cleanup_json_ json_t *definition = OBJECT(
        STRING("apiVersion", "apiextensions.k8s.io/v1"),
        STRING("kind", "CustomResourceDefinition"),
        MAP("metadata", STRING("name", name)),
        MAP("spec",
            STRING("group", kind->group),
            STRING("scope", "Namespaced"),
            MAP("names",
                STRING("kind", kind->kind),
                FORMAT("listKind", "%sList", kind->kind),
                STRING("plural", kind->plural)),
            SEQ("versions",
                ITEM(
                    STRING("name", kind->versions[0].name),
                    BOOL("served", true),
                    BOOL("storage", true),
                    MAP("schema",
                        MAP("openAPIV3Schema",
                            STRING("type", "object"),
                            BOOL("x-kubernetes-preserve-unknown-fields", true)))))));

    cluster_create(CRD, definition);
}

void others_delete_definitions(const enum mesh_kind_id *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *name = definition_of(mesh_kind(kinds[i]));
        struct place place = {CRD, NULL, name};
        cluster_delete_if_there(CRD, NULL, name);
        wait_until(cluster_lacks, &place, PATIENCE, name);
    }
}

void others_create(const struct kube_kind *kind, const char *name, json_t *spec)
{
    _cleanup_json_ json_t *object = OBJECT(
        FORMAT("apiVersion", "%s/%s", kind->group, kind->versions[0].name),
        STRING("kind", kind->kind),
        MAP("metadata", STRING("name", name), STRING("namespace", NS), MAP("labels", STRING("theirs", "yes"))),
        VALUE("spec", spec));

    cluster_create_when_possible(kind, object);
}

struct count {
    const char *group;
    size_t requests;
};

static void count_request(void *context, const json_t *entry)
{
    struct count *count = context;

    count->requests += str_eq(doc_string(entry, "objectRef", "apiGroup"), count->group);
}

size_t others_requests(const char *group, long position)
{
    struct count count = {.group = group};

    audit_read(position, count_request, &count);
    return count.requests;
}

struct condition {
    const char *type, *reason;
};

static bool condition_is(void *context)
{
    const struct condition *wanted = context;
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *condition = doc_find(doc_at(mesh, "status", "conditions"), "type", wanted->type);

    wait_saw("%s: %s", str_or(doc_string(condition, "reason"), "none"), str_or(doc_string(condition, "message"), ""));
    return str_eq(doc_string(condition, "reason"), *wanted->reason ? wanted->reason : NULL);
}

void mesh_wait_condition(const char *type, const char *reason)
{
    struct condition wanted = {type, reason};

    wait_until(condition_is, &wanted, PATIENCE, reason);
}
