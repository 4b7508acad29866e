#include "controllers/mesh/components.h"

#include "base/mem.h"
#include "controllers/watches.h"

#define VOLUME_WATCHES (PLAN_WATCH_SECRET_KEYS | PLAN_WATCH_CONFIG_MAP_KEYS)

void components_read(
    const struct plan_input *in, const char *ns, const struct mesh_component *components, const struct istio_spec *spec,
    struct rollouts *ret, unsigned *watch)
{
    const struct volume_kinds volumes = {mesh_kind(KIND_SECRET_KEYS), mesh_kind(KIND_CONFIG_MAP_KEYS)};
    _cleanup_free_ struct rollout_target *targets = NULL;
    size_t count = 0;

    while (components[count].name)
        count++;
    targets = NEW_ARRAY(struct rollout_target, count);
    for (size_t i = 0; i < count; i++)
        targets[i] =
            (struct rollout_target){components[i].name, components[i].workloads, components[i].spec(spec)->enabled};
    rollouts_read(in, ns, targets, count, (in->synced & VOLUME_WATCHES) == VOLUME_WATCHES ? &volumes : NULL, ret);
    if (!ret->all_available)
        *watch |= PLAN_WATCH_PODS;
    if (ret->asks_for_volumes)
        *watch |= VOLUME_WATCHES;
}
