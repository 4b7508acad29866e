#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "v9_8.h"

static const struct v9_8_spec *own(const struct istio_spec *spec)
{
    return (const struct v9_8_spec *)spec;
}

static bool plane(const struct istio_spec *spec, size_t i, struct mesh_plane *ret)
{
    const char *name = json_string_value(json_array_get(own(spec)->revisions, i));

    if (name)
        *ret = (struct mesh_plane){name, mesh_release_find(spec->version)};
    return name;
}

static json_t *pods(const struct mesh_env *env, const char *app, const char *image, const char *argument)
{
    return OBJECT(MAP("metadata", MAP("labels", STRING("app", app))),
                  MAP("spec", SEQ("containers", ITEM(STRING("name", app), VALUE("image", mesh_image(env, NULL, image)),
                                                     STRINGS("args", argument)))));
}

static void add_workload(const struct mesh_env *env, struct rendered_list *out, const char *kind, const char *base,
                         const char *argument)
{
    _cleanup_free_ char *name = mesh_name(env, base);

    mesh_add(env, out, kind,
             OBJECT(VALUE("metadata", mesh_metadata(env, name, NULL)),
                    MAP("spec", MAP("selector", MAP("matchLabels", STRING("app", name))),
                        VALUE("template", pods(env, name, base, argument)))));
}

static void add_pilot(const struct mesh_env *env, struct rendered_list *out)
{
    add_workload(env, out, "Deployment", "brain", "--serve");
    mesh_add(env, out, "ConfigMap",
             OBJECT(VALUE("metadata", mesh_metadata(env, "brain-templates", NULL)),
                    MAP("data", STRING("mode", own(env->spec)->net_mode))));
}

static void add_net(const struct mesh_env *env, struct rendered_list *out)
{
    add_workload(env, out, "DaemonSet", "net", own(env->spec)->net_mode);
}

static const struct component_spec *pilot_of(const struct istio_spec *spec)
{
    return &spec->pilot;
}

static const struct component_spec *net_of(const struct istio_spec *spec)
{
    return &own(spec)->net;
}

static const struct rollout_workload deployments[] = {{KIND_DEPLOYMENT, "brain"}, {0, NULL}};
static const struct rollout_workload daemon_sets[] = {{KIND_DAEMON_SET, "net"}, {0, NULL}};

static const struct mesh_component central[] = {
    {"pilot", deployments, pilot_of, add_pilot},
    {"net", daemon_sets, net_of, add_net},
    {NULL},
};

static const struct mesh_made nothing_made[] = {{NULL}};
static const mesh_part_fn nothing_shared[] = {NULL};
static const struct mesh_component no_components[] = {{NULL}};

/* A Pod says by which mode its sidecar was made. */
static char *version_of_pod(const json_t *pod)
{
    const char *mode = doc_string(pod, "metadata", "annotations", "v9-8.example.com/mode");

    return mode ? str_dup(mode) : NULL;
}

static char *version_of_config(const json_t *config_map)
{
    return str_dup(str_or(doc_string(config_map, "data", "mode"), ""));
}

const struct mesh_line v9_8_line = {
    .form = &v9_8_form,
    .plane = plane,
    .central = {central, nothing_shared, nothing_made},
    .remote = {no_components, nothing_shared, nothing_made},
    .injection =
        {
            .label = V9_8_INJECTION_LABEL,
            .enabled = "yes",
            .config_map = "brain-templates",
            .version_of_pod = version_of_pod,
            .version_of_config = version_of_config,
        },
};
