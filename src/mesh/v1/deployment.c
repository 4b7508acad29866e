/* How the Deployments of all components run. */
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

void v1_deployment(const struct mesh_env *env, struct rendered_list *out, struct deployment what)
{
    if (v1_is_1_1(env)) {
        what.not_critical = !v1_is_first_1_1(env);
        if (!what.strategy)
            what.strategy = OBJECT(MAP("rollingUpdate", INT("maxSurge", 1), INT("maxUnavailable", 0)));
    } else {
        json_decref(what.scaling_labels);
        what.scaling_labels = NULL;
    }
    mesh_deployment(env, out, what);
}
