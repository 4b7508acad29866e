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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *value = NULL, *again = NULL, *pretty_again = NULL, *copy = NULL;
    _cleanup_free_ char *text = NULL, *pretty = NULL, *text_again = NULL;
    int depth;

    if (doc_parse((const char *)data, size, (size_t)1 << 20, &value, NULL) < 0)
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
