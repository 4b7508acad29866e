#include "api/crd.h"

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

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
                STRING("name", column->name),
                STRING("type", column->type),
                STRING("description", column->doc),
                STRING(path_key, column->path),
                OPT(column->priority, INT("priority", column->priority))));
    return seq;
}

static json_t *names(const struct api_resource *r)
{
    return OBJECT(STRING("kind", r->kind), STRING("listKind", r->list_kind), STRING("plural", r->plural), STRING("singular", r->singular));
}

static void merge_properties(json_t *schema, const json_t *other, enum schema_form how);

static bool is_alike(const json_t *a, const json_t *b, const char *key)
{
    return !json_object_get(a, key) == !json_object_get(b, key);
}

/* Of a field that these releases do not have. */
static bool is_unsupported(const json_t *schema)
{
    return !json_object_get(schema, "type") && str_starts(str_or(doc_string(schema, "description"), ""), "Not supported: ");
}

static void drop_defaults(json_t *schema);

/*
 * What is given under a field may be meant for any of the releases that have it: where they disagree on what it must
 * be, the schema says nothing. A release that does not have it has no say in that.
 */
static void merge_schema(json_t *schema, const json_t *other, enum schema_form how)
{
    static const char *const nested[] = {"items", "additionalProperties"};
    _cleanup_json_ json_t *before = json_copy(schema);
    const char *key;
    json_t *value;

    if (is_unsupported(schema) != is_unsupported(other)) {
        if (is_unsupported(schema)) {
            json_object_clear(schema);
            json_object_update_new(schema, json_deep_copy(other));
        }
        drop_defaults(schema);
        return;
    }
    if (!str_eq(doc_string(schema, "type"), doc_string(other, "type")) || !is_alike(schema, other, "properties") ||
        !is_alike(schema, other, "additionalProperties")) {
        json_object_clear(schema);
        json_object_set(schema, "description", json_object_get(before, "description"));
        if (how == SCHEMA_V1)
            json_object_set_new(schema, "x-kubernetes-preserve-unknown-fields", json_true());
        return;
    }
    json_object_foreach(before, key, value) {
        bool stays = str_eq(key, "description") || str_eq(key, "properties") ||
                     (json_is_true(value) && !str_eq(key, "default"));
        for (size_t i = 0; i < ARRAY_LEN(nested); i++)
            stays = stays || str_eq(key, nested[i]);
        if (!stays && !json_equal(value, json_object_get(other, key)))
            json_object_del(schema, key);
    }
    json_object_foreach((json_t *)other, key, value)
        if (json_is_true(value) && !str_eq(key, "default"))
            json_object_set(schema, key, value);
    for (size_t i = 0; i < ARRAY_LEN(nested); i++)
        if (json_object_get(schema, nested[i]))
            merge_schema(json_object_get(schema, nested[i]), json_object_get(other, nested[i]), how);
    if (json_object_get(schema, "properties"))
        merge_properties(schema, other, how);
}

/* The API server would store a default in a resource whose release does not know the field. */
static void drop_defaults(json_t *schema)
{
    const char *key;
    json_t *value;

    json_object_del(schema, "default");
    json_object_foreach(doc_at(schema, "properties"), key, value)
        drop_defaults(value);
}

static void merge_properties(json_t *schema, const json_t *other, enum schema_form how)
{
    json_t *merged = doc_at(schema, "properties"), *added = doc_at(other, "properties"), *value;
    const char *key;

    json_object_foreach(merged, key, value)
        if (!json_object_get(added, key))
            drop_defaults(value);
    json_object_foreach(added, key, value) {
        if (json_object_get(merged, key)) {
            merge_schema(json_object_get(merged, key), value, how);
            continue;
        }
        json_object_set_new(merged, key, json_deep_copy(value));
        drop_defaults(json_object_get(merged, key));
    }
}

/* Of all forms. */
static json_t *spec_schema(const struct api_resource *r, enum schema_form how)
{
    const struct api_form *form;
    json_t *schema = NULL;

    for (size_t i = 0; (form = api_form_next(r, &i));) {
        json_t *one = field_schema(form->spec, "What is desired.", how);
        if (schema)
            merge_schema(schema, one, how);
        else
            schema = json_incref(one);
        json_decref(one);
    }
    return schema;
}

/*
 * Kubernetes before 1.12 refuses anything but `properties` and `required` at the root of a schema whose resource
 * has the status subresource, so v1beta1 has no `type` there.
 */
static json_t *root_schema(const struct api_resource *r, enum schema_form form)
{
    return OBJECT(
        OPT(form == SCHEMA_V1, STRING("description", r->doc)),
        OPT(form == SCHEMA_V1, STRING("type", "object")),
        MAP("properties",
            MAP("apiVersion", STRING("type", "string")),
            MAP("kind", STRING("type", "string")),
            MAP("metadata", STRING("type", "object")),
            VALUE("spec", spec_schema(r, form)),
            VALUE("status", field_schema(r->status, "What is there; written by the operator.", form))));
}

/* `schema` and the columns that are `printed` may be NULL: then there are none. Takes them over. */
static json_t *v1_spec(const struct api_resource *r, json_t *schema, json_t *printed)
{
    return OBJECT(
        STRING("group", API_GROUP),
        VALUE("names", names(r)),
        STRING("scope", "Namespaced"),
        SEQ("versions",
            ITEM(
                STRING("name", API_VERSION),
                BOOL("served", true),
                BOOL("storage", true),
                MAP("schema", VALUE("openAPIV3Schema", schema)),
                MAP("subresources", MAP("status")),
                VALUE("additionalPrinterColumns", printed))));
}

static json_t *v1beta1_spec(const struct api_resource *r, json_t *schema, json_t *printed)
{
    return OBJECT(
        STRING("group", API_GROUP),
        VALUE("names", names(r)),
        STRING("scope", "Namespaced"),
        STRING("version", API_VERSION),
        OPT(schema, MAP("validation", VALUE("openAPIV3Schema", schema))),
        MAP("subresources", MAP("status")),
        VALUE("additionalPrinterColumns", printed));
}

/* v1 asks for a schema. */
static json_t *any_schema(void)
{
    return OBJECT(STRING("type", "object"), BOOL("x-kubernetes-preserve-unknown-fields", true));
}

/* `spec` is taken over; NULL: there is no such version of definitions. */
static json_t *definition(const struct api_resource *r, const char *crd_version, json_t *spec)
{
    if (!spec)
        return NULL;
    return OBJECT(
        FORMAT("apiVersion", "apiextensions.k8s.io/%s", crd_version),
        STRING("kind", "CustomResourceDefinition"),
        MAP("metadata", FORMAT("name", "%s.%s", r->plural, API_GROUP), MAP("labels", STRING("controller-tools.k8s.io", "1.0"))),
        VALUE("spec", spec));
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
