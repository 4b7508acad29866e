#include "mesh/mesh.h"

static const struct mesh_parts *parts_of(const struct mesh_env *env)
{
    return env->remote ? &env->release->line->remote : &env->release->line->central;
}

const struct mesh_component *mesh_components(const struct mesh_env *env)
{
    return parts_of(env)->components;
}

void mesh_render(const struct mesh_env *env, struct rendered_list *ret)
{
    *ret = (struct rendered_list){0};
    if (!env->remote)
        env->release->line->definitions(env, ret);
    for (const mesh_part_fn *part = parts_of(env)->shared; *part; part++)
        (*part)(env, ret);
    for (const struct mesh_component *c = mesh_components(env); c->name; c++) {
        if (c->spec(env->spec)->enabled)
            c->render(env, ret);
    }
    rendered_sort(ret);
    rendered_digest_configs(ret);
}
