#include "mesh/istiod/definitions/definitions.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/definitions/schema.h"
#include "reconcile/marks.h"

#define FILE_MAX ((size_t)1024 * 1024)

extern const char istiod_definitions_common[], istiod_definitions_extensions[], istiod_definitions_networking[],
    istiod_definitions_security[], istiod_definitions_telemetry[];

const struct istiod_definitions_file istiod_definitions_files[] = {
    {"common.yaml", istiod_definitions_common},
    {"extensions.yaml", istiod_definitions_extensions},
    {"networking.yaml", istiod_definitions_networking},
    {"security.yaml", istiod_definitions_security},
    {"telemetry.yaml", istiod_definitions_telemetry},
    {NULL},
};

json_t *istiod_definitions_documents(void)
{
    json_t *documents = json_array();

    for (const struct istiod_definitions_file *f = istiod_definitions_files; f->name; f++) {
        struct yaml_documents parsed;
        if (yaml_parse(f->name, f->text, strlen(f->text), FILE_MAX, &parsed, NULL) < 0 || parsed.len != 1)
            abort(); /* a text of the program */
        json_array_append(documents, parsed.items[0].value);
        yaml_documents_release(&parsed);
    }
    return documents;
}

json_t *istiod_definitions_types(const json_t *documents)
{
    json_t *types = json_object(), *document;
    size_t i;

    json_array_foreach((json_t *)documents, i, document)
        json_object_update(types, json_object_get(document, "types"));
    return types;
}

/* "Host .spec.host" is a column of text; "Age" alone is the one that every kind of Kubernetes has. */
static json_t *columns(const json_t *notation)
{
    json_t *list = json_array(), *column;
    size_t i;

    json_array_foreach((json_t *)notation, i, column) {
        _cleanup_strv_ char **words = str_split(json_string_value(column), ' ');
        json_array_append_new(
            list,
            OBJECT(
                STRING("name", words[0]),
                STRING("type", words[1] ? "string" : "date"),
                STRING("jsonPath", str_or(words[1], ".metadata.creationTimestamp"))));
    }
    return list;
}

/* All of them have the schema and the columns; documents may share parts, because no caller changes a part of them. */
static json_t *versions(const json_t *notation, json_t *schema)
{
    json_t *list = json_array(), *name;
    const char *stored = doc_string(notation, "stored");
    size_t i;

    json_array_foreach(doc_at(notation, "versions"), i, name)
        json_array_append_new(
            list,
            OBJECT(
                VALUE("name", json_incref(name)),
                BOOL("served", true),
                BOOL("storage", stored ? str_eq(stored, json_string_value(name)) : i == 0),
                MAP("subresources", MAP("status")),
                OPT(json_object_get(notation, "columns"),
                    VALUE("additionalPrinterColumns", columns(json_object_get(notation, "columns")))),
                MAP("schema", VALUE("openAPIV3Schema", json_incref(schema)))));
    return list;
}

static json_t *names(const char *kind, const char *category, const json_t *notation)
{
    _cleanup_free_ char *singular = str_dup(kind);

    for (char *c = singular; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return OBJECT(
        STRING("kind", kind),
        FORMAT("listKind", "%sList", kind),
        STRING("plural", doc_string(notation, "plural")),
        STRING("singular", singular),
        VALUE("shortNames", json_incref(json_object_get(notation, "shortNames"))),
        SEQ("categories", ITEM_STRING("istio-io"), ITEM_FORMAT("%s-istio-io", category)));
}

static json_t *
definition(const char *kind, const char *group, const json_t *notation, const json_t *types, const char *release)
{
    _cleanup_free_ char *name = str_printf("%s.%s", doc_string(notation, "plural"), group);
    _cleanup_free_ char *category = str_dup_n(group, strcspn(group, "."));
    _cleanup_json_ json_t *schema = NULL;

    if (schema_expand(json_object_get(notation, "schema"), types, &schema, NULL) < 0)
        abort(); /* a text of the program */
    return OBJECT(
        VALUE(
            "metadata",
            mesh_cluster_metadata(
                name, OBJECT(STRING("app.kubernetes.io/part-of", "istio"), STRING(MARK_RELEASE, release)))),
        MAP("spec",
            STRING("group", group),
            VALUE("names", names(kind, category, notation)),
            STRING("scope", "Namespaced"),
            /* What was created by apiextensions v1beta1 has it, and then the server accepts no rules. */
            BOOL("preserveUnknownFields", false),
            VALUE("versions", versions(notation, schema))));
}

void istiod_definitions(const struct mesh_env *env, struct rendered_list *out)
{
    static const char crd[] = "CustomResourceDefinition";
    _cleanup_json_ json_t *documents = NULL, *types = NULL;
    const char *kind, *release;
    json_t *document, *notation;
    size_t i;

    if (!str_eq(mesh_version(env, crd), "v1"))
        return;
    documents = istiod_definitions_documents();
    types = istiod_definitions_types(documents);
    release = doc_string(json_array_get(documents, 0), "release");
    json_array_foreach(documents, i, document)
        json_object_foreach(json_object_get(document, "definitions"), kind, notation) {
            struct rendered *added =
                mesh_add(env, out, crd, definition(kind, doc_string(document, "group"), notation, types, release));
            added->newest_wins = added->created_last = true;
        }
}
