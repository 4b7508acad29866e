#include "notation.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/istiod/definitions/schema.h"

#define SHARED_TEXT_MIN 32 /* of the notation: what is shorter is written each time */

/* --- a schema --- */

static void strip_rules(json_t *rules)
{
    json_t *rule;
    size_t i;

    json_array_foreach(rules, i, rule) {
        _cleanup_free_ char *text = str_dup(str_or(doc_string(rule, "rule"), ""));
        for (char *c = text; *c; c++)
            if (*c == '\n')
                *c = ' ';
        json_object_del(rule, "message");
        json_object_set_new(rule, "rule", json_string(text));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* Their order says nothing. */
static void sort_required(json_t *schema)
{
    json_t *names = json_object_get(schema, "required"), *name, *sorted = json_array();
    size_t count = json_array_size(names), i;
    _cleanup_free_ json_t **items = NEW_ARRAY(json_t *, count + 1);

    json_array_foreach(names, i, name)
        items[i] = name;
    qsort(items, count, sizeof(*items), by_text);
    for (i = 0; i < count; i++)
        json_array_append(sorted, items[i]);
    if (count)
        json_object_set(schema, "required", sorted);
    json_decref(sorted);
}

void notation_strip(json_t *schema)
{
    static const char *const within[] = {"items", "additionalProperties"};
    const char *key;
    json_t *value;

    json_object_del(schema, "description");
    sort_required(schema);
    strip_rules(json_object_get(schema, "x-kubernetes-validations"));
    for (size_t i = 0; i < ARRAY_LEN(within); i++)
        if (json_object_get(schema, within[i]))
            notation_strip(json_object_get(schema, within[i]));
    json_object_foreach(json_object_get(schema, "properties"), key, value)
        notation_strip(value);
}

struct writer {
    struct buf path;
    struct err *e;
};

static json_t *notate(struct writer *w, const json_t *schema);

static json_t *no_notation(struct writer *w, const char *what)
{
    err_set(w->e, ERR_INVALID, "%s: %s has no notation", buf_str(&w->path), what);
    return NULL;
}

/* Takes `part` out of the copy `rest` of a schema, all of it or what is equal to it. */
static bool take(json_t *rest, const json_t *part)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)part, key, value)
        if (!doc_equal(json_object_get(rest, key), value))
            return false;
    json_object_foreach((json_t *)part, key, value)
        json_object_del(rest, key);
    return true;
}

/* The fields of {"oneOf": [{"not": ...}, {"required": ["a"]}, ...]}; NULL where it is something else. */
static json_t *fields_of_one_of(const json_t *value)
{
    _cleanup_json_ json_t *fields = json_array(), *again = NULL;
    json_t *choice;
    size_t i;

    json_array_foreach(json_object_get(value, "oneOf"), i, choice)
        if (i)
            json_array_append(fields, json_array_get(json_object_get(choice, "required"), 0));
    again = schema_at_most_one(fields);
    return json_array_size(fields) && doc_equal(again, value) ? TAKE_PTR(fields) : NULL;
}

static json_t *one_of(json_t *rest)
{
    _cleanup_json_ json_t *alone = OBJECT(VALUE("oneOf", json_incref(json_object_get(rest, "oneOf"))));
    json_t *all = json_object_get(rest, "allOf"), *group, *groups;
    size_t i;

    if (!all) {
        groups = fields_of_one_of(alone);
        if (groups)
            json_object_del(rest, "oneOf");
        return groups;
    }
    groups = json_array();
    json_array_foreach(all, i, group) {
        json_t *fields = fields_of_one_of(group);
        if (!fields) {
            json_decref(groups);
            return NULL;
        }
        json_array_append_new(groups, fields);
    }
    json_object_del(rest, "allOf");
    return groups;
}

/* The limits of a leaf as words behind its type; what is no limit stays in `rest`. */
static void add_words(json_t *rest, struct buf *text)
{
    for (const struct schema_word *word = schema_words; word->word; word++) {
        const json_t *value = json_object_get(rest, word->keyword);

        if (json_is_true(value) && word->value == SCHEMA_FLAG)
            buf_printf(text, " %s", word->word);
        else if (json_is_integer(value) && word->value == SCHEMA_NUMBER)
            buf_printf(text, " %s %" JSON_INTEGER_FORMAT, word->word, json_integer_value(value));
        else if (json_is_string(value) && word->value == SCHEMA_TEXT && !strchr(json_string_value(value), ' '))
            buf_printf(text, " %s %s", word->word, json_string_value(value));
        else
            continue;
        json_object_del(rest, word->keyword);
    }
}

static bool add_enum(json_t *rest, struct buf *text)
{
    json_t *value;
    size_t i;

    buf_add_str(text, "enum");
    json_array_foreach(json_object_get(rest, "enum"), i, value) {
        const char *word = json_string_value(value);
        if (!word || !*word || strchr(word, ' '))
            return false;
        buf_printf(text, " %s", word);
    }
    json_object_del(rest, "enum");
    return str_eq(doc_string(rest, "type"), "string") && json_object_del(rest, "type") == 0;
}

/* What it is, as text: its type, and its limits. */
static json_t *notate_leaf(struct writer *w, json_t *rest)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_json_ json_t *either = schema_int_or_string();
    const struct schema_type *type = schema_types;

    if (json_object_get(rest, "enum"))
        return add_enum(rest, &text) ? json_string(buf_str(&text)) : no_notation(w, "enum");
    if (take(rest, either))
        return json_string("int-or-string");
    while (type->name &&
           (!str_eq(type->type, doc_string(rest, "type")) || !str_eq(type->format, doc_string(rest, "format"))))
        type++;
    if (!type->name)
        return no_notation(w, "type");
    buf_add_str(&text, type->name);
    json_object_del(rest, "type");
    json_object_del(rest, "format");
    add_words(rest, &text);
    return json_string(buf_str(&text));
}

static bool is_required(const json_t *schema, const char *field)
{
    json_t *name;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, name)
        if (str_eq(json_string_value(name), field))
            return true;
    return false;
}

static json_t *notate_fields(struct writer *w, json_t *rest)
{
    _cleanup_json_ json_t *fields = json_object();
    json_t *schema, *notation;
    const char *name;
    size_t required = 0, here = w->path.len;

    json_object_foreach(json_object_get(rest, "properties"), name, schema) {
        bool needed = is_required(rest, name);
        _cleanup_free_ char *key = str_printf("%s%s", name, needed ? "!" : "");
        doc_path_key(&w->path, name);
        notation = notate(w, schema);
        if (!notation)
            return NULL;
        buf_truncate(&w->path, here);
        required += needed;
        json_object_set_new(fields, key, notation);
    }
    if (required != json_array_size(json_object_get(rest, "required")))
        return no_notation(w, "required");
    json_object_del(rest, "properties");
    json_object_del(rest, "required");
    json_object_del(rest, "type");
    return TAKE_PTR(fields);
}

/* A list, or a map of any keys. */
static json_t *notate_container(struct writer *w, json_t *rest, const char *within, const char *key)
{
    size_t here = w->path.len;
    json_t *part;

    buf_add_str(&w->path, "[]");
    part = notate(w, json_object_get(rest, within));
    if (!part)
        return NULL;
    buf_truncate(&w->path, here);
    json_object_del(rest, within);
    json_object_del(rest, "type");
    return OBJECT(VALUE(key, part));
}

static void add_rules(json_t *map, json_t *rest)
{
    json_t *list = json_array(), *rule;
    size_t i;

    json_array_foreach(json_object_get(rest, "x-kubernetes-validations"), i, rule) {
        if (json_object_size(rule) != 1) { /* it has more than the rule: it stays in `rest` */
            json_decref(list);
            return;
        }
        json_array_append(list, json_object_get(rule, "rule"));
    }
    json_object_set_new(map, "$rules", list);
    json_object_del(rest, "x-kubernetes-validations");
}

static void add_keywords(json_t *map, json_t *rest)
{
    json_t *groups = json_object_get(rest, "oneOf") || json_object_get(rest, "allOf") ? one_of(rest) : NULL;

    if (groups)
        json_object_set_new(map, "$oneOf", groups);
    if (str_eq(doc_string(rest, "x-kubernetes-list-type"), "map")) {
        json_object_set(map, "$keys", json_object_get(rest, "x-kubernetes-list-map-keys"));
        json_object_del(rest, "x-kubernetes-list-type");
        json_object_del(rest, "x-kubernetes-list-map-keys");
    }
    for (const struct schema_word *word = schema_words; word->word; word++) {
        _cleanup_free_ char *key = str_printf("$%s", word->word);
        if (json_object_get(rest, word->keyword))
            json_object_set(map, key, json_object_get(rest, word->keyword));
        json_object_del(rest, word->keyword);
    }
    if (json_object_get(rest, "x-kubernetes-validations"))
        add_rules(map, rest);
}

static json_t *notate_whole(struct writer *w, json_t *rest)
{
    const char *type = doc_string(rest, "type");

    if (json_object_get(rest, "properties"))
        return notate_fields(w, rest);
    if (str_eq(type, "array") && json_object_get(rest, "items"))
        return notate_container(w, rest, "items", "$list");
    if (str_eq(type, "object") && json_object_get(rest, "additionalProperties"))
        return notate_container(w, rest, "additionalProperties", "$map");
    return notate_leaf(w, rest);
}

static json_t *notate(struct writer *w, const json_t *schema)
{
    _cleanup_json_ json_t *rest = json_copy((json_t *)schema), *notation = notate_whole(w, rest);
    json_t *list;

    if (!notation)
        return NULL;
    if (json_is_string(notation) && json_object_size(rest)) {
        json_t *map = OBJECT(VALUE("$type", json_incref(notation)));
        json_decref(notation);
        notation = map;
    }
    if (json_is_object(notation))
        add_keywords(notation, rest);
    if (json_object_size(rest))
        return no_notation(w, json_object_iter_key(json_object_iter(rest)));
    list = json_object_get(notation, "$list");
    if (list && json_object_size(notation) == 1)
        return ARRAY(ITEM_VALUE(json_incref(list)));
    return TAKE_PTR(notation);
}

int notation_of(const json_t *schema, json_t **ret, struct err *e)
{
    struct writer w = {.e = e};
    json_t *notation = notate(&w, schema);

    buf_release(&w.path);
    if (!notation)
        return -1;
    *ret = notation;
    return 0;
}

/* --- what repeats --- */

/* What is known of each part of the notations, by its text. */
struct sharing {
    json_t *parts; /* text -> {"count": in how many places, "name", "groups": {file: true}} */
    json_t *names; /* name of a type -> text */
    json_t *types; /* name of a type -> its notation */
    json_t *known; /* name of a type -> its notation so far, without types */
};

static bool may_be_shared(const json_t *notation, const char *text)
{
    return !json_is_array(notation) && strlen(text) >= SHARED_TEXT_MIN;
}

static void count_parts(struct sharing *s, const json_t *notation, const char *field);

static void count_within(struct sharing *s, const json_t *notation, const char *field)
{
    const char *key;
    json_t *value;
    size_t i;

    json_array_foreach((json_t *)notation, i, value)
        count_parts(s, value, field);
    json_object_foreach((json_t *)notation, key, value)
        if (*key != '$' || str_eq(key, "$list") || str_eq(key, "$map"))
            count_parts(s, value, *key == '$' ? field : key);
}

/* What is in a shared part counts once. */
static void count_parts(struct sharing *s, const json_t *notation, const char *field)
{
    _cleanup_free_ char *text = doc_text(notation);
    json_t *part = json_object_get(s->parts, text);

    if (!may_be_shared(notation, text)) {
        count_within(s, notation, field);
        return;
    }
    if (!part) {
        part = OBJECT(INT("count", 0), STRING("field", field));
        json_object_set_new(s->parts, text, part);
        count_within(s, notation, field);
    }
    json_object_set_new(part, "count", json_integer(doc_int(json_object_get(part, "count"), 0) + 1));
}

/* How many fields both have, required or not. */
static size_t common_fields(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    size_t count = 0;

    json_object_foreach((json_t *)a, key, value) {
        _cleanup_free_ char *plain = str_dup_n(key, strcspn(key, "!")), *required = str_printf("%s!", plain);
        count += json_object_get(b, plain) || json_object_get(b, required);
    }
    return count;
}

/* The type that this one has become, by most of its fields; NULL: there is none. */
static const char *former_name(const struct sharing *s, const json_t *notation)
{
    const char *name, *best = NULL;
    json_t *known;
    size_t most = 0;

    json_object_foreach(s->known, name, known) {
        size_t common = common_fields(known, notation), all = json_object_size(known);
        all = all > json_object_size(notation) ? all : json_object_size(notation);
        if (common > most && 2 * common > all && !json_object_get(s->names, name)) {
            most = common;
            best = name;
        }
    }
    return best;
}

/* "connectionPool" is ConnectionPool, or ConnectionPool2 where another type has that name. */
static char *new_name(const struct sharing *s, const char *field, const json_t *notation)
{
    _cleanup_free_ char *base = str_dup_n(field, strcspn(field, "!"));
    const char *former = former_name(s, notation);
    char *name;

    if (former)
        return str_dup(former);
    *base = (char)toupper((unsigned char)*base);
    name = str_dup(base);
    for (int n = 2; json_object_get(s->names, name); n++) {
        free(name);
        name = str_printf("%s%d", base, n);
    }
    return name;
}

static json_t *share(struct sharing *s, const json_t *notation);

static json_t *share_within(struct sharing *s, const json_t *notation)
{
    json_t *result, *value;
    const char *key;
    size_t i;

    if (json_is_string(notation))
        return doc_copy(notation);
    result = json_is_array(notation) ? json_array() : json_object();
    json_array_foreach((json_t *)notation, i, value)
        json_array_append_new(result, share(s, value));
    json_object_foreach((json_t *)notation, key, value)
        json_object_set_new(result, key,
                            *key != '$' || str_eq(key, "$list") || str_eq(key, "$map") ? share(s, value)
                                                                                       : doc_copy(value));
    return result;
}

/* The notation with the names of types for what repeats. */
static json_t *share(struct sharing *s, const json_t *notation)
{
    _cleanup_free_ char *text = doc_text(notation), *name = NULL;
    json_t *part = json_object_get(s->parts, text);

    if (!may_be_shared(notation, text) || doc_int(json_object_get(part, "count"), 0) < 2)
        return share_within(s, notation);
    if (!json_object_get(part, "name")) {
        name = new_name(s, doc_string(part, "field"), notation);
        json_object_set_new(part, "name", json_string(name));
        json_object_set_new(s->names, name, json_string(text));
    }
    str_replace(&name, doc_string(part, "name"));
    if (!json_object_get(s->types, name))
        json_object_set_new(s->types, name, share_within(s, notation));
    return json_string(name);
}

/* A type that is known keeps its name. */
static int keep_names(struct sharing *s, const json_t *known, struct err *e)
{
    const char *name;
    json_t *schema;

    json_object_foreach((json_t *)known, name, schema) {
        _cleanup_json_ json_t *notation = NULL;
        _cleanup_free_ char *text = NULL;
        json_t *part;
        if (notation_of(schema, &notation, e) < 0)
            return err_wrap(e, "type %s", name);
        text = doc_text(notation);
        json_object_set(s->known, name, notation);
        part = json_object_get(s->parts, text);
        if (!part)
            continue;
        json_object_set_new(part, "name", json_string(name));
        json_object_set_new(s->names, name, json_string(text));
    }
    return 0;
}

/* --- definitions --- */

static int refuse(const json_t *definition, const char *what, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %s", doc_string(definition, "metadata", "name"), what);
}

static json_t *columns_of(const json_t *version)
{
    json_t *list = json_array(), *column;
    size_t i;

    json_array_foreach(json_object_get(version, "additionalPrinterColumns"), i, column) {
        bool is_date = str_eq(doc_string(column, "type"), "date");
        json_array_append_new(
            list, is_date
                      ? json_string(doc_string(column, "name"))
                      : row_format(NULL, "%s %s", doc_string(column, "name"), doc_string(column, "jsonPath")).value);
    }
    if (json_array_size(list))
        return list;
    json_decref(list);
    return NULL;
}

static json_t *version_names(const json_t *versions, bool stored)
{
    json_t *list = json_array(), *version;
    size_t i;

    json_array_foreach((json_t *)versions, i, version)
        if (!stored || json_is_true(json_object_get(version, "storage")))
            json_array_append(list, json_object_get(version, "name"));
    return list;
}

/* Whether all versions are alike, as the notation needs it. */
static bool are_alike(const json_t *versions)
{
    json_t *version, *first = json_array_get(versions, 0);
    size_t i;

    json_array_foreach((json_t *)versions, i, version)
        if (!doc_equal(json_object_get(version, "schema"), json_object_get(first, "schema")) ||
            !doc_equal(json_object_get(version, "additionalPrinterColumns"),
                       json_object_get(first, "additionalPrinterColumns")) ||
            !json_is_true(json_object_get(version, "served")) || !doc_at(version, "subresources", "status"))
            return false;
    return true;
}

/* A definition without what follows from its kind; its schema without types. */
static int notate_definition(const json_t *definition, json_t **ret, struct err *e)
{
    json_t *versions = doc_at(definition, "spec", "versions"), *version;
    _cleanup_json_ json_t *schema = NULL, *stored = NULL;
    bool first;
    size_t i;

    json_array_foreach(versions, i, version)
        notation_strip(doc_at(version, "schema", "openAPIV3Schema"));
    if (!json_array_size(versions) || !are_alike(versions))
        return refuse(definition, "its versions must be served, have a status and be alike", e);
    if (notation_of(doc_at(json_array_get(versions, 0), "schema", "openAPIV3Schema"), &schema, e) < 0)
        return err_wrap(e, "%s", doc_string(definition, "metadata", "name"));
    stored = version_names(versions, true);
    first = json_is_true(json_object_get(json_array_get(versions, 0), "storage"));
    *ret = OBJECT(STRING("plural", doc_string(definition, "spec", "names", "plural")),
                  VALUE("shortNames", json_incref(doc_at(definition, "spec", "names", "shortNames"))),
                  VALUE("versions", version_names(versions, false)),
                  OPT(!first, VALUE("stored", json_incref(json_array_get(stored, 0)))),
                  VALUE("columns", columns_of(json_array_get(versions, 0))), VALUE("schema", json_incref(schema)));
    return 0;
}

/* "networking.yaml" */
static char *file_of(const char *group)
{
    return str_printf("%.*s.yaml", (int)strcspn(group, "."), group);
}

static void find_types(const json_t *notation, const json_t *types, json_t *found)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_string(notation) && json_object_get(types, json_string_value(notation)) &&
        !json_object_get(found, json_string_value(notation))) {
        json_object_set_new(found, json_string_value(notation), json_true());
        find_types(json_object_get(types, json_string_value(notation)), types, found);
    }
    json_array_foreach((json_t *)notation, i, value)
        find_types(value, types, found);
    json_object_foreach((json_t *)notation, key, value)
        find_types(value, types, found);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sorted(const json_t *map)
{
    size_t count = json_object_size(map), n = 0;
    _cleanup_free_ const char **keys = NEW_ARRAY(const char *, count + 1);
    json_t *result = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)map, key, value)
        keys[n++] = key;
    qsort(keys, n, sizeof(*keys), by_name);
    for (size_t i = 0; i < n; i++)
        json_object_set(result, keys[i], json_object_get(map, keys[i]));
    return result;
}

/* The types that one file uses are there, the others in common.yaml. */
static void place_types(const struct sharing *s, json_t *files)
{
    _cleanup_json_ json_t *users = json_object();
    const char *file, *name;
    json_t *document, *value;

    json_object_foreach(files, file, document) {
        _cleanup_json_ json_t *found = json_object();
        find_types(json_object_get(document, "definitions"), s->types, found);
        json_object_foreach(found, name, value)
            json_object_set_new(users, name, json_string(json_object_get(users, name) ? "common.yaml" : file));
    }
    json_object_foreach(users, name, value)
        json_object_set(doc_make(json_object_get(files, json_string_value(value)), "types"), name,
                        json_object_get(s->types, name));
}

/* In the order in which a person reads them. */
static void order(json_t *files)
{
    const char *file;
    json_t *document;
    void *next;

    json_object_foreach_safe(files, next, file, document)
        json_object_set_new(files, file,
                            OBJECT(VALUE("release", json_incref(json_object_get(document, "release"))),
                                   VALUE("group", json_incref(json_object_get(document, "group"))),
                                   VALUE("types", sorted(json_object_get(document, "types"))),
                                   OPT(json_object_get(document, "definitions"),
                                       VALUE("definitions", sorted(json_object_get(document, "definitions"))))));
}

int notation_files(const json_t *definitions, const char *release, const json_t *known, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *parts = json_object(), *names = json_object(), *types = json_object();
    _cleanup_json_ json_t *former = json_object();
    _cleanup_json_ json_t *files = OBJECT(MAP("common.yaml", STRING("release", release)));
    struct sharing s = {parts, names, types, former};
    json_t *definition, *document, *notation = NULL;
    const char *file, *kind;
    size_t i;

    json_array_foreach((json_t *)definitions, i, definition) {
        const char *group = doc_string(definition, "spec", "group");
        _cleanup_free_ char *name = file_of(str_or(group, ""));
        if (notate_definition(definition, &notation, e) < 0)
            return -1;
        json_object_set_new(doc_make(files, name, "definitions"), doc_string(definition, "spec", "names", "kind"),
                            notation);
        json_object_set_new(doc_make(files, name), "group", json_string(group));
        count_parts(&s, json_object_get(notation, "schema"), "Schema");
    }
    if (keep_names(&s, known, e) < 0)
        return -1;
    json_object_foreach(files, file, document)
        json_object_foreach(json_object_get(document, "definitions"), kind, notation)
            json_object_set_new(notation, "schema", share(&s, json_object_get(notation, "schema")));
    place_types(&s, files);
    order(files);
    *ret = TAKE_PTR(files);
    return 0;
}

/* --- text --- */

#define LINE_MAX_WIDTH 118

static void print_string(const char *text, struct buf *out)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    bool plain =
        *text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._/$!-") == strlen(text);

    plain = plain && (isalpha((unsigned char)*text) || *text == '$' || (*text == '.' && text[1])) &&
            text[strlen(text) - 1] != ' ';
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        plain = plain && strcasecmp(text, words[i]) != 0;
    if (plain) {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_char(out, '\'');
        buf_add_char(out, *text);
    }
    buf_add_char(out, '\'');
}

static void print_flow(const json_t *value, struct buf *out)
{
    const char *key;
    json_t *part;
    size_t i, n = 0;

    if (json_is_string(value)) {
        /* Text that looks like a number. */
        if (isdigit((unsigned char)*json_string_value(value)))
            buf_printf(out, "'%s'", json_string_value(value));
        else
            print_string(json_string_value(value), out);
    } else if (json_is_array(value)) {
        buf_add_char(out, '[');
        json_array_foreach(value, i, part) {
            buf_add_str(out, i ? ", " : "");
            print_flow(part, out);
        }
        buf_add_char(out, ']');
    } else if (json_is_object(value)) {
        buf_add_char(out, '{');
        json_object_foreach((json_t *)value, key, part) {
            buf_add_str(out, n++ ? ", " : "");
            print_string(key, out);
            buf_add_str(out, ": ");
            print_flow(part, out);
        }
        buf_add_char(out, '}');
    } else {
        _cleanup_free_ char *text = doc_text(value);
        buf_add_str(out, text);
    }
}

/* Whether the value fits behind `used` columns. */
static bool fits(const json_t *value, size_t used)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    print_flow(value, &line);
    return used + line.len <= LINE_MAX_WIDTH;
}

static bool is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

/* `lead` is what stands in the first line already, in as many columns as the indentation has. */
static void print_block(const json_t *value, size_t indent, bool has_lead, struct buf *out)
{
    const char *key;
    json_t *part;
    size_t i;

    json_array_foreach(value, i, part) {
        buf_add_spaces(out, has_lead ? 0 : indent);
        has_lead = false;
        buf_add_str(out, "- ");
        if (!is_container(part) || fits(part, indent + 2)) {
            print_flow(part, out);
            buf_add_char(out, '\n');
        } else {
            print_block(part, indent + 2, true, out);
        }
    }
    json_object_foreach((json_t *)value, key, part) {
        size_t start;
        buf_add_spaces(out, has_lead ? 0 : indent);
        has_lead = false;
        start = out->len;
        print_string(key, out);
        buf_add_char(out, ':');
        if (!is_container(part) || (indent && fits(part, indent + out->len - start + 1))) {
            buf_add_char(out, ' ');
            print_flow(part, out);
            buf_add_char(out, '\n');
        } else {
            buf_add_char(out, '\n');
            print_block(part, indent + (json_is_array(part) ? 0 : 2), false, out);
        }
    }
}

void notation_print(const json_t *document, struct buf *out)
{
    buf_add_str(out,
                "# Written by hack/import-definitions; schema.h explains the notation. Types may be renamed here.\n");
    print_block(document, 0, false, out);
}
