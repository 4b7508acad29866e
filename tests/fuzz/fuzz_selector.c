/* A label selector and, behind a form feed, labels: the same requirement said
 * twice matches as said once. */
#include "fuzz.h"

#include "base/str.h"
#include "doc/doc.h"
#include "kube/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_free_ char *text = fuzz_next(&in, NULL), *twice = str_printf("%s,%s", text, text);
    _cleanup_json_ json_t *labels = fuzz_next_json(&in);
    _cleanup_selector_ struct selector *selector = NULL, *again = NULL;
    struct err e;
    bool matches;

    if (selector_parse(text, &selector, &e) < 0) {
        MUST((e.class == ERR_INVALID || e.class == ERR_LIMIT) && *e.text);
        return 0;
    }
    matches = selector_matches(selector, labels);
    selector_matches(selector, NULL);
    MUST(!selector_is_empty(selector) || matches);
    if (!selector_is_empty(selector) && selector_parse(twice, &again, NULL) == 0)
        MUST(selector_matches(again, labels) == matches);
    return 0;
}
