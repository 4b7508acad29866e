/* Documents for tests, written with single quotes: doc("{'a': [1]}"). */
#ifndef TESTS_UNIT_JSON_DOCUMENTS_H
#define TESTS_UNIT_JSON_DOCUMENTS_H

#include "../base/testing.h"

#include "base/str.h"
#include "doc/doc.h"

/* Owned by the caller. */
static inline json_t *doc(const char *text)
{
    _cleanup_free_ char *json = str_dup(text);
    struct err e = {0};
    json_t *value = NULL;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    if (doc_parse(json, strlen(json), 1 << 20, &value, &e) < 0)
        fail_msg("%s in %s", e.text, text);
    return value;
}

static inline void assert_doc_equal(const json_t *actual, const json_t *expected)
{
    if (!doc_equal(actual, expected)) {
        _cleanup_free_ char *a = actual ? doc_text(actual) : str_dup("nothing");
        _cleanup_free_ char *b = expected ? doc_text(expected) : str_dup("nothing");
        print_error("is        %s\nshould be %s\n", a, b);
        fail();
    }
}

static inline void assert_doc(const json_t *actual, const char *expected)
{
    _cleanup_json_ json_t *value = doc(expected);

    assert_doc_equal(actual, value);
}

#endif
