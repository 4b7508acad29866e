#include "api/crd.h"

#include "base/str.h"
#include "json/build.h"

/* Documents are written row by row, as in json/build.h. */
/* clang-format off */

/* In v1beta1 the path has another spelling. */
static json_t *columns(const struct api_resource *r, const char *path_key)
{
    json_t *seq = json_array();

    for (const struct api_column *column = r->columns; column->name; column++)
        json_array_append_new(
            seq,
            OBJECT(
                S("name", column->name),
                S("type", column->type),
                S("description", column->doc),
                S(path_key, column->path),
                OPT(column->priority, N("priority", column->priority))));
    return seq;
}

static json_t *names(const struct api_resource *r)
{
    return OBJECT(S("kind", r->kind), S("listKind", r->list_kind), S("plural", r->plural), S("singular", r->singular));
}

/*
 * Kubernetes before 1.12 refuses anything but `properties` and `required` at the root of a schema whose resource
 * has the status subresource, so v1beta1 has no `type` there.
 */
static json_t *root_schema(const struct api_resource *r, enum schema_form form)
{
    return OBJECT(
        OPT(form == SCHEMA_V1, S("description", r->doc)),
        OPT(form == SCHEMA_V1, S("type", "object")),
        MAP("properties",
            MAP("apiVersion", S("type", "string")),
            MAP("kind", S("type", "string")),
            MAP("metadata", S("type", "object")),
            V("spec", field_schema(r->spec, "What is wanted.", form)),
            V("status", field_schema(r->status, "What is there; written by the operator.", form))));
}

static json_t *v1_spec(const struct api_resource *r)
{
    return OBJECT(
        S("group", API_GROUP),
        V("names", names(r)),
        S("scope", "Namespaced"),
        SEQ("versions",
            ITEM(
                S("name", API_VERSION),
                B("served", true),
                B("storage", true),
                MAP("schema", V("openAPIV3Schema", root_schema(r, SCHEMA_V1))),
                MAP("subresources", MAP("status")),
                V("additionalPrinterColumns", columns(r, "jsonPath")))));
}

static json_t *v1beta1_spec(const struct api_resource *r)
{
    return OBJECT(
        S("group", API_GROUP),
        V("names", names(r)),
        S("scope", "Namespaced"),
        S("version", API_VERSION),
        MAP("validation", V("openAPIV3Schema", root_schema(r, SCHEMA_V1BETA1))),
        MAP("subresources", MAP("status")),
        V("additionalPrinterColumns", columns(r, "JSONPath")));
}

/* v1 asks for a schema. */
static json_t *v1_bare_spec(const struct api_resource *r)
{
    return OBJECT(
        S("group", API_GROUP),
        V("names", names(r)),
        S("scope", "Namespaced"),
        SEQ("versions",
            ITEM(
                S("name", API_VERSION),
                B("served", true),
                B("storage", true),
                MAP("schema",
                    MAP("openAPIV3Schema",
                        S("type", "object"),
                        B("x-kubernetes-preserve-unknown-fields", true))),
                MAP("subresources", MAP("status")))));
}

static json_t *v1beta1_bare_spec(const struct api_resource *r)
{
    return OBJECT(
        S("group", API_GROUP),
        V("names", names(r)),
        S("scope", "Namespaced"),
        S("version", API_VERSION),
        MAP("subresources", MAP("status")));
}

static json_t *definition(
    const struct api_resource *r, const char *crd_version, json_t *(*v1)(const struct api_resource *),
    json_t *(*v1beta1)(const struct api_resource *))
{
    bool is_v1 = str_eq(crd_version, "v1");

    if (!is_v1 && !str_eq(crd_version, "v1beta1"))
        return NULL;
    return OBJECT(
        F("apiVersion", "apiextensions.k8s.io/%s", crd_version),
        S("kind", "CustomResourceDefinition"),
        MAP("metadata", F("name", "%s.%s", r->plural, API_GROUP), MAP("labels", S("controller-tools.k8s.io", "1.0"))),
        V("spec", is_v1 ? v1(r) : v1beta1(r)));
}

json_t *api_crd(const struct api_resource *r, const char *crd_version)
{
    return definition(r, crd_version, v1_spec, v1beta1_spec);
}

json_t *api_crd_bare(const struct api_resource *r, const char *crd_version)
{
    return definition(r, crd_version, v1_bare_spec, v1beta1_bare_spec);
}
