#include "api/crd.h"

#include "base/str.h"
#include "doc/build.h"

/* Documents are written row by row, as in doc/build.h. */
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
            V("spec", field_schema(r->spec, "What is desired.", form)),
            V("status", field_schema(r->status, "What is there; written by the operator.", form))));
}

/* `schema` and the columns that are `printed` may be NULL: then there are none. Takes them over. */
static json_t *v1_spec(const struct api_resource *r, json_t *schema, json_t *printed)
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
                MAP("schema", V("openAPIV3Schema", schema)),
                MAP("subresources", MAP("status")),
                V("additionalPrinterColumns", printed))));
}

static json_t *v1beta1_spec(const struct api_resource *r, json_t *schema, json_t *printed)
{
    return OBJECT(
        S("group", API_GROUP),
        V("names", names(r)),
        S("scope", "Namespaced"),
        S("version", API_VERSION),
        OPT(schema, MAP("validation", V("openAPIV3Schema", schema))),
        MAP("subresources", MAP("status")),
        V("additionalPrinterColumns", printed));
}

/* v1 asks for a schema. */
static json_t *any_schema(void)
{
    return OBJECT(S("type", "object"), B("x-kubernetes-preserve-unknown-fields", true));
}

/* `spec` is taken over; NULL: there is no such version of definitions. */
static json_t *definition(const struct api_resource *r, const char *crd_version, json_t *spec)
{
    if (!spec)
        return NULL;
    return OBJECT(
        F("apiVersion", "apiextensions.k8s.io/%s", crd_version),
        S("kind", "CustomResourceDefinition"),
        MAP("metadata", F("name", "%s.%s", r->plural, API_GROUP), MAP("labels", S("controller-tools.k8s.io", "1.0"))),
        V("spec", spec));
}

json_t *api_crd(const struct api_resource *r, const char *crd_version)
{
    json_t *spec = NULL;

    if (str_eq(crd_version, "v1"))
        spec = v1_spec(r, root_schema(r, SCHEMA_V1), columns(r, "jsonPath"));
    else if (str_eq(crd_version, "v1beta1"))
        spec = v1beta1_spec(r, root_schema(r, SCHEMA_V1BETA1), columns(r, "JSONPath"));
    return definition(r, crd_version, spec);
}

json_t *api_crd_bare(const struct api_resource *r, const char *crd_version)
{
    json_t *spec = NULL;

    if (str_eq(crd_version, "v1"))
        spec = v1_spec(r, any_schema(), NULL);
    else if (str_eq(crd_version, "v1beta1"))
        spec = v1beta1_spec(r, NULL, NULL);
    return definition(r, crd_version, spec);
}
