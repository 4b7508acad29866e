/*
 * The secret discovery service of Istio 1.1: an agent on each node asks Citadel for the certificates of workloads and
 * gives them to their proxies, instead of Secrets that are mounted.
 *
 * Facts: the chart nodeagent of Istio 1.1, with its values for this (values-istio-sds-auth.yaml).
 */
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-nodeagent-service-account"
#define SOCKET_PATH "/var/run/sds"

json_t *v1_sds_mounts(const struct mesh_env *env)
{
    const struct v1_spec *spec = v1_of(env->spec);

    return ARRAY(
        OPT(spec->sds.enabled, ITEM_VALUE(mesh_mount_read_only("sdsudspath", SOCKET_PATH))),
        OPT(spec->sds.enabled && spec->sds.trustworthy_jwt,
            ITEM_VALUE(mesh_mount("istio-token", "/var/run/secrets/tokens"))));
}

json_t *v1_sds_volumes(const struct mesh_env *env)
{
    const struct v1_spec *spec = v1_of(env->spec);

    return ARRAY(
        OPT(spec->sds.enabled, ITEM(STRING("name", "sdsudspath"), MAP("hostPath", STRING("path", SOCKET_PATH)))),
        OPT(spec->sds.enabled && spec->sds.trustworthy_jwt,
            ITEM(
                STRING("name", "istio-token"),
                MAP("projected",
                    SEQ("sources",
                        ITEM(
                            MAP("serviceAccountToken",
                                STRING("path", "istio-token"),
                                INT("expirationSeconds", 43200))))))));
}

static json_t *labels(void)
{
    return OBJECT(STRING("app", "nodeagent"));
}

static json_t *pod_labels(void)
{
    return OBJECT(STRING("app", "nodeagent"), STRING("istio", "nodeagent"));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *agent = &v1_of(env->spec)->node_agent;

    return OBJECT(
        STRING("name", "nodeagent"),
        VALUE("image", mesh_image(env, agent->image, "node-agent-k8s")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("env",
            ITEM_VALUE(mesh_env_value("CA_ADDR", "istio-citadel:8060")),
            ITEM_VALUE(mesh_env_value("CA_PROVIDER", "Citadel")),
            ITEM_VALUE(mesh_env_value("VALID_TOKEN", "true")),
            ITEM_VALUE(mesh_env_value("Trust_Domain", ""))),
        OPT(agent->resources, VALUE("resources", json_incref(agent->resources))),
        SEQ("volumeMounts", ITEM_VALUE(mesh_mount("sdsudspath", SOCKET_PATH))));
}

void v1_node_agent(const struct mesh_env *env, struct rendered_list *out)
{
    const struct component_spec *agent = &v1_of(env->spec)->node_agent;

    mesh_service_account(env, out, ACCOUNT, labels());
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-nodeagent",
            .binding = "istio-nodeagent",
            .service_account = ACCOUNT,
            .labels = labels(),
            .rules = ARRAY(ITEM_VALUE(mesh_rule("", WORDS("configmaps"), WORDS("get")))),
        });
    mesh_add(
        env,
        out,
        "DaemonSet",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, V1_NODE_AGENT, pod_labels())),
            MAP("spec",
                MAP("selector", VALUE("matchLabels", pod_labels())),
                MAP("updateStrategy", STRING("type", "RollingUpdate")),
                MAP("template",
                    MAP("metadata", VALUE("labels", pod_labels())),
                    MAP("spec",
                        STRING("serviceAccountName", ACCOUNT),
                        SEQ("containers", ITEM_VALUE(container(env))),
                        SEQ("volumes",
                            ITEM(STRING("name", "sdsudspath"), MAP("hostPath", STRING("path", SOCKET_PATH)))),
                        ROWS(mesh_placement(agent)))))));
}
