#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

/*
 * In the control plane's namespace, without a selector, it holds for the whole mesh. Without one, proxies take both
 * (Istio's default); an own one that said so would replace the one that a user may have written.
 */
void istiod_peer_authentication(const struct mesh_env *env, struct rendered_list *out)
{
    if (!env->spec->mtls)
        return;
    mesh_add(
        env,
        out,
        "PeerAuthentication",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, "default", NULL)),
            MAP("spec", MAP("mtls", STRING("mode", "STRICT")))));
}
