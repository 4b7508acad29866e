#include "mesh/mesh.h"

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"

static const struct mesh_parts *parts_of(const struct mesh_env *env)
{
    return env->remote ? &env->release->line->remote : &env->release->line->central;
}

const struct mesh_component *mesh_components(const struct mesh_env *env)
{
    return parts_of(env)->components;
}

const struct mesh_component *mesh_component_of(const struct mesh_component *components, const char *name)
{
    for (; components->name; components++)
        if (str_eq(components->name, name))
            return components;
    return NULL;
}

/* A gateway that is held is rendered by the release that it is of. */
static void render_component(const struct mesh_env *env, const struct mesh_component *c, struct rendered_list *ret)
{
    struct mesh_env own;
    const struct mesh_env *by = mesh_env_of(env, c->name, &own);

    if (by != env)
        c = mesh_component_of(by->release->line->central.components, c->name);
    if (c && c->render)
        c->render(by, ret);
}

void mesh_render(const struct mesh_env *env, struct rendered_list *ret)
{
    *ret = (struct rendered_list){0};
    if (!env->remote && env->release->line->definitions)
        env->release->line->definitions(env, ret);
    for (const mesh_part_fn *part = parts_of(env)->shared; *part; part++)
        (*part)(env, ret);
    for (const struct mesh_component *c = mesh_components(env); c->name; c++) {
        if (c->render && c->spec(env->spec)->enabled)
            render_component(env, c, ret);
    }
    rendered_sort(ret);
    rendered_digest_configs(ret);
}

size_t mesh_planes(const struct istio_spec *spec, struct mesh_plane *ret)
{
    const struct mesh_release *release = mesh_release_find(spec->version);
    size_t count = 0;

    while (count < MESH_PLANES_MAX) {
        ret[count] = (struct mesh_plane){"", release};
        if (!release->line->plane || !release->line->plane(spec, count, &ret[count]))
            break;
        count++;
    }
    return count ? count : 1;
}

json_t *mesh_proxy_image(const struct mesh_release *release, const struct istio_spec *spec)
{
    const struct mesh_env env = {.spec = spec, .release = release};
    const char *image = spec->proxy.image;

    return mesh_image(&env, image && strchr(image, '/') ? image : NULL, str_or(image, "proxyv2"));
}

void mesh_injection_of(const struct mesh_plane *plane, struct mesh_injection *ret, char **ret_config_map)
{
    const struct mesh_injection *of_line = &plane->release->line->injection;
    bool named = *plane->revision && of_line->revision;

    *ret = *of_line;
    *ret_config_map = named ? str_printf("%s-%s", of_line->config_map, plane->revision) : str_dup(of_line->config_map);
    ret->config_map = *ret_config_map;
    if (named) {
        ret->label = LABEL_REVISION;
        ret->enabled = plane->revision;
        ret->revision = plane->revision;
    }
}

static bool has(const struct rendered_list *list, const struct rendered *object)
{
    const json_t *metadata = doc_at(object->object, "metadata"), *other;

    for (size_t i = 0; i < list->len; i++) {
        other = doc_at(list->items[i].object, "metadata");
        if (list->items[i].kind == object->kind && str_eq(doc_string(other, "name"), doc_string(metadata, "name")) &&
            str_eq(doc_string(other, "namespace"), doc_string(metadata, "namespace")))
            return true;
    }
    return false;
}

/* What `from` has and `to` has not is moved there; `from` is released. */
static void move_objects(struct rendered_list *to, struct rendered_list *from)
{
    for (size_t i = 0; i < from->len; i++) {
        if (has(to, &from->items[i]))
            continue;
        ARRAY_RESERVE_ONE(to->items, to->len, to->cap);
        to->items[to->len] = from->items[i];
        json_incref(to->items[to->len++].object);
    }
    rendered_release(from);
}

void mesh_render_planes(
    const struct mesh_env *env, const struct mesh_plane *planes, size_t count, struct rendered_list *ret)
{
    struct mesh_env own = *env;
    struct rendered_list objects;

    *ret = (struct rendered_list){0};
    for (size_t i = 0; i < count; i++) {
        own.revision = planes[i].revision;
        own.release = planes[i].release;
        mesh_render(&own, i ? &objects : ret);
        if (i)
            move_objects(ret, &objects);
    }
    rendered_sort(ret);
}
