#include "doc/keyed.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

bool keyed_has(const json_t *element, const struct merge_key *key)
{
    const json_t *value = json_object_get(element, key->key);

    return json_is_integer(value) ||
           (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value));
}

/* A skeleton of an earlier version has a number here, which says nothing; nor does "". */
static const char *second_text(const json_t *element, const struct merge_key *key)
{
    const char *text = key->second ? doc_string(element, key->second) : NULL;

    return key->second ? (text && *text ? text : key->absent) : NULL;
}

char *keyed_text(const json_t *element, const struct merge_key *key)
{
    const json_t *value = json_object_get(element, key->key);
    const char *second = second_text(element, key);
    char number[32];
    const char *first = number;

    if (json_is_integer(value))
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        first = json_string_value(value);
    return !second || str_eq(second, key->absent) ? str_dup(first) : STR_JOIN('/', first, second);
}

/* The name under which an element is looked up: 80 and "80" are two. */
static char *key_name(const json_t *element, const struct merge_key *key)
{
    _cleanup_free_ char *text = keyed_text(element, key);

    return str_printf("%c%s\n%s", json_is_integer(json_object_get(element, key->key)) ? '#' : '=', text,
                      str_or(second_text(element, key), ""));
}

struct keyed keyed_new(const json_t *seq, const struct merge_key *key)
{
    struct keyed k = {seq, key, map_new(NULL), true, true};
    json_t *element;
    size_t i;

    json_array_foreach(seq, i, element) {
        _cleanup_free_ char *name = NULL;

        if (!keyed_has(element, key)) {
            k.complete = k.distinct = false;
            continue;
        }
        name = key_name(element, key);
        if (map_has(k.positions, name))
            k.distinct = false;
        else
            map_put(k.positions, name, (void *)(uintptr_t)(i + 1));
    }
    return k;
}

void keyed_release(struct keyed *k)
{
    map_free(k->positions);
}

size_t keyed_find(const struct keyed *k, const json_t *element)
{
    _cleanup_free_ char *name = key_name(element, k->key);
    uintptr_t position = (uintptr_t)map_get(k->positions, name);

    return position ? position - 1 : KEYED_NOWHERE;
}
