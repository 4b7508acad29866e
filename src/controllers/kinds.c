#include "controllers/kinds.h"

#include "controllers/mesh/mesh_plan.h"
#include "controllers/remote/remote_plan.h"
#include "controllers/watches.h"
#include "reconcile/marks.h"

static const struct reconciler *const rows[] = {
    &mesh_reconciler,
    &remote_reconciler,
    NULL,
};

const struct controller_kinds operator_kinds = {
    .objects = &mesh_kinds,
    .watches = &mesh_watches,
    .rows = rows,
    .owner_label = MARK_OWNER,
    .central_roles = MESH_CENTRAL,
    .remote_roles = MESH_REMOTE,
};
