#include "odd.h"

#include <stdint.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define LONG_BYTES 5000

const char *odd_words(enum odd how)
{
    static const char *const words[] = {
#define X(name, text) [ODD_##name] = text,
        ODD_WAYS(X)
#undef X
    };

    return words[how];
}

/* Cut within bytes anywhere, this is cut within a character three times of four. */
static json_t *long_text(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_str(&text, "a");
    while (text.len < LONG_BYTES)
        buf_add_str(&text, "\xf0\x9f\x98\x80");
    return json_string(buf_str(&text));
}

static json_t *odd_keys(void)
{
    json_t *keys = OBJECT(INT("", 1), INT(".", 1), INT("a\"]\n[", 1), INT("a.b/c", 1), NIL("null")),
           *text = long_text();

    json_object_set_new(keys, json_string_value(text), json_true());
    json_decref(text);
    return keys;
}

static json_t *twice(const json_t *before)
{
    json_t *list;

    if (!json_array_size(before))
        return NULL;
    list = doc_copy(before);
    json_array_append_new(list, doc_copy(json_array_get(before, 0)));
    return list;
}

json_t *odd_value(enum odd how, const json_t *before)
{
    switch (how) {
    case ODD_NULL:
        return json_null();
    case ODD_MAP:
        return json_object();
    case ODD_LIST:
        return json_array();
    case ODD_NULLS:
        return ARRAY(ITEM_VALUE(json_null()));
    case ODD_MAPS:
        return ARRAY(ITEM());
    case ODD_NESTED:
        return ARRAY(ITEM_VALUE(doc_copy(before)));
    case ODD_EMPTY:
        return json_string("");
    case ODD_TEXT:
        return json_string("odd");
    case ODD_NUL:
        return json_stringn("a\0b", 3);
    case ODD_LONG:
        return long_text();
    case ODD_CONTROLS:
        return json_string("\x01\r\n\t\x1b[31m\"'\\%s%n{{\x7f\xc2\x85\xe2\x80\xa8");
    case ODD_ZERO:
        return json_integer(0);
    case ODD_NEGATIVE:
        return json_integer(INT64_MIN);
    case ODD_LARGE:
        return json_integer(INT64_MAX);
    case ODD_REAL:
        return json_real(1e300);
    case ODD_TRUE:
        return json_true();
    case ODD_KEYS:
        return odd_keys();
    case ODD_TWICE:
        return twice(before);
    case ODD_ABSENT:
    case ODD_COUNT:
        break;
    }
    return NULL;
}

json_t *odd_other(const json_t *value)
{
    if (json_is_string(value))
        return json_sprintf("%sx", json_string_value(value));
    if (json_is_integer(value))
        return json_integer(json_integer_value(value) + 1);
    if (json_is_boolean(value))
        return json_boolean(!json_boolean_value(value));
    return json_array_size(value) ? json_array() : NULL;
}

size_t odd_places(const json_t *document)
{
    size_t places = 1, i;
    const char *key;
    json_t *value;

    json_array_foreach(document, i, value)
        places += odd_places(value);
    json_object_foreach((json_t *)document, key, value)
        places += odd_places(value);
    return places;
}

/* Goes down to a place, counting it down. */
struct descent {
    size_t left;
    enum odd how;
    struct buf *path; /* may be NULL */
    bool changed;
};

static json_t *below(struct descent *d, const json_t *value);

static json_t *in_map(struct descent *d, const json_t *map)
{
    json_t *result = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)map, key, value) {
        size_t mark = d->path ? d->path->len : 0;
        json_t *part;
        if (d->path && !d->changed)
            doc_path_key(d->path, key);
        part = below(d, value);
        if (part)
            json_object_set_new(result, key, part);
        if (d->path && !d->changed)
            buf_truncate(d->path, mark);
    }
    return result;
}

static json_t *in_list(struct descent *d, const json_t *list)
{
    json_t *result = json_array(), *value;
    size_t i;

    json_array_foreach(list, i, value) {
        size_t mark = d->path ? d->path->len : 0;
        json_t *part;
        if (d->path && !d->changed)
            doc_path_index(d->path, i);
        part = below(d, value);
        if (part)
            json_array_append_new(result, part);
        if (d->path && !d->changed)
            buf_truncate(d->path, mark);
    }
    return result;
}

/* The copy; NULL: it is left out. */
static json_t *below(struct descent *d, const json_t *value)
{
    if (d->changed)
        return doc_copy(value);
    if (d->left-- == 0) {
        json_t *odd = odd_value(d->how, value);
        d->changed = true;
        return odd || d->how == ODD_ABSENT ? odd : doc_copy(value);
    }
    if (json_is_object(value))
        return in_map(d, value);
    return json_is_array(value) ? in_list(d, value) : doc_copy(value);
}

json_t *odd_document(const json_t *document, size_t place, enum odd how, struct buf *ret_path)
{
    struct descent d = {.left = place, .how = how, .path = ret_path};
    json_t *result;

    if (place == 0 && how == ODD_ABSENT)
        return NULL;
    result = below(&d, document);
    if (result && doc_equal(result, document)) {
        json_decref(result);
        return NULL;
    }
    return result;
}
