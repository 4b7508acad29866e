/*
 * The webhooks that istiod serves. istiod fills in clientConfig.caBundle of those that carry its revision, and sets
 * failurePolicy of those that validate when it finds itself validating.
 */
#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

#define EXISTS_NOT(key) ITEM(STRING("key", key), STRING("operator", "DoesNotExist"))
#define IS(key, value) ITEM(STRING("key", key), STRING("operator", "In"), STRINGS("values", value))
#define IS_NOT(key, value) ITEM(STRING("key", key), STRING("operator", "NotIn"), STRINGS("values", value))

#define REVISION "istio.io/rev"
#define INJECT "sidecar.istio.io/inject"

/* Takes over the expressions. */
static json_t *injector(const struct mesh_env *env, const char *name, json_t *namespaces, json_t *pods)
{
    _cleanup_free_ char *service = mesh_name(env, "istiod");

    return OBJECT(
        FORMAT("name", "%s.sidecar-injector.istio.io", name),
        MAP("clientConfig",
            MAP("service",
                STRING("name", service),
                STRING("namespace", env->ns),
                STRING("path", "/inject"),
                INT("port", 443))),
        SEQ("rules",
            ITEM(
                STRINGS("operations", "CREATE"),
                STRINGS("apiGroups", ""),
                STRINGS("apiVersions", "v1"),
                STRINGS("resources", "pods"))),
        STRING("failurePolicy", "Fail"),
        STRING("reinvocationPolicy", "Never"),
        STRING("sideEffects", "None"),
        STRINGS("admissionReviewVersions", "v1"),
        MAP("namespaceSelector", VALUE("matchExpressions", namespaces)),
        MAP("objectSelector", VALUE("matchExpressions", pods)));
}

/* By the revision that the namespace names, and by the one that a Pod names in a namespace that names none. */
static json_t *by_revision_of_namespace(const struct mesh_env *env)
{
    return injector(
        env,
        "rev.namespace",
        ARRAY(IS(REVISION, istiod_revision(env)), EXISTS_NOT(LABEL_INJECTION)),
        ARRAY(IS_NOT(INJECT, "false")));
}

static json_t *by_revision_of_pod(const struct mesh_env *env)
{
    return injector(
        env,
        "rev.object",
        ARRAY(EXISTS_NOT(REVISION), EXISTS_NOT(LABEL_INJECTION)),
        ARRAY(IS_NOT(INJECT, "false"), IS(REVISION, istiod_revision(env))));
}

/* Without the name of a revision: in namespaces with the label, and single Pods elsewhere. */
static json_t *by_label_of_namespace(const struct mesh_env *env)
{
    return injector(env, "namespace", ARRAY(IS(LABEL_INJECTION, "enabled")), ARRAY(IS_NOT(INJECT, "false")));
}

static json_t *by_label_of_pod(const struct mesh_env *env)
{
    return injector(
        env,
        "object",
        ARRAY(EXISTS_NOT(LABEL_INJECTION), EXISTS_NOT(REVISION)),
        ARRAY(IS(INJECT, "true"), EXISTS_NOT(REVISION)));
}

static bool has_name(const struct mesh_env *env)
{
    return *str_or(env->revision, "");
}

void istiod_injection_webhook(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *name = istiod_webhook_name(env, "istio-sidecar-injector");

    mesh_add(
        env,
        out,
        "MutatingWebhookConfiguration",
        OBJECT(
            VALUE(
                "metadata",
                mesh_cluster_metadata(
                    name, OBJECT(STRING("app", "sidecar-injector"), STRING(REVISION, istiod_revision(env))))),
            SEQ("webhooks",
                ITEM_VALUE(by_revision_of_namespace(env)),
                ITEM_VALUE(by_revision_of_pod(env)),
                OPT(!has_name(env), ITEM_VALUE(by_label_of_namespace(env))),
                OPT(!has_name(env), ITEM_VALUE(by_label_of_pod(env))))));
}

/* `selector` may be NULL: all configuration. */
static void add_validator(
    const struct mesh_env *env, struct rendered_list *out, const char *name, const char *webhook, json_t *selector)
{
    _cleanup_free_ char *service = mesh_name(env, "istiod");
    json_t *labels = OBJECT(STRING("app", "istiod"), STRING("istio", "istiod"), STRING(REVISION, istiod_revision(env)));

    mesh_add(
        env,
        out,
        "ValidatingWebhookConfiguration",
        OBJECT(
            VALUE("metadata", mesh_cluster_metadata(name, labels)),
            SEQ("webhooks",
                ITEM(
                    STRING("name", webhook),
                    MAP("clientConfig",
                        MAP("service",
                            STRING("name", service),
                            STRING("namespace", env->ns),
                            STRING("path", "/validate"))),
                    SEQ("rules",
                        ITEM(
                            STRINGS("operations", "CREATE", "UPDATE"),
                            STRINGS(
                                "apiGroups",
                                "security.istio.io",
                                "networking.istio.io",
                                "telemetry.istio.io",
                                "extensions.istio.io"),
                            STRINGS("apiVersions", "*"),
                            STRINGS("resources", "*"))),
                    /* Until istiod validates, it must not keep anyone from writing. */
                    STRING("failurePolicy", "Ignore"),
                    STRING("sideEffects", "None"),
                    STRINGS("admissionReviewVersions", "v1"),
                    VALUE("objectSelector", selector)))));
}

/* One for the configuration that names this revision, and one for all of it, which the revisions share. */
void istiod_validation_webhooks(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *base = mesh_name(env, "istio-validator");
    _cleanup_free_ char *name = str_printf("%s-%s", base, env->ns);
    struct mesh_env own;

    add_validator(
        env, out, name, "rev.validation.istio.io", OBJECT(SEQ("matchExpressions", IS(REVISION, istiod_revision(env)))));
    add_validator(mesh_env_of(env, MESH_HELD_VALIDATOR, &own), out, ISTIOD_VALIDATOR, "validation.istio.io", NULL);
}
