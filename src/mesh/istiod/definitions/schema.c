#include "mesh/istiod/definitions/schema.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

struct expansion {
    const json_t *types;
    struct buf path; /* of the place in the notation */
    size_t values;
    int depth;
    struct err *e;
};

const struct schema_word schema_words[] = {
    {"nullable", "nullable", SCHEMA_FLAG},
    {"open", "x-kubernetes-preserve-unknown-fields", SCHEMA_FLAG},
    {"minimum", "minimum", SCHEMA_NUMBER},
    {"maximum", "maximum", SCHEMA_NUMBER},
    {"minLength", "minLength", SCHEMA_NUMBER},
    {"maxLength", "maxLength", SCHEMA_NUMBER},
    {"minItems", "minItems", SCHEMA_NUMBER},
    {"maxItems", "maxItems", SCHEMA_NUMBER},
    {"minProperties", "minProperties", SCHEMA_NUMBER},
    {"maxProperties", "maxProperties", SCHEMA_NUMBER},
    {"pattern", "pattern", SCHEMA_TEXT},
    {NULL},
};

const struct schema_type schema_types[] = {
    {"string", "string", NULL},
    {"byte", "string", "byte"},
    {"date-time", "string", "date-time"},
    {"boolean", "boolean", NULL},
    {"integer", "integer", NULL},
    {"int32", "integer", "int32"},
    {"number", "number", NULL},
    {"double", "number", "double"},
    {"object", "object", NULL},
    {NULL},
};

static json_t *expand(struct expansion *x, const json_t *notation);

/* Returns NULL, so that a caller can `return refuse(...)`. */
static json_t *refuse(struct expansion *x, enum err_class class, const char *what, const char *why)
{
    err_set(x->e, class, "%s: %s%s%s", buf_str(&x->path), what, *what ? " " : "", why);
    return NULL;
}

static const struct schema_word *find_word(const char *word)
{
    for (const struct schema_word *w = schema_words; w->word; w++)
        if (str_eq(w->word, word))
            return w;
    return NULL;
}

json_t *schema_int_or_string(void)
{
    return OBJECT(
        SEQ("anyOf", ITEM(STRING("type", "integer")), ITEM(STRING("type", "string"))),
        BOOL("x-kubernetes-int-or-string", true));
}

json_t *schema_at_most_one(const json_t *fields)
{
    json_t *any = json_array(), *one = json_array(), *field;
    size_t i;

    json_array_append_new(one, OBJECT(MAP("not", VALUE("anyOf", any))));
    json_array_foreach((json_t *)fields, i, field) {
        json_t *has = OBJECT(SEQ("required", ITEM_VALUE(json_incref(field))));
        json_array_append(any, has);
        json_array_append_new(one, has);
    }
    return OBJECT(VALUE("oneOf", one));
}

/* The schema of the first word; NULL where it is none. */
static json_t *expand_type(struct expansion *x, const char *name)
{
    const json_t *notation = json_object_get(x->types, name);

    if (isupper((unsigned char)*name))
        return notation ? expand(x, notation) : refuse(x, ERR_INVALID, name, "is no type of this file");
    if (str_eq(name, "int-or-string"))
        return schema_int_or_string();
    for (const struct schema_type *t = schema_types; t->name; t++)
        if (str_eq(t->name, name))
            return OBJECT(STRING("type", t->type), STRING("format", t->format));
    return refuse(x, ERR_INVALID, name, "is no type");
}

static json_t *expand_enum(char *const *values)
{
    json_t *list = json_array();

    for (; *values; values++)
        json_array_append_new(list, doc_new_string(*values));
    return OBJECT(STRING("type", "string"), VALUE("enum", list));
}

/* "string minLength 1 nullable" */
static json_t *expand_words(struct expansion *x, const char *text)
{
    _cleanup_strv_ char **words = str_split(text, ' ');
    _cleanup_json_ json_t *schema = NULL;

    if (str_eq(words[0], "enum") && words[1])
        return expand_enum(words + 1);
    schema = expand_type(x, words[0]);
    if (!schema)
        return NULL;
    for (char **at = words + 1; *at; at++) {
        const struct schema_word *word = find_word(*at);
        json_t *value = NULL;
        int64_t number;

        if (!word)
            return refuse(x, ERR_INVALID, *at, "is no word for a limit");
        if (word->value == SCHEMA_FLAG)
            value = json_true();
        else if (!at[1])
            return refuse(x, ERR_INVALID, *at, "needs a value");
        else if (word->value == SCHEMA_TEXT)
            value = doc_new_string(*++at);
        else if (str_to_int64(*++at, &number))
            value = json_integer(number);
        else
            return refuse(x, ERR_INVALID, *at, "is no number");
        json_object_set_new(schema, word->keyword, value);
    }
    return TAKE_PTR(schema);
}

static json_t *rules(const json_t *expressions)
{
    json_t *list = json_array(), *rule;
    size_t i;

    json_array_foreach((json_t *)expressions, i, rule)
        json_array_append_new(list, OBJECT(VALUE("rule", json_incref(rule))));
    return list;
}

static void add_one_of(json_t *schema, const json_t *groups)
{
    json_t *all = json_array(), *group;
    size_t i;

    if (json_is_string(json_array_get(groups, 0))) {
        json_decref(all);
        all = schema_at_most_one(groups);
        json_object_update(schema, all);
        json_decref(all);
        return;
    }
    json_array_foreach((json_t *)groups, i, group)
        json_array_append_new(all, schema_at_most_one(group));
    json_object_set_new(schema, "allOf", all);
}

/* What a map has beside its fields and what it is; NULL where `key` is unknown. */
static json_t *add_keyword(struct expansion *x, json_t *schema, const char *key, json_t *value)
{
    const struct schema_word *word = find_word(key + 1);

    if (str_eq(key, "$rules")) {
        json_object_set_new(schema, "x-kubernetes-validations", rules(value));
    } else if (str_eq(key, "$oneOf")) {
        add_one_of(schema, value);
    } else if (str_eq(key, "$keys")) {
        json_object_set_new(schema, "x-kubernetes-list-type", json_string("map"));
        json_object_set(schema, "x-kubernetes-list-map-keys", value);
    } else if (word) {
        json_object_set(schema, word->keyword, value);
    } else {
        return refuse(x, ERR_INVALID, key, "is not known");
    }
    return schema;
}

static json_t *expand_fields(struct expansion *x, const json_t *map)
{
    _cleanup_json_ json_t *fields = json_object(), *required = json_array();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value) {
        size_t here = x->path.len, len = strlen(key);
        bool is_required = len && key[len - 1] == '!';
        _cleanup_free_ char *name = str_dup_n(key, len - is_required);
        json_t *schema;

        if (*key == '$')
            continue;
        doc_path_key(&x->path, name);
        schema = expand(x, value);
        if (!schema)
            return NULL;
        buf_truncate(&x->path, here);
        json_object_set_new(fields, name, schema);
        if (is_required)
            json_array_append_new(required, json_string(name));
    }
    return OBJECT(
        STRING("type", "object"),
        OPT(json_object_size(fields), VALUE("properties", json_incref(fields))),
        OPT(json_array_size(required), VALUE("required", json_incref(required))));
}

/* What a map is without its keywords, and which keyword has said so. */
static json_t *expand_kind(struct expansion *x, const json_t *map, const char **ret_key)
{
    static const struct {
        const char *key, *type, *within;
    } containers[] = {{"$list", "array", "items"}, {"$map", "object", "additionalProperties"}};
    const json_t *type = json_object_get(map, "$type");

    for (size_t i = 0; i < ARRAY_LEN(containers); i++) {
        const json_t *within = json_object_get(map, containers[i].key);
        json_t *schema;
        if (!within)
            continue;
        *ret_key = containers[i].key;
        schema = expand(x, within);
        return schema ? OBJECT(STRING("type", containers[i].type), VALUE(containers[i].within, schema)) : NULL;
    }
    *ret_key = type ? "$type" : "";
    return type ? expand(x, type) : expand_fields(x, map);
}

static json_t *expand_map(struct expansion *x, const json_t *map)
{
    const char *kind, *key;
    _cleanup_json_ json_t *schema = expand_kind(x, map, &kind);
    json_t *value;

    if (!schema)
        return NULL;
    json_object_foreach((json_t *)map, key, value) {
        if (str_eq(key, kind))
            continue;
        if (*key != '$' && *kind)
            return refuse(x, ERR_INVALID, key, "cannot be beside what is no object");
        if (*key == '$' && !add_keyword(x, schema, key, value))
            return NULL;
    }
    return TAKE_PTR(schema);
}

static json_t *expand(struct expansion *x, const json_t *notation)
{
    json_t *within, *schema = NULL;

    if (++x->values > SCHEMA_VALUES_MAX || x->depth >= DOC_DEPTH_MAX)
        return refuse(x, ERR_LIMIT, "", "is too large, or contains itself");
    x->depth++;
    if (json_is_string(notation)) {
        schema = expand_words(x, json_string_value(notation));
    } else if (json_is_array(notation) && json_array_size(notation) == 1) {
        within = expand(x, json_array_get(notation, 0));
        schema = within ? OBJECT(STRING("type", "array"), VALUE("items", within)) : NULL;
    } else if (json_is_object(notation)) {
        schema = expand_map(x, notation);
    } else {
        refuse(x, ERR_INVALID, "", "must be a text, a list of one element, or a map");
    }
    x->depth--;
    return schema;
}

int schema_expand(const json_t *notation, const json_t *types, json_t **ret, struct err *e)
{
    struct expansion x = {.types = types, .e = e};
    json_t *schema = expand(&x, notation);

    buf_release(&x.path);
    if (!schema)
        return -1;
    *ret = schema;
    return 0;
}
