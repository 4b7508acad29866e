/* ConfigMap istio: the mesh configuration, which istiod watches. */
#include "base/buf.h"
#include "base/mem.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

static json_t *proxy_config(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    _cleanup_free_ char *service = mesh_name(env, "istiod");
    const char *zipkin = istiod_tracing_zipkin(env);

    return OBJECT(
        FORMAT("discoveryAddress", "%s.%s.svc:15012", service, env->ns),
        OPT(spec->proxy.concurrency, INT("concurrency", spec->proxy.concurrency)),
        STRING("meshId", istiod_of(spec)->federation.mesh_id),
        OPT(zipkin, MAP("tracing", MAP("zipkin", STRING("address", zipkin)))));
}

static json_t *mesh_config(const struct mesh_env *env)
{
    const char *tracing = istiod_tracing_provider(env);

    return OBJECT(
        VALUE("defaultConfig", proxy_config(env)),
        MAP("defaultProviders",
            SEQ("metrics", ITEM_STRING("prometheus")),
            OPT(tracing, SEQ("tracing", ITEM_STRING(tracing)))),
        BOOL("enablePrometheusMerge", true),
        OPT(!env->spec->tracing.enabled, BOOL("enableTracing", false)),
        STRING("rootNamespace", env->ns),
        STRING("trustDomain", "cluster.local"));
}

/* Maps by key; everything else is replaced. */
static void merge_into(json_t *map, const json_t *other)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)other, key, value) {
        json_t *own = json_object_get(map, key);
        if (json_is_object(own) && json_is_object(value))
            merge_into(own, value);
        else
            json_object_set_new(map, key, doc_copy(value));
    }
}

json_t *istiod_mesh_config_document(const struct mesh_env *env)
{
    json_t *config = mesh_config(env);

    merge_into(config, istiod_of(env->spec)->mesh_config);
    istiod_tracing_add_provider(env, config);
    return config;
}

void istiod_mesh_config(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *name = mesh_name(env, "istio");
    _cleanup_json_ json_t *config = istiod_mesh_config_document(env);
    _cleanup_buf_ struct buf text = BUF_INIT;

    yaml_print_ordered(config, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, name, OBJECT(STRING("istio.io/rev", istiod_revision(env))))),
            MAP("data", STRING("mesh", buf_str(&text)), STRING("meshNetworks", "networks: {}"))));
}
