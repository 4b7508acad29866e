#include "controllers/mesh/components.h"

#include "base/mem.h"

void components_read(
    const struct plan_input *in, const char *ns, const struct mesh_component *components, const struct istio_spec *spec,
    struct rollouts *ret)
{
    _cleanup_free_ struct rollout_target *targets = NULL;
    size_t count = 0;

    while (components[count].name)
        count++;
    targets = NEW_ARRAY(struct rollout_target, count);
    for (size_t i = 0; i < count; i++)
        targets[i] =
            (struct rollout_target){components[i].name, components[i].deployment, components[i].spec(spec)->enabled};
    rollouts_read(in, ns, targets, count, ret);
}
