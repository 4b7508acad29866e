#include "reconcile/object_memo.h"

#include <assert.h>

static_assert(sizeof(struct object_memo) <= KUBE_MEMO_SIZE, "the memo has its place in the object");

struct object_memo *object_memo(struct kube_object *o)
{
    static const char owner;

    return kube_object_memo(o, &owner);
}
