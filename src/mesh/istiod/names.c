#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

const struct istiod_differences *istiod_differences(const struct mesh_env *env)
{
    static const struct istiod_differences none;

    return env->release->differences ? env->release->differences : &none;
}

bool istiod_is_on_openshift(const struct mesh_env *env)
{
    return !str_eq(istiod_of(env->spec)->platform, ISTIOD_ANY_PLATFORM);
}

const char *istiod_revision(const struct mesh_env *env)
{
    return *str_or(env->revision, "") ? env->revision : ISTIOD_REVISION_DEFAULT;
}

char *istiod_webhook_name(const struct mesh_env *env, const char *name)
{
    _cleanup_free_ char *own = mesh_name(env, name);

    return str_eq(env->ns, "istio-system") ? str_dup(own) : str_printf("%s-%s", own, env->ns);
}
