/*
 * The definitions of today's Istio (src/mesh/istiod/definitions), and those that Istio's own sources have.
 *
 *   definitions import FILE RELEASE FOLDER   rewrites the folder's files from a file of CustomResourceDefinitions
 *   definitions check FOLDER                 whether the files are as `import` would write them
 *   definitions print                        them, as the items of a List
 *   definitions compare                      our objects beside the reference's, field by field
 *
 * `import` ends with 1 where the folder's files have a field or a value that FILE has not: the program takes it that a
 * newer release only adds (newest_wins in reconcile/rendered.h). `compare` reads REFERENCE_DIR/istio-MINOR-crds and is
 * skipped (77) without: our definitions are equal to those of their own release, and have all that those of older ones
 * have.
 */
#include <stdio.h>
#include <string.h>

#include "base/release.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/istiod/definitions/definitions.h"
#include "mesh/istiod/definitions/schema.h"
#include "notation.h"
#include "reconcile/marks.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)
#define KUBERNETES_MINOR 34

static void die(const char *what, const char *why)
{
    fprintf(stderr, "definitions: %s: %s\n", what, why);
    exit(2);
}

static char *read_file(const char *path)
{
    _cleanup_buf_ struct buf text = BUF_INIT_LIMIT(FILE_MAX);
    FILE *f = fopen(path, "re");
    char chunk[65536];
    size_t n;

    if (!f)
        die(path, "cannot be opened");
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (buf_add(&text, chunk, n) < 0)
            die(path, "is too large");
    fclose(f);
    return buf_take(&text);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", folder, name);
    FILE *f = fopen(path, "we");

    if (!f || fputs(text, f) == EOF || fclose(f) == EOF)
        die(path, "cannot be written");
}

static void add_definition(json_t *list, json_t *object)
{
    json_t *item;
    size_t i;

    if (str_eq(doc_string(object, "kind"), "CustomResourceDefinition"))
        json_array_append(list, object);
    json_array_foreach(object, i, item)
        add_definition(list, item);
    json_array_foreach(json_object_get(object, "items"), i, item)
        add_definition(list, item);
}

/* The definitions of a file: documents of YAML or JSON, sequences of them, Lists. */
static json_t *read_definitions(const char *path)
{
    _cleanup_free_ char *text = read_file(path);
    struct yaml_documents documents;
    json_t *list = json_array();
    struct err e;

    if (yaml_parse(path, text, strlen(text), FILE_MAX, &documents, &e) < 0)
        die("cannot be read", e.text);
    for (size_t i = 0; i < documents.len; i++)
        add_definition(list, documents.items[i].value);
    yaml_documents_release(&documents);
    return list;
}

static json_t *our_definitions(void)
{
    const char *versions[KIND_COUNT];
    struct rendered_list rendered = {0};
    json_t *list = json_array();

    mesh_versions_for(KUBERNETES_MINOR, versions);
    istiod_definitions(&(struct mesh_env){.ns = "istio-system", .versions = versions}, &rendered);
    for (size_t i = 0; i < rendered.len; i++)
        json_array_append(list, rendered.items[i].object);
    rendered_release(&rendered);
    return list;
}

static const char *our_release(const json_t *definitions)
{
    return doc_string(json_array_get(definitions, 0), "metadata", "labels", MARK_RELEASE);
}

/* The schemas of the program's types. */
static json_t *known_types(void)
{
    _cleanup_json_ json_t *documents = istiod_definitions_documents(), *types = istiod_definitions_types(documents);
    json_t *known = json_object(), *notation, *schema;
    const char *name;
    struct err e;

    json_object_foreach(types, name, notation) {
        if (schema_expand(notation, types, &schema, &e) < 0)
            die(name, e.text);
        json_object_set_new(known, name, schema);
    }
    return known;
}

static json_t *find(const json_t *definitions, const char *name)
{
    json_t *definition;
    size_t i;

    json_array_foreach((json_t *)definitions, i, definition)
        if (str_eq(doc_string(definition, "metadata", "name"), name))
            return definition;
    return NULL;
}

/* --- differences --- */

/* How two documents are compared. */
struct comparison {
    const char *title;
    bool additions; /* what only the second one has counts, too */
    size_t differences;
};

static void differs(struct comparison *c, const char *path, const json_t *a, const json_t *b)
{
    _cleanup_free_ char *first = a ? doc_text(a) : str_dup("(absent)"), *second = b ? doc_text(b) : str_dup("(absent)");

    printf("%s %s: %.200s, but %.200s\n", c->title, path, first, second);
    c->differences++;
}

static bool has_values(const json_t *list, const json_t *values)
{
    json_t *value, *other;
    size_t i, k;

    json_array_foreach((json_t *)values, i, value) {
        bool has = false;
        json_array_foreach((json_t *)list, k, other)
            has = has || doc_equal(value, other);
        if (!has)
            return false;
    }
    return true;
}

static json_t *by_version(const json_t *versions)
{
    json_t *map = json_object(), *version;
    size_t i;

    json_array_foreach((json_t *)versions, i, version)
        json_object_set(map, doc_string(version, "name"), version);
    return map;
}

static void compare(struct comparison *c, const char *path, const json_t *a, const json_t *b)
{
    bool is_versions = str_ends(path, "spec.versions");
    _cleanup_json_ json_t *keys = json_object(), *first = is_versions ? by_version(a) : doc_copy(a),
                          *second = is_versions ? by_version(b) : doc_copy(b);
    const char *key;
    json_t *unused;

    if ((a && b && doc_equal(a, b)) || (!a && !c->additions))
        return;
    if (!json_is_object(first) || !json_is_object(second)) {
        /* Of another release limits, rules and choices may differ. */
        if (c->additions || !b || (str_ends(path, "enum") && !has_values(b, a)))
            differs(c, path, a, b);
        return;
    }
    json_object_update(keys, first);
    json_object_update(keys, second);
    json_object_foreach(keys, key, unused) {
        _cleanup_free_ char *at = str_printf("%s%s%s", path, *path ? "." : "", key);
        compare(c, at, json_object_get(first, key), json_object_get(second, key));
    }
}

/* What the first ones have and the second ones have not; with `additions` every difference. */
static size_t compare_all(const char *title, const json_t *first, const json_t *second, bool additions)
{
    struct comparison c = {title, additions, 0};
    json_t *definition;
    size_t i;

    json_array_foreach((json_t *)first, i, definition) {
        const char *name = doc_string(definition, "metadata", "name");
        compare(&c, name, definition, find(second, name));
    }
    json_array_foreach((json_t *)second, i, definition) {
        const char *name = doc_string(definition, "metadata", "name");
        if (additions && !find(first, name))
            compare(&c, name, NULL, definition);
    }
    return c.differences;
}

/* Without what is the chart's alone, what is said for the server alone, and prose. */
static json_t *plain(const json_t *definitions)
{
    json_t *list = json_array(), *definition, *version;
    size_t i, k;

    json_array_foreach((json_t *)definitions, i, definition) {
        json_t *copy = doc_copy(definition);
        json_object_del(json_object_get(copy, "metadata"), "labels");
        json_object_del(json_object_get(copy, "metadata"), "annotations");
        json_object_del(json_object_get(copy, "spec"), "preserveUnknownFields");
        json_array_foreach(doc_at(copy, "spec", "versions"), k, version)
            notation_strip(doc_at(version, "schema", "openAPIV3Schema"));
        json_array_append_new(list, copy);
    }
    return list;
}

/* --- commands --- */

static json_t *files_for(const json_t *definitions, const char *release)
{
    _cleanup_json_ json_t *known = known_types(), *copy = plain(definitions);
    json_t *files;
    struct err e;

    if (notation_files(copy, release, known, &files, &e) < 0)
        die("import", e.text);
    return files;
}

static int import(const char *path, const char *release, const char *folder)
{
    _cleanup_json_ json_t *theirs = read_definitions(path), *files = files_for(theirs, release);
    _cleanup_json_ json_t *ours = our_definitions(), *before = plain(ours), *after = plain(theirs);
    const char *name;
    json_t *document;

    json_object_foreach(files, name, document) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        notation_print(document, &text);
        write_file(folder, name, buf_str(&text));
    }
    return compare_all("taken away:", before, after, false) ? 1 : 0;
}

static int check(const char *folder)
{
    _cleanup_json_ json_t *ours = our_definitions(), *files = files_for(ours, our_release(ours));
    size_t wrong = 0;
    const char *name;
    json_t *document;

    json_object_foreach(files, name, document) {
        _cleanup_free_ char *path = str_printf("%s/%s", folder, name), *is = read_file(path);
        _cleanup_buf_ struct buf text = BUF_INIT;
        notation_print(document, &text);
        if (str_eq(is, buf_str(&text)))
            continue;
        printf("%s is not as `hack/import-definitions` writes it\n", path);
        wrong++;
    }
    return wrong ? 1 : 0;
}

static int compare_reference(const char *folder)
{
    static const int minors[] = {28, 29, 30, 31, 32, 33, 34};
    _cleanup_json_ json_t *ours = our_definitions(), *own = plain(ours);
    size_t wrong = 0, compared = 0;

    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        _cleanup_free_ char *path = str_printf("%s/istio-1.%d-crds/objects.json", folder, minors[i]);
        _cleanup_free_ char *title = str_printf("1.%d:", minors[i]), *first = str_printf("1.%d.0", minors[i]);
        _cleanup_free_ char *prefix = str_printf("1.%d.", minors[i]);
        bool same = str_starts(our_release(ours), prefix);
        _cleanup_json_ json_t *definitions = NULL, *theirs = NULL;
        FILE *f = release_compare(first, our_release(ours)) <= 0 ? fopen(path, "re") : NULL;
        if (!f)
            continue;
        fclose(f);
        definitions = read_definitions(path);
        theirs = plain(definitions);
        wrong += compare_all(title, theirs, own, same);
        compared += same;
    }
    printf("%zu definitions, %zu differences\n", json_array_size(ours), wrong);
    return wrong ? 1 : compared ? 0 : 77;
}

static int print(void)
{
    _cleanup_json_ json_t *list =
        OBJECT(STRING("apiVersion", "v1"), STRING("kind", "List"), VALUE("items", our_definitions()));
    _cleanup_free_ char *text = doc_text(list);

    puts(text);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && str_eq(argv[1], "import"))
        return import(argv[2], argv[3], argv[4]);
    if (argc == 3 && str_eq(argv[1], "check"))
        return check(argv[2]);
    if (argc == 2 && str_eq(argv[1], "print"))
        return print();
    if (argc == 2 && str_eq(argv[1], "compare"))
        return getenv("REFERENCE_DIR") ? compare_reference(getenv("REFERENCE_DIR")) : 77;
    fprintf(stderr, "usage: definitions import FILE RELEASE FOLDER | check FOLDER | print | compare\n");
    return 2;
}
