#include "mesh/common/kiali.h"

#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"

#define CONFIGURATION "kiali-configuration"
#define FOLDER "/kiali-configuration"

json_t *mesh_kiali_mount(void)
{
    return mesh_mount(CONFIGURATION, FOLDER);
}

static void add_roles(const struct mesh_env *env, struct rendered_list *out, const struct kiali_server *what)
{
    mesh_service_account(env, out, what->account, json_incref(what->labels));
    mesh_add(
        env,
        out,
        "ClusterRole",
        OBJECT(
            VALUE("metadata", mesh_cluster_metadata(MESH_KIALI, json_incref(what->labels))),
            VALUE("rules", what->rules)));
    mesh_add(
        env,
        out,
        "ClusterRoleBinding",
        mesh_binding(
            env,
            mesh_cluster_metadata(what->binding, json_incref(what->labels)),
            "ClusterRole",
            MESH_KIALI,
            what->account));
}

static void add_configuration(const struct mesh_env *env, struct rendered_list *out, const struct kiali_server *what)
{
    _cleanup_json_ json_t *config = what->config;
    _cleanup_buf_ struct buf text = BUF_INIT;

    yaml_print(config, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, MESH_KIALI, json_incref(what->labels))),
            MAP("data", STRING("config.yaml", buf_str(&text)))));
}

static json_t *container(const struct mesh_env *env, const struct kiali_server *what)
{
    return OBJECT(
        STRING("name", MESH_KIALI),
        STRING("image", str_or(env->spec->kiali.image, what->image)),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        STRINGS("command", "/opt/kiali/kiali", "-config", FOLDER "/config.yaml"),
        ROWS(what->container));
}

static void add_deployment(const struct mesh_env *env, struct rendered_list *out, const struct kiali_server *what)
{
    struct rendered *added = mesh_add(
        env,
        out,
        "Deployment",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, MESH_KIALI, json_incref(what->labels))),
            MAP("spec",
                MAP("selector", VALUE("matchLabels", json_incref(what->selector))),
                MAP("template",
                    MAP("metadata", VALUE("labels", what->pod_labels), VALUE("annotations", what->pod_annotations)),
                    MAP("spec",
                        STRING("serviceAccountName", what->account),
                        SEQ("containers", ITEM_VALUE(container(env, what))),
                        SEQ("volumes",
                            ITEM_VALUE(mesh_volume_config(CONFIGURATION, MESH_KIALI)),
                            ROWS(what->volumes)))))));

    if (added)
        added->restart_on = "ConfigMap/" MESH_KIALI;
}

void mesh_kiali_server(const struct mesh_env *env, struct rendered_list *out, struct kiali_server what)
{
    const size_t before = out->len;

    add_roles(env, out, &what);
    add_configuration(env, out, &what);
    add_deployment(env, out, &what);
    mesh_service(
        env,
        out,
        (struct service){.name = MESH_KIALI, .labels = what.labels, .selector = what.selector, .ports = what.ports});
    for (size_t i = before; i < out->len; i++)
        out->items[i].apart = MESH_APART_MAPS;
}
