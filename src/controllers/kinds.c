#include "controllers/kinds.h"

#include "base/str.h"
#include "mesh/kinds.h"
#include "reconcile/marks.h"

/* Each in the folder of its kind. */
#define RECONCILER(id, name, ...) name##_reconciler
#define RECONCILER_AT(...) &RECONCILER(__VA_ARGS__)
extern const struct reconciler MESH_RESOURCES(RECONCILER);
static const struct reconciler *const rows[] = {MESH_RESOURCES(RECONCILER_AT), NULL};

const struct controller_kinds operator_kinds = {
    .objects = &mesh_kinds,
    .rows = rows,
    .owner_label = MARK_OWNER,
    .central_roles = MESH_CENTRAL,
    .remote_roles = MESH_REMOTE,
};

const struct reconciler *operator_kinds_find(const char *kind)
{
    for (const struct reconciler *const *row = rows; *row; row++)
        if (str_eq((*row)->resource->kind, kind))
            return *row;
    return NULL;
}

void operator_kinds_words(struct buf *out)
{
    for (const struct reconciler *const *row = rows; *row; row++)
        buf_printf(out, "%s%s", row == rows ? "" : row[1] ? ", " : " or ", (*row)->resource->kind);
}
