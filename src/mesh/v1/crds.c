#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#include <ctype.h>

#include "base/mem.h"
#include "base/str.h"

struct definition {
    const char *kind, *plural;
    const char *package; /* of its label; NULL: the family's */
};

/* Definitions that agree in everything but their names. */
struct family {
    const char *group, *version;
    const char *category; /* besides istio-io: "policy" is policy-istio-io; NULL: in no category at all */
    bool cluster;         /* not namespaced */
    /* Labels, as the chart has them; NULL: without the label. */
    const char *app, *istio, *package;
    struct definition definitions[20]; /* ends with a NULL kind */
};

/* The label `package` of most of Mixer's kinds is the kind itself. */
static const char package_is_kind[] = "";

static const struct family families[] = {
    {
        .group = "networking.istio.io",
        .version = "v1alpha3",
        .category = "networking",
        .app = "istio-pilot",
        .definitions =
            {
                {"DestinationRule", "destinationrules"},
                {"EnvoyFilter", "envoyfilters"},
                {"Gateway", "gateways"},
                {"ServiceEntry", "serviceentries"},
                {"VirtualService", "virtualservices"},
            },
    },
    {
        .group = "authentication.istio.io",
        .version = "v1alpha1",
        .category = "authentication",
        .definitions = {{"Policy", "policies"}},
    },
    {
        .group = "authentication.istio.io",
        .version = "v1alpha1",
        .category = "authentication",
        .cluster = true,
        .definitions = {{"MeshPolicy", "meshpolicies"}},
    },
    {
        .group = "rbac.istio.io",
        .version = "v1alpha1",
        .category = "rbac",
        .app = "mixer",
        .istio = "rbac",
        .package = "istio.io.mixer",
        .definitions =
            {
                {"RbacConfig", "rbacconfigs"},
                {"ServiceRole", "serviceroles"},
                {"ServiceRoleBinding", "servicerolebindings"},
            },
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "apim",
        .definitions =
            {
                {"HTTPAPISpec", "httpapispecs"},
                {"HTTPAPISpecBinding", "httpapispecbindings"},
                {"QuotaSpec", "quotaspecs"},
                {"QuotaSpecBinding", "quotaspecbindings"},
            },
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "policy",
        .app = "mixer",
        .istio = "core",
        .package = "istio.io.mixer",
        .definitions = {{"attributemanifest", "attributemanifests"}, {"rule", "rules"}},
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "policy",
        .app = "mixer",
        .istio = "mixer-adapter",
        .package = package_is_kind,
        .definitions =
            {
                {"adapter", "adapters"},
                {"bypass", "bypasses"},
                {"circonus", "circonuses"},
                {"denier", "deniers"},
                {"fluentd", "fluentds"},
                {"kubernetesenv", "kubernetesenvs"},
                {"listchecker", "listcheckers"},
                {"memquota", "memquotas"},
                {"noop", "noops"},
                {"opa", "opas"},
                {"prometheus", "prometheuses"},
                {"rbac", "rbacs"},
                {"servicecontrol", "servicecontrols"},
                {"signalfx", "signalfxs"},
                {"solarwinds", "solarwindses"},
                {"stackdriver", "stackdrivers"},
                {"statsd", "statsds"},
                {"stdio", "stdios"},
            },
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .istio = "mixer-adapter",
        .package = package_is_kind,
        .definitions = {{"redisquota", "redisquotas"}},
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "policy",
        .app = "mixer",
        .istio = "mixer-instance",
        .package = package_is_kind,
        .definitions =
            {
                {"apikey", "apikeys"},
                {"authorization", "authorizations"},
                {"checknothing", "checknothings"},
                {"edge", "edges"},
                {"instance", "instances"},
                {"kubernetes", "kuberneteses", "adapter.template.kubernetes"},
                {"listentry", "listentries"},
                {"logentry", "logentries"},
                {"metric", "metrics"},
                {"quota", "quotas"},
                {"reportnothing", "reportnothings"},
                {"servicecontrolreport", "servicecontrolreports"},
                {"tracespan", "tracespans"},
            },
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "policy",
        .app = "mixer",
        .istio = "mixer-handler",
        .package = package_is_kind,
        .definitions = {{"handler", "handlers"}},
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "policy",
        .app = "mixer",
        .istio = "mixer-template",
        .package = package_is_kind,
        .definitions = {{"template", "templates"}},
    },
};

static json_t *labels(const struct family *f, const struct definition *d)
{
    const char *package = str_or(d->package, f->package);

    if (!f->app && !f->istio)
        return NULL;
    return OBJECT(
        STRING("app", f->app),
        STRING("istio", f->istio),
        STRING("package", package == package_is_kind ? d->kind : package));
}

static json_t *names(const struct family *f, const struct definition *d)
{
    _cleanup_free_ char *singular = str_dup(d->kind);

    for (char *c = singular; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return OBJECT(
        STRING("kind", d->kind),
        STRING("plural", d->plural),
        STRING("singular", singular),
        OPT(f->category, SEQ("categories", ITEM_STRING("istio-io"), ITEM_FORMAT("%s-istio-io", f->category))));
}

/*
 * apiextensions v1 asks for a structural schema. Istio checks its resources itself (Galley's webhook), so the
 * schema says no more than that every field stays.
 */
static json_t *versions_with_schema(const char *version)
{
    return ARRAY(ITEM(
        STRING("name", version),
        BOOL("served", true),
        BOOL("storage", true),
        MAP("schema",
            MAP("openAPIV3Schema", STRING("type", "object"), BOOL("x-kubernetes-preserve-unknown-fields", true)))));
}

static json_t *definition(const struct family *f, const struct definition *d, bool v1)
{
    _cleanup_free_ char *name = str_printf("%s.%s", d->plural, f->group);

    return OBJECT(
        VALUE("metadata", mesh_cluster_metadata(name, labels(f, d))),
        MAP("spec",
            STRING("group", f->group),
            VALUE("names", names(f, d)),
            STRING("scope", f->cluster ? "Cluster" : "Namespaced"),
            OPT(!v1, STRING("version", f->version)),
            OPT(v1, VALUE("versions", versions_with_schema(f->version)))));
}

void v1_crds(const struct mesh_env *env, struct rendered_list *out)
{
    static const char kind[] = "CustomResourceDefinition";
    bool v1 = str_eq(mesh_version(env, kind), "v1");

    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++)
        for (const struct definition *d = f->definitions; d->kind; d++) {
            struct rendered *added = mesh_add(env, out, kind, definition(f, d, v1));
            if (added)
                added->newest_wins = true;
        }
}
