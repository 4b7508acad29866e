#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

const char *istiod_revision(const struct mesh_env *env)
{
    return *str_or(env->revision, "") ? env->revision : ISTIOD_REVISION_DEFAULT;
}

char *istiod_webhook_name(const struct mesh_env *env, const char *name)
{
    _cleanup_free_ char *own = mesh_name(env, name);

    return str_eq(env->ns, "istio-system") ? str_dup(own) : str_printf("%s-%s", own, env->ns);
}
