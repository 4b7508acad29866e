#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

/*
 * The injector writes clientConfig.caBundle: the certificate that Citadel issued to it.
 *
 * v1 asks for two fields that v1beta1 has defaults for, and has another default for the time limit and for what
 * rules match; they are set so that both versions ask the injector in the same way.
 */
void v1_injector_webhook(const struct mesh_env *env, struct rendered_list *out)
{
    static const char kind[] = "MutatingWebhookConfiguration";
    bool v1 = str_eq(mesh_version(env, kind), "v1");
    json_t *labels = OBJECT(STRING("app", v1_either(env, "istio-sidecar-injector", "sidecarInjectorWebhook")));
    json_t *webhook = OBJECT(
        STRING("name", "sidecar-injector.istio.io"),
        MAP("clientConfig",
            MAP("service",
                STRING("name", "istio-sidecar-injector"),
                STRING("namespace", env->ns),
                STRING("path", "/inject"))),
        SEQ("rules",
            ITEM(
                STRINGS("operations", "CREATE"),
                STRINGS("apiGroups", ""),
                STRINGS("apiVersions", "v1"),
                STRINGS("resources", "pods"))),
        STRING("failurePolicy", "Fail"),
        MAP("namespaceSelector", MAP("matchLabels", STRING("istio-injection", "enabled"))),
        OPT(v1, STRING("sideEffects", "None")),
        OPT(v1, STRINGS("admissionReviewVersions", "v1beta1")),
        OPT(v1, STRING("matchPolicy", "Exact")),
        OPT(v1, INT("timeoutSeconds", 30)));

    mesh_add(
        env,
        out,
        kind,
        OBJECT(
            VALUE("metadata", mesh_cluster_metadata("istio-sidecar-injector", labels)),
            SEQ("webhooks", ITEM_VALUE(webhook))));
}
