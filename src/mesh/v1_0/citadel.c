/* Citadel: issues the keys and certificates of every ServiceAccount. */
#include "mesh/common/objects.h"
#include "mesh/v1_0/v1_0.h"

#define ACCOUNT "istio-citadel-service-account"

static json_t *labels(void)
{
    return OBJECT(S("app", "security"));
}

static json_t *rules(void)
{
    return ARRAY(
        ITEM_V(mesh_rule("", WORDS("secrets"), WORDS("create", "get", "watch", "list", "update", "delete"))),
        ITEM_V(mesh_rule("", WORDS("serviceaccounts"), WORDS("get", "watch", "list"))),
        ITEM_V(mesh_rule("", WORDS("services"), WORDS("get", "watch", "list"))));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *citadel = &env->spec->citadel;

    return OBJECT(
        S("name", "citadel"),
        V("image", mesh_image(env, citadel->image, "citadel")),
        S("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ITEM_S("--append-dns-names=true"),
            ITEM_S("--grpc-port=8060"),
            ITEM_S("--grpc-hostname=citadel"),
            ITEM_F("--citadel-storage-namespace=%s", env->ns),
            ITEM_F(
                "--custom-dns-names=istio-pilot-service-account.%1$s:istio-pilot.%1$s,"
                "istio-ingressgateway-service-account.%1$s:istio-ingressgateway.%1$s",
                env->ns),
            ITEM_S("--self-signed-ca=true")),
        V("resources", mesh_resources(citadel->resources, "10m", NULL)));
}

void v1_0_citadel(const struct mesh_env *env, struct mesh_objects *out)
{
    mesh_service_account(env, out, ACCOUNT, labels());
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-citadel",
            .binding = "istio-citadel",
            .service_account = ACCOUNT,
            .labels = labels(),
            .rules = rules(),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-citadel",
            .labels = OBJECT(S("app", "istio-citadel")),
            .selector = OBJECT(S("istio", "citadel")),
            .ports = ARRAY(
                ITEM_V(mesh_service_port("grpc-citadel", 8060)), ITEM_V(mesh_service_port("http-monitoring", 9093))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-citadel",
            .component = &env->spec->citadel,
            .labels = OBJECT(S("app", "security"), S("istio", "citadel")),
            .pod_labels = OBJECT(S("istio", "citadel")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_V(container(env))),
        });
}
