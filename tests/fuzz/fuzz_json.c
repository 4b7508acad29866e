/* Any text as JSON: what is read is printed so that it reads as the same. */
#include "fuzz.h"

#include <string.h>

#include "doc/doc.h"

static json_t *read_back(const char *text)
{
    json_t *value;

    MUST(doc_parse(text, strlen(text), SIZE_MAX, &value, NULL) == 0);
    return value;
}

/* What is read leniently can be stored as text, and is the same where nothing has to be replaced. */
static void read_leniently(const char *text, size_t len, const json_t *strict)
{
    _cleanup_json_ json_t *value = NULL, *again = NULL;
    _cleanup_free_ char *stored = NULL;

    if (doc_parse_lenient(text, len, (size_t)1 << 20, DOC_ALONE, &value, NULL) < 0) {
        MUST(!strict);
        return;
    }
    MUST(!strict || doc_equal(value, strict));
    stored = doc_text(value);
    again = read_back(stored);
    MUST(doc_equal(value, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *value = NULL, *again = NULL, *pretty_again = NULL, *copy = NULL;
    _cleanup_free_ char *text = NULL, *pretty = NULL, *text_again = NULL;
    int depth;

    doc_parse((const char *)data, size, (size_t)1 << 20, &value, NULL);
    read_leniently((const char *)data, size, value);
    if (!value)
        return 0;
    text = doc_text(value);
    pretty = doc_text_pretty(value);
    again = read_back(text);
    pretty_again = read_back(pretty);
    copy = doc_copy(value);
    MUST(doc_equal(value, again) && doc_equal(value, pretty_again) && doc_equal(copy, value));
    text_again = doc_text(again);
    MUST(strcmp(text, text_again) == 0);
    MUST(doc_hash(value) == doc_hash(copy));
    MUST(doc_weight(value, &depth) >= 1 && depth <= DOC_DEPTH_MAX + 1);
    return 0;
}
