/*
 * A document and a patch for it, divided by a form feed: JSON patches apply whole or not at all, merge patches give
 * the same when they are applied once more.
 */
#include "fuzz.h"

#include "doc/doc.h"
#include "doc/patch.h"

static void apply(const json_t *target, const json_t *operations)
{
    _cleanup_json_ json_t *before = doc_copy(target), *result = NULL;
    struct err e;
    bool well_formed = patch_check(operations, &e) == 0;
    bool applied = patch_apply(target, operations, &result, &e) == 0;

    MUST(well_formed || !applied);
    MUST(doc_equal(target, before));
    MUST(applied == (result != NULL));
    if (!applied)
        MUST(*e.text);
}

static void merge(const json_t *target, const json_t *patch)
{
    _cleanup_json_ json_t *once = doc_copy(target), *twice = NULL;

    patch_merge(once, patch);
    twice = doc_copy(once);
    patch_merge(twice, patch);
    MUST(doc_equal(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_json_ json_t *target = fuzz_next_json(&in), *patch = fuzz_next_json(&in);

    if (!target || !patch)
        return 0;
    apply(target, patch);
    if (json_is_object(target))
        merge(target, patch);
    return 0;
}
