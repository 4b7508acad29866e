#include "api/field.h"
#include "doc/build.h"
#include "doc/doc.h"

/* Documents are written row by row, as in doc/build.h. */
/* clang-format off */

static json_t *integer_or_real(const struct field *field, double value)
{
    return field->type == FIELD_NUMBER ? json_real(value) : json_integer((json_int_t)value);
}

/* The doc, and behind it the default that is not in the schema. */
static struct row description(const struct field *field, enum schema_form form)
{
    _cleanup_buf_ struct buf words = BUF_INIT;

    if (field->alias_of)
        return STRING("description", field_alias_words(field, &words));
    if (field->type == FIELD_UNSUPPORTED)
        return FORMAT("description", "Not supported: %s.", field->instead);
    if (!field->doc)
        return ABSENT;
    if (field->implied)
        return FORMAT("description", "%s Default: %s.", field->doc, field->implied);
    if (field->otherwise && (field->floating || form == SCHEMA_V1BETA1))
        return FORMAT("description", "%s Default: %s.", field->doc, *field->otherwise ? field->otherwise : "empty");
    return STRING("description", field->doc);
}

static struct row stored_default(const struct field *field, enum schema_form form)
{
    return OPT(form == SCHEMA_V1 && !field->floating, VALUE("default", field_default(field)));
}

static json_t *required_names(const struct field_table *table)
{
    json_t *names = json_array();

    for (size_t i = 0; i < table->len; i++)
        if (table->rows[i].required)
            json_array_append_new(names, json_string(table->rows[i].name));
    if (json_array_size(names))
        return names;
    json_decref(names);
    return NULL;
}

static json_t *schema_of(const struct field *field, enum schema_form form);

static json_t *properties(const struct field_table *table, enum schema_form form)
{
    json_t *map = json_object();

    for (size_t i = 0; i < table->len; i++)
        json_object_set_new(map, table->rows[i].name, schema_of(&table->rows[i], form));
    return map;
}

static struct row extension(const char *key, json_t *value, enum schema_form form)
{
    if (form == SCHEMA_V1)
        return VALUE(key, value);
    json_decref(value);
    return ABSENT;
}

static json_t *object_schema(const struct field_table *table, struct row doc, enum schema_form form)
{
    return OBJECT(
        doc,
        STRING("type", "object"),
        OPT(table->len > 0, VALUE("properties", properties(table, form))),
        VALUE("required", required_names(table)),
        OPT(table->open, extension("x-kubernetes-preserve-unknown-fields", json_true(), form)));
}

json_t *field_schema(const struct field_table *table, const char *doc, enum schema_form form)
{
    return object_schema(table, STRING("description", doc), form);
}

/* Kubernetes' own IntOrString: `2` and `"500m"`. */
static json_t *quantity_schema(const struct field *field, enum schema_form form)
{
    return OBJECT(
        description(field, form),
        SEQ("anyOf", ITEM(STRING("type", "integer")), ITEM(STRING("type", "string"))),
        STRING("pattern", format_quantity.pattern),
        extension("x-kubernetes-int-or-string", json_true(), form));
}

static json_t *list_schema(const struct field *field, enum schema_form form)
{
    return OBJECT(
        description(field, form),
        STRING("type", "array"),
        VALUE("items", schema_of(field->items, form)),
        OPT(field->least > 0, INT("minItems", (json_int_t)field->least)),
        INT("maxItems", (json_int_t)field->most),
        OPT(field->unique, extension("x-kubernetes-list-type", json_string("set"), form)),
        stored_default(field, form));
}

/*
 * API servers of Kubernetes before 1.23 that were built with Go 1.18 or later (Debian's package is) take "" for null
 * when they validate, and refuse it unless the field may be null, which the operator's parser takes for absent. v1beta1
 * of Kubernetes 1.10 does not know `nullable`.
 */
static struct row text_type(const struct field_format *format, enum schema_form form)
{
    _cleanup_buf_ struct buf why = BUF_INIT;

    if (form == SCHEMA_V1 || !format_matches(format, "", &why))
        return STRING("type", "string");
    return SEQ("anyOf", ITEM(STRING("type", "string")), ITEM(SEQ("enum", ITEM_STRING(""))));
}

static struct row nullable_if_empty(const struct field_format *format, enum schema_form form)
{
    _cleanup_buf_ struct buf why = BUF_INIT;

    return OPT(format_matches(format, "", &why), extension("nullable", json_true(), form));
}

static json_t *schema_of(const struct field *field, enum schema_form form)
{
    switch (field->type) {
    case FIELD_FLAG:
        return OBJECT(description(field, form), STRING("type", "boolean"), stored_default(field, form));
    case FIELD_INTEGER:
    case FIELD_NUMBER:
        return OBJECT(
            description(field, form),
            STRING("type", field->type == FIELD_NUMBER ? "number" : "integer"),
            VALUE("minimum", integer_or_real(field, field->least)),
            VALUE("maximum", integer_or_real(field, field->most)),
            stored_default(field, form));
    case FIELD_TEXT:
        return OBJECT(
            description(field, form),
            text_type(field->format, form),
            INT("maxLength", field->format->max_length),
            STRING("pattern", field->format->pattern),
            nullable_if_empty(field->format, form),
            stored_default(field, form));
    case FIELD_CHOICE:
        return OBJECT(
            description(field, form),
            STRING("type", "string"),
            VALUE("enum", json_build_strings(field->choices)),
            stored_default(field, form));
    case FIELD_QUANTITY:
        return quantity_schema(field, form);
    case FIELD_TIME:
        return OBJECT(description(field, form), STRING("type", "string"), STRING("format", "date-time"));
    case FIELD_PORTION:
        return OBJECT(
            description(field, form),
            SEQ("anyOf", ITEM(STRING("type", "integer")), ITEM(STRING("type", "string"))),
            extension("x-kubernetes-int-or-string", json_true(), form));
    case FIELD_ANY:
    case FIELD_UNSUPPORTED:
        return OBJECT(
            description(field, form),
            extension("nullable", json_true(), form),
            extension("x-kubernetes-preserve-unknown-fields", json_true(), form));
    case FIELD_GROUP:
    case FIELD_DOCUMENT:
        return object_schema(field->table, description(field, form), form);
    case FIELD_LIST:
        return list_schema(field, form);
    case FIELD_MAP:
        return OBJECT(
            description(field, form),
            STRING("type", "object"),
            VALUE("additionalProperties", schema_of(field->items, form)),
            stored_default(field, form));
    }
    abort();
}
