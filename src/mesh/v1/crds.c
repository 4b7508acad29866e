#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#include <ctype.h>

#include "base/mem.h"
#include "base/str.h"

/* Of which releases it is. */
enum since { ALWAYS, ONLY_1_0, ONLY_1_1 };

/* What `kubectl get` shows in Istio 1.1 besides the name and the age. */
struct column {
    const char *name, *path;
};

struct definition {
    const char *kind, *plural;
    const char *package; /* of its label; NULL: the family's */
    enum since since;
    /* Istio 1.1. */
    const char *short_name;       /* NULL: none */
    const struct column *columns; /* ends with a NULL name; NULL: the server's */
};

#define COLUMNS(...)                                                                                                   \
    .columns = (const struct column[])                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            NULL                                                                                                       \
        }                                                                                                              \
    }

/* Definitions that agree in everything but their names. */
struct family {
    const char *group, *version;
    const char *category; /* besides istio-io: "policy" is policy-istio-io; NULL: in no category at all */
    bool cluster;         /* not namespaced */
    /* Labels, as the chart has them; NULL: without the label. */
    const char *app, *istio, *package;
    const char *app_1_1;               /* label `app` in Istio 1.1; NULL: the same */
    struct definition definitions[22]; /* ends with a NULL kind */
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
                {"DestinationRule", "destinationrules", .short_name = "dr", COLUMNS({"Host", ".spec.host"})},
                {"EnvoyFilter", "envoyfilters"},
                {"Gateway", "gateways", .short_name = "gw"},
                {"ServiceEntry",
                 "serviceentries",
                 .short_name = "se",
                 COLUMNS({"Hosts", ".spec.hosts"}, {"Location", ".spec.location"}, {"Resolution", ".spec.resolution"})},
                {"Sidecar", "sidecars", .since = ONLY_1_1},
                {"VirtualService",
                 "virtualservices",
                 .short_name = "vs",
                 COLUMNS({"Gateways", ".spec.gateways"}, {"Hosts", ".spec.hosts"})},
            },
    },
    {
        .group = "authentication.istio.io",
        .version = "v1alpha1",
        .category = "authentication",
        .app_1_1 = "istio-citadel",
        .definitions = {{"Policy", "policies"}},
    },
    {
        .group = "authentication.istio.io",
        .version = "v1alpha1",
        .category = "authentication",
        .cluster = true,
        .app_1_1 = "istio-citadel",
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
                {"ServiceRoleBinding", "servicerolebindings", COLUMNS({"Reference", ".spec.roleRef.name"})},
            },
    },
    {
        .group = "rbac.istio.io",
        .version = "v1alpha1",
        .category = "rbac",
        .cluster = true,
        .app = "istio-pilot",
        .istio = "rbac",
        .definitions = {{"ClusterRbacConfig", "clusterrbacconfigs", .since = ONLY_1_1}},
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .category = "apim",
        .app_1_1 = "istio-mixer",
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
                {"cloudwatch", "cloudwatches", .since = ONLY_1_1},
                {"denier", "deniers"},
                {"dogstatsd", "dogstatsds", .since = ONLY_1_1},
                {"fluentd", "fluentds"},
                {"kubernetesenv", "kubernetesenvs"},
                {"listchecker", "listcheckers"},
                {"memquota", "memquotas"},
                {"noop", "noops"},
                {"opa", "opas"},
                {"prometheus", "prometheuses"},
                {"rbac", "rbacs"},
                {"servicecontrol", "servicecontrols", .since = ONLY_1_0},
                {"signalfx", "signalfxs"},
                {"solarwinds", "solarwindses"},
                {"stackdriver", "stackdrivers"},
                {"statsd", "statsds"},
                {"stdio", "stdios"},
                {"zipkin", "zipkins", .since = ONLY_1_1},
            },
    },
    {
        .group = "config.istio.io",
        .version = "v1alpha2",
        .istio = "mixer-adapter",
        .package = package_is_kind,
        .app_1_1 = "mixer",
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
                {"logentry",
                 "logentries",
                 COLUMNS(
                     {"Severity", ".spec.severity"}, {"Timestamp", ".spec.timestamp"},
                     {"Res Type", ".spec.monitored_resource_type"})},
                {"metric", "metrics"},
                {"quota", "quotas"},
                {"reportnothing", "reportnothings"},
                {"servicecontrolreport", "servicecontrolreports", .since = ONLY_1_0},
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

static bool is_in(const struct definition *d, bool is_1_1)
{
    return d->since != (is_1_1 ? ONLY_1_0 : ONLY_1_1);
}

bool v1_has_definition(const struct mesh_env *env, const char *plural)
{
    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++)
        for (const struct definition *d = f->definitions; d->kind; d++)
            if (str_eq(d->plural, plural))
                return is_in(d, v1_is_1_1(env));
    return true;
}

static json_t *labels(const struct family *f, const struct definition *d, bool is_1_1)
{
    const char *package = str_or(d->package, f->package);
    const char *app = is_1_1 && f->app_1_1 ? f->app_1_1 : f->app;

    if (!app && !f->istio)
        return NULL;
    return OBJECT(
        STRING("app", app),
        STRING("istio", f->istio),
        STRING("package", package == package_is_kind ? d->kind : package));
}

static json_t *names(const struct family *f, const struct definition *d, bool is_1_1)
{
    _cleanup_free_ char *singular = str_dup(d->kind);

    for (char *c = singular; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return OBJECT(
        STRING("kind", d->kind),
        STRING("plural", d->plural),
        STRING("singular", singular),
        OPT(is_1_1 && d->short_name, STRINGS("shortNames", d->short_name)),
        OPT(f->category, SEQ("categories", ITEM_STRING("istio-io"), ITEM_FORMAT("%s-istio-io", f->category))));
}

/* Columns of `kubectl get`: where there are some, the age is one of them. NULL: the server's. */
static json_t *columns(const struct definition *d, bool is_1_1, bool v1)
{
    const char *path = v1 ? "jsonPath" : "JSONPath";
    json_t *seq;

    if (!is_1_1 || !d->columns)
        return NULL;
    seq = ARRAY();
    for (const struct column *c = d->columns; c->name; c++)
        json_array_append_new(seq, OBJECT(STRING("name", c->name), STRING("type", "string"), STRING(path, c->path)));
    json_array_append_new(
        seq, OBJECT(STRING("name", "Age"), STRING("type", "date"), STRING(path, ".metadata.creationTimestamp")));
    return seq;
}

/*
 * apiextensions v1 asks for a structural schema. Istio checks its resources itself (Galley's webhook), so the
 * schema says no more than that every field stays. Takes over `columns`, which may be NULL.
 */
static json_t *versions_with_schema(const char *version, json_t *columns)
{
    return ARRAY(ITEM(
        STRING("name", version),
        BOOL("served", true),
        BOOL("storage", true),
        MAP("schema",
            MAP("openAPIV3Schema", STRING("type", "object"), BOOL("x-kubernetes-preserve-unknown-fields", true))),
        VALUE("additionalPrinterColumns", columns)));
}

static json_t *definition(const struct family *f, const struct definition *d, bool is_1_1, bool v1)
{
    _cleanup_free_ char *name = str_printf("%s.%s", d->plural, f->group);

    return OBJECT(
        VALUE("metadata", mesh_cluster_metadata(name, labels(f, d, is_1_1))),
        MAP("spec",
            STRING("group", f->group),
            VALUE("names", names(f, d, is_1_1)),
            STRING("scope", f->cluster ? "Cluster" : "Namespaced"),
            OPT(!v1, STRING("version", f->version)),
            OPT(!v1, VALUE("additionalPrinterColumns", columns(d, is_1_1, v1))),
            OPT(v1, VALUE("versions", versions_with_schema(f->version, columns(d, is_1_1, v1))))));
}

void v1_crds(const struct mesh_env *env, struct rendered_list *out)
{
    static const char kind[] = "CustomResourceDefinition";
    bool v1 = str_eq(mesh_version(env, kind), "v1"), is_1_1 = v1_is_1_1(env);

    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++)
        for (const struct definition *d = f->definitions; d->kind; d++) {
            struct rendered *added = is_in(d, is_1_1) ? mesh_add(env, out, kind, definition(f, d, is_1_1, v1)) : NULL;
            if (added)
                added->newest_wins = true;
        }
}
