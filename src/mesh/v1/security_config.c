#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

static json_t *labels(const struct mesh_env *env)
{
    return OBJECT(STRING("app", v1_either(env, "istio-security", "security")));
}

static void add_destination_rule(
    const struct mesh_env *env, const char *name, const char *host, const char *tls_mode, struct rendered_list *out)
{
    mesh_add(
        env,
        out,
        "DestinationRule",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, name, labels(env))),
            MAP("spec", STRING("host", host), MAP("trafficPolicy", MAP("tls", STRING("mode", tls_mode))))));
}

void v1_security_config(const struct mesh_env *env, struct rendered_list *out)
{
    bool mtls = env->spec->mtls;

    if (!v1_of(env->spec)->citadel.enabled)
        return;
    mesh_add(
        env,
        out,
        "MeshPolicy",
        OBJECT(
            VALUE("metadata", mesh_cluster_metadata("default", labels(env))),
            MAP("spec", SEQ("peers", ITEM(MAP("mtls", OPT(!mtls, STRING("mode", "PERMISSIVE"))))))));
    if (mtls) {
        add_destination_rule(env, "default", "*.local", "ISTIO_MUTUAL", out);
        /* The API server has no sidecar. */
        add_destination_rule(env, "api-server", "kubernetes.default.svc.cluster.local", "DISABLE", out);
    }
}
