#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

/* Mixer's Deployments mount it; no metric is mapped to another name. */
void v1_statsd_bridge(const struct mesh_env *env, struct rendered_list *out)
{
    json_t *labels;

    if (!v1_of(env->spec)->policy.enabled && !v1_of(env->spec)->telemetry.enabled)
        return;
    labels = OBJECT(STRING("app", "istio-statsd-prom-bridge"), STRING("istio", "mixer"));
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, "istio-statsd-prom-bridge", labels)),
            MAP("data", STRING("mapping.conf", ""))));
}
