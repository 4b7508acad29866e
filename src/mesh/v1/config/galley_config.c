#include "base/buf.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

/* Whose creation and change Galley checks. */
struct rule {
    const char *group, *version;
    const char *resources[32]; /* ends with NULL */
};

/* What Pilot reads. */
static const struct rule pilot_rules[] = {
    {"config.istio.io", "v1alpha2", {"httpapispecs", "httpapispecbindings", "quotaspecs", "quotaspecbindings"}},
    {"rbac.istio.io", "*", {"*"}},
    {"authentication.istio.io", "*", {"*"}},
    {"networking.istio.io", "*", {"destinationrules", "envoyfilters", "gateways", "serviceentries", "virtualservices"}},
    {NULL},
};

/* What Mixer reads. */
static const struct rule mixer_rules[] = {
    {"config.istio.io",
     "v1alpha2",
     {
         "rules",           "attributemanifests",
         "circonuses",      "deniers",
         "fluentds",        "kubernetesenvs",
         "listcheckers",    "memquotas",
         "noops",           "opas",
         "prometheuses",    "rbacs",
         "servicecontrols", "solarwindses",
         "stackdrivers",    "statsds",
         "stdios",          "apikeys",
         "authorizations",  "checknothings",
         "listentries",     "logentries",
         "metrics",         "quotas",
         "reportnothings",  "servicecontrolreports",
         "tracespans",
     }},
    {NULL},
};

static json_t *rules(const struct rule *table)
{
    json_t *seq = ARRAY();

    for (const struct rule *r = table; r->group; r++)
        json_array_append_new(
            seq,
            OBJECT(
                STRINGS("operations", "CREATE", "UPDATE"),
                STRINGS("apiGroups", r->group),
                STRINGS("apiVersions", r->version),
                VALUE("resources", json_build_strings(r->resources))));
    return seq;
}

static json_t *webhook(const struct mesh_env *env, const char *name, const char *path, const struct rule *table)
{
    return OBJECT(
        STRING("name", name),
        MAP("clientConfig",
            MAP("service", STRING("name", "istio-galley"), STRING("namespace", env->ns), STRING("path", path)),
            STRING("caBundle", "")),
        VALUE("rules", rules(table)),
        STRING("failurePolicy", "Fail"));
}

/* Galley knows no other version than v1beta1: it reads this, fills in its certificate and registers it by itself. */
static json_t *validating_webhooks(const struct mesh_env *env)
{
    return OBJECT(
        STRING("apiVersion", "admissionregistration.k8s.io/v1beta1"),
        STRING("kind", "ValidatingWebhookConfiguration"),
        VALUE("metadata", mesh_metadata(env, "istio-galley", OBJECT(STRING("app", "istio-galley")))),
        SEQ("webhooks",
            ITEM_VALUE(webhook(env, "pilot.validation.istio.io", "/admitpilot", pilot_rules)),
            ITEM_VALUE(webhook(env, "mixer.validation.istio.io", "/admitmixer", mixer_rules))));
}

void v1_galley_config(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_json_ json_t *webhooks = validating_webhooks(env);
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *labels = OBJECT(STRING("app", "istio-galley"), STRING("istio", "mixer"));

    yaml_print_ordered(webhooks, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, "istio-galley-configuration", labels)),
            MAP("data", STRING("validatingwebhookconfiguration.yaml", buf_str(&text)))));
}
