#include "controllers/mesh/components.h"

#include "base/mem.h"
#include "controllers/watches.h"

#define VOLUME_WATCHES (PLAN_WATCH_SECRET_KEYS | PLAN_WATCH_CONFIG_MAP_KEYS)

static const struct mesh_component *components_of(const struct mesh_plane *plane, unsigned role)
{
    return role == MESH_REMOTE ? plane->release->line->remote.components : plane->release->line->central.components;
}

static bool is_cni(const struct mesh_plane *plane, const struct mesh_component *component)
{
    const struct mesh_cni *cni = plane->release->line->cni;

    return cni && cni->component == component;
}

void components_read_targets(
    const struct plan_input *in, const char *ns, const struct rollout_target *targets, size_t count,
    struct rollouts *ret, unsigned *watch)
{
    const struct volume_kinds volumes = {mesh_kind(KIND_SECRET_KEYS), mesh_kind(KIND_CONFIG_MAP_KEYS)};

    rollouts_read(in, ns, targets, count, (in->synced & VOLUME_WATCHES) == VOLUME_WATCHES ? &volumes : NULL, ret);
    if (!ret->all_available)
        *watch |= PLAN_WATCH_PODS;
    if (ret->asks_for_volumes)
        *watch |= VOLUME_WATCHES;
}

void components_read(
    const struct plan_input *in, const char *ns, const struct mesh_plane *planes, size_t count, unsigned role,
    const struct istio_spec *spec, bool cni_is_optional, struct rollouts *ret, unsigned *watch)
{
    _cleanup_free_ struct rollout_target *targets = NULL;
    size_t len = 0, cap = 0;

    for (size_t i = 0; i < count; i++)
        for (const struct mesh_component *c = components_of(&planes[i], role); c->name; c++) {
            if (c->shared && i)
                continue;
            ARRAY_RESERVE_ONE(targets, len, cap);
            targets[len++] = (struct rollout_target){
                .name = c->name,
                .revision = c->shared ? "" : planes[i].revision,
                .workloads = c->workloads,
                .enabled = c->spec(spec)->enabled,
                .optional = cni_is_optional && is_cni(&planes[i], c),
            };
        }
    components_read_targets(in, ns, targets, len, ret, watch);
}
