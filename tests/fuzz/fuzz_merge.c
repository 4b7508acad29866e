/*
 * A three-way merge of a desired object with a live one whose annotation says whatever another client wrote into it.
 * The input: a byte that chooses the kind, the live object, a form feed, the desired object.
 */
#include "fuzz.h"

#include "doc/doc.h"
#include "doc/merge.h"
#include "kube/kind.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

static void merge_again(const json_t *last, const json_t *desired, const json_t *live, const struct merge_rules *rules)
{
    struct merge again;

    merge_three_way(last, desired, live, rules, &again);
    MUST(again.change_count == 0 && doc_equal(again.result, live));
    merge_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    const struct kube_kind *kind = &mesh_kinds.rows[fuzz_choose(&in, (unsigned)mesh_kinds.len)];
    _cleanup_json_ json_t *live = fuzz_next_json(&in), *desired = fuzz_next_json(&in), *applied = NULL;
    _cleanup_json_ json_t *live_before = NULL, *skeleton = NULL;
    _cleanup_buf_ struct buf summary = BUF_INIT;
    struct kube_merge how;
    struct merge merge;

    if (!json_is_object(live) || !json_is_object(desired))
        return 0;
    kube_merge_init(kind, NULL, &how);
    applied = mark_applied(live);
    live_before = doc_copy(live);
    skeleton = merge_skeleton(desired, &how.rules);
    merge_three_way(doc_at(applied, "fields"), desired, live, &how.rules, &merge);
    MUST(doc_equal(live, live_before));
    merge_summary(&merge, 3, &summary);
    merge_again(doc_at(applied, "fields"), desired, merge.result, &how.rules);
    merge_again(skeleton, desired, merge.result, &how.rules);
    merge_release(&merge);
    return 0;
}
