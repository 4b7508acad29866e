#include "kube/schema.h"

#include "base/str.h"
#include "doc/doc.h"

/* Text for people. A field of that name has a schema, which is no string. */
static bool is_prose(const char *key, const json_t *value)
{
    return json_is_string(value) && (str_eq(key, "description") || str_eq(key, "message"));
}

static bool same_rule(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !((*a == ' ' || *a == '\n') && (*b == ' ' || *b == '\n')))
            return false;
    return *a == *b;
}

static bool has_all(const json_t *list, const json_t *values)
{
    json_t *value, *other;
    size_t i, k;

    json_array_foreach((json_t *)values, i, value) {
        bool has = false;
        json_array_foreach((json_t *)list, k, other)
            has = has || json_equal(value, other);
        if (!has)
            return false;
    }
    return true;
}

static bool same_field(const char *key, const json_t *desired, const json_t *live)
{
    if (json_is_string(desired) && json_is_string(live) && str_eq(key, "rule"))
        return same_rule(json_string_value(desired), json_string_value(live));
    if (json_is_array(desired) && json_is_array(live) && str_eq(key, "required"))
        return json_array_size(desired) == json_array_size(live) && has_all(desired, live) && has_all(live, desired);
    return kube_schema_same(desired, live);
}

bool kube_schema_same(const json_t *desired, const json_t *live)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_array(desired) && json_is_array(live)) {
        json_array_foreach((json_t *)desired, i, value)
            if (!kube_schema_same(value, json_array_get(live, i)))
                return false;
        return json_array_size(desired) == json_array_size(live);
    }
    if (!json_is_object(desired) || !json_is_object(live))
        return doc_equal(desired, live);
    json_object_foreach((json_t *)desired, key, value)
        if (!same_field(key, value, json_object_get(live, key)))
            return false;
    json_object_foreach((json_t *)live, key, value)
        if (!json_object_get(desired, key) && !is_prose(key, value))
            return false;
    return true;
}
