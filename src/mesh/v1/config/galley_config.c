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
    {"networking.istio.io",
     "*",
     {"destinationrules", "envoyfilters", "gateways", "serviceentries", "sidecars", "virtualservices"}},
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
         "stackdrivers",    "cloudwatches",
         "dogstatsds",      "statsds",
         "stdios",          "apikeys",
         "authorizations",  "checknothings",
         "listentries",     "logentries",
         "metrics",         "quotas",
         "reportnothings",  "servicecontrolreports",
         "tracespans",
     }},
    {NULL},
};

/* Those that this release has. */
static json_t *resources(const struct mesh_env *env, const char *const *names)
{
    json_t *seq = ARRAY();

    for (; *names; names++)
        if (v1_has_definition(env, *names))
            json_array_append_new(seq, json_string(*names));
    return seq;
}

static json_t *rules(const struct mesh_env *env, const struct rule *table)
{
    json_t *seq = ARRAY();

    for (const struct rule *r = table; r->group; r++)
        json_array_append_new(
            seq,
            OBJECT(
                STRINGS("operations", "CREATE", "UPDATE"),
                STRINGS("apiGroups", r->group),
                STRINGS("apiVersions", r->version),
                VALUE("resources", resources(env, r->resources))));
    return seq;
}

static json_t *webhook(const struct mesh_env *env, const char *name, const char *path, const struct rule *table)
{
    return OBJECT(
        STRING("name", name),
        MAP("clientConfig",
            MAP("service", STRING("name", "istio-galley"), STRING("namespace", env->ns), STRING("path", path)),
            STRING("caBundle", "")),
        VALUE("rules", rules(env, table)),
        STRING("failurePolicy", "Fail"));
}

/* Galley knows no other version than v1beta1: it reads this, fills in its certificate and registers it by itself. */
static json_t *validating_webhooks(const struct mesh_env *env)
{
    json_t *labels = OBJECT(
        STRING("app", v1_either(env, "istio-galley", "galley")), STRING("istio", v1_either(env, NULL, "galley")));

    return OBJECT(
        STRING("apiVersion", "admissionregistration.k8s.io/v1beta1"),
        STRING("kind", "ValidatingWebhookConfiguration"),
        VALUE("metadata", mesh_metadata(env, "istio-galley", labels)),
        SEQ("webhooks",
            ITEM_VALUE(webhook(env, "pilot.validation.istio.io", "/admitpilot", pilot_rules)),
            ITEM_VALUE(webhook(env, "mixer.validation.istio.io", "/admitmixer", mixer_rules))));
}

void v1_galley_config(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_json_ json_t *webhooks = validating_webhooks(env);
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *labels = OBJECT(
        STRING("app", v1_either(env, "istio-galley", "galley")), STRING("istio", v1_either(env, "mixer", "galley")));

    yaml_print_ordered(webhooks, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, "istio-galley-configuration", labels)),
            MAP("data", STRING("validatingwebhookconfiguration.yaml", buf_str(&text)))));
}
