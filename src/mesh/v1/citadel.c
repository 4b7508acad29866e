/* Citadel: issues the keys and certificates of every ServiceAccount. */
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-citadel-service-account"
/* The Secret, which is known to Istio's documentation under this name, and where Citadel finds it. */
#define SIGNING "cacerts"
#define SIGNING_PATH "/etc/" SIGNING

static json_t *labels(void)
{
    return OBJECT(STRING("app", "security"));
}

static json_t *rules(const struct mesh_env *env)
{
    if (v1_is_1_1(env))
        return ARRAY(
            /* It tells its root certificate in ConfigMap istio-security. */
            ITEM_VALUE(mesh_rule("", WORDS("configmaps"), WORDS("create", "get", "update"))),
            ITEM_VALUE(mesh_rule("", WORDS("secrets"), WORDS("create", "get", "watch", "list", "update", "delete"))),
            ITEM_VALUE(mesh_rule("", WORDS("serviceaccounts", "services"), WORDS("get", "watch", "list"))),
            ITEM_VALUE(mesh_rule("authentication.k8s.io", WORDS("tokenreviews"), WORDS("create"))));
    return ARRAY(
        ITEM_VALUE(mesh_rule("", WORDS("secrets"), WORDS("create", "get", "watch", "list", "update", "delete"))),
        ITEM_VALUE(mesh_rule("", WORDS("serviceaccounts"), WORDS("get", "watch", "list"))),
        ITEM_VALUE(mesh_rule("", WORDS("services"), WORDS("get", "watch", "list"))));
}

/*
 * In the central cluster Citadel is its own authority, and keeps its certificate in Secret istio-ca-secret. In a
 * remote one it is given a certificate, so that both clusters trust one root.
 */
static json_t *authority(const struct mesh_env *env)
{
    if (!env->remote)
        return ARRAY(ITEM_STRING("--self-signed-ca=true"));
    return ARRAY(
        ITEM_STRING("--self-signed-ca=false"),
        ITEM_STRING("--signing-cert=" SIGNING_PATH "/ca-cert.pem"),
        ITEM_STRING("--signing-key=" SIGNING_PATH "/ca-key.pem"),
        ITEM_STRING("--root-cert=" SIGNING_PATH "/root-cert.pem"),
        ITEM_STRING("--cert-chain=" SIGNING_PATH "/cert-chain.pem"));
}

static void add_signing_certificate(const struct mesh_env *env, struct rendered_list *out)
{
    mesh_add(
        env,
        out,
        "Secret",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, SIGNING, labels())),
            STRING("type", "Opaque"),
            VALUE("data", doc_copy(env->remote->signing))));
}

static json_t *dns_names(const struct mesh_env *env)
{
    return json_sprintf(
        v1_is_1_1(env) ? "--custom-dns-names=istio-pilot-service-account.%1$s:istio-pilot.%1$s"
                       : "--custom-dns-names=istio-pilot-service-account.%1$s:istio-pilot.%1$s,"
                         "istio-ingressgateway-service-account.%1$s:istio-ingressgateway.%1$s",
        env->ns);
}

static json_t *liveness(void)
{
    return OBJECT(
        MAP("httpGet", STRING("path", "/version"), INT("port", 15014)),
        INT("initialDelaySeconds", 5),
        INT("periodSeconds", 5));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *citadel = &v1_of(env->spec)->citadel;
    bool is_1_1 = v1_is_1_1(env);

    return OBJECT(
        STRING("name", "citadel"),
        VALUE("image", mesh_image(env, citadel->image, "citadel")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            OPT(v1_of(env->spec)->sds.enabled, ITEM_STRING("--sds-enabled=true")),
            ITEM_STRING("--append-dns-names=true"),
            ITEM_STRING("--grpc-port=8060"),
            ITEM_STRING("--grpc-hostname=citadel"),
            ITEM_FORMAT("--citadel-storage-namespace=%s", env->ns),
            ITEM_VALUE(dns_names(env)),
            OPT(is_1_1, ITEM_STRING("--monitoring-port=15014")),
            ROWS(authority(env))),
        OPT(is_1_1 && !v1_is_first_1_1(env), VALUE("livenessProbe", liveness())),
        VALUE("resources", mesh_resources(citadel->resources, "10m", NULL)),
        OPT(env->remote, SEQ("volumeMounts", ITEM_VALUE(mesh_mount_read_only(SIGNING, SIGNING_PATH)))));
}

void v1_citadel(const struct mesh_env *env, struct rendered_list *out)
{
    if (env->remote)
        add_signing_certificate(env, out);
    mesh_service_account(env, out, ACCOUNT, labels());
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-citadel",
            .binding = "istio-citadel",
            .service_account = ACCOUNT,
            .labels = labels(),
            .rules = rules(env),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-citadel",
            .labels = OBJECT(
                STRING("app", v1_either(env, "istio-citadel", "security")),
                STRING("istio", v1_either(env, NULL, "citadel"))),
            .selector = OBJECT(STRING("istio", "citadel")),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("grpc-citadel", 8060)),
                ITEM_VALUE(mesh_service_port("http-monitoring", v1_monitoring_port(env)))),
        });
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-citadel",
            .component = &v1_of(env->spec)->citadel,
            .labels = OBJECT(STRING("app", "security"), STRING("istio", "citadel")),
            .pod_labels = OBJECT(STRING("app", v1_either(env, NULL, "security")), STRING("istio", "citadel")),
            .selector = OBJECT(STRING("istio", "citadel")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(container(env))),
            .volumes = env->remote ? ARRAY(ITEM_VALUE(mesh_volume_secret(SIGNING, SIGNING, false))) : NULL,
            .restart_on = env->remote ? "Secret/" SIGNING : NULL,
        });
}
