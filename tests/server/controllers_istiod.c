/*
 * istiod, as far as it writes to the cluster: the key by which it signs, its root certificate in all namespaces, who of
 * several acts, and the authority of the webhooks that carry its revision. And admission, which asks it for the
 * sidecars of new Pods.
 *
 * Source: Istio 1.31, pilot/pkg/bootstrap, pkg/webhooks (webhookpatch.go, validation/controller), pkg/kube/inject.
 */
#include "controllers_impl.h"

#include <string.h>

#define REVISION "istio.io/rev"
#define CA_BUNDLE "c2ltdWxhdGVk"
#define SIDECAR_VERSION "istio.banzaicloud.io/sidecar-version"

/* Its key was thrown away. */
const char controllers_root[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBfTCCASOgAwIBAgIUWTv7BR0ONSXpR1eOKJw7IMhF7HwwCgYIKoZIzj0EAwIw\n"
                                "FDESMBAGA1UECgwJc2ltdWxhdGVkMB4XDTI2MTEyOTEwMDYyNloXDTQ2MTEyNDEw\n"
                                "MDYyNlowFDESMBAGA1UECgwJc2ltdWxhdGVkMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
                                "AQcDQgAEnVjps9acagkXeqbOqpBbtXF2TV9nfRjSsTRowdHmGD7UUSHQpv3XI1Z5\n"
                                "3kXdkVZ5wKEGjABUD39IExdqfrpqmaNTMFEwHQYDVR0OBBYEFLD3p3Hj6r5YUFG+\n"
                                "GXIH6U0KNu0dMB8GA1UdIwQYMBaAFLD3p3Hj6r5YUFG+GXIH6U0KNu0dMA8GA1Ud\n"
                                "EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgBsjpjq1k1ZuT5KV0wuNCLLIF\n"
                                "CJ4qSRXrOrp/Mni7aK8CIQCLzqLZ0bRzAmEdYpA22Dh0M85+W0WxpkO0UoWORxhL\n"
                                "cw==\n"
                                "-----END CERTIFICATE-----\n";

/* --- what it creates --- */

static void sign(struct controllers *c, const char *ns)
{
    struct collection *secrets = kind_of(c, "", "secrets");

    if (!server_get(secrets, ns, "cacerts") && !server_get(secrets, ns, "istio-ca-secret") && now(c, 500))
        create(c, secrets, ns,
               OBJECT(MAP("metadata", STRING("name", "istio-ca-secret")), STRING("type", "istio.io/ca-root"),
                      MAP("stringData", STRING("ca-cert.pem", controllers_root), STRING("ca-key.pem", "a key"))));
}

static void tell_root(struct controllers *c)
{
    struct collection *config_maps = kind_of(c, "", "configmaps");
    _cleanup_json_ json_t *namespaces = objects_of(kind_of(c, "", "namespaces"));
    json_t *ns;
    size_t i;

    json_array_foreach(namespaces, i, ns)
        if (!is_deleting(ns) && !server_get(config_maps, name_of(ns), "istio-ca-root-cert") && now(c, 500))
            create(c, config_maps, name_of(ns),
                   OBJECT(MAP("metadata", STRING("name", "istio-ca-root-cert"),
                              MAP("labels", STRING("istio.io/config", "true"))),
                          MAP("data", STRING("root-cert.pem", controllers_root))));
}

static void elect(struct controllers *c, const char *ns, const char *revision)
{
    static const char *const elections[] = {"istio-leader", "istio-namespace-controller-election",
                                            "istio-gateway-status-leader"};
    struct collection *config_maps = kind_of(c, "", "configmaps"),
                      *leases = kind_of(c, "coordination.k8s.io", "leases");
    _cleanup_free_ char *lease = str_printf("istio-gateway-deployment-%s", revision);

    for (size_t i = 0; i < ARRAY_LEN(elections); i++)
        if (!server_get(config_maps, ns, elections[i]) && now(c, 500))
            create(c, config_maps, ns, OBJECT(MAP("metadata", STRING("name", elections[i]))));
    if (!server_get(leases, ns, lease) && now(c, 500))
        create(c, leases, ns, OBJECT(MAP("metadata", STRING("name", lease))));
}

/* --- the webhooks that carry its revision --- */

static bool patch_webhook(json_t *webhook, bool validates)
{
    json_t *client = doc_at(webhook, "clientConfig");
    bool fails = str_eq(doc_string(webhook, "failurePolicy"), "Fail");

    if (!client || (str_eq(doc_string(client, "caBundle"), CA_BUNDLE) && (!validates || fails)))
        return false;
    json_object_set_new(client, "caBundle", json_string(CA_BUNDLE));
    if (validates)
        json_object_set_new(webhook, "failurePolicy", json_string("Fail"));
    return true;
}

static void patch_webhooks(struct controllers *c, const char *plural, const char *revision, bool validates)
{
    struct collection *kind = kind_of(c, "admissionregistration.k8s.io", plural);
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o, *webhook;
    size_t i, k;

    json_array_foreach(list, i, o) {
        _cleanup_json_ json_t *patched = NULL;
        bool changed = false;
        if (!str_eq(doc_string(o, "metadata", "labels", REVISION), revision))
            continue;
        patched = doc_copy(o);
        json_array_foreach(doc_at(patched, "webhooks"), k, webhook)
            changed = patch_webhook(webhook, validates) || changed;
        if (changed && now(c, 500))
            update(c, kind, NULL, patched);
    }
}

/* --- each that runs --- */

static bool runs(const json_t *deployment)
{
    return str_eq(doc_string(deployment, "metadata", "labels", "app"), "istiod") &&
           doc_string(deployment, "metadata", "labels", REVISION) && !is_deleting(deployment) &&
           number(deployment, "status", "availableReplicas") > 0;
}

void controllers_istiod(struct controllers *c)
{
    _cleanup_json_ json_t *list = objects_of(kind_of(c, "apps", "deployments"));
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        const char *revision = doc_string(o, "metadata", "labels", REVISION);
        if (!runs(o))
            continue;
        sign(c, ns_of(o));
        tell_root(c);
        elect(c, ns_of(o), revision);
        patch_webhooks(c, "mutatingwebhookconfigurations", revision, false);
        patch_webhooks(c, "validatingwebhookconfigurations", revision, true);
    }
}

/* --- admission --- */

static bool meets(const json_t *expression, const json_t *labels)
{
    const char *value = doc_string(labels, doc_string(expression, "key"));
    const char *how = str_or(doc_string(expression, "operator"), "");
    const json_t *values = json_object_get(expression, "values");
    bool among = false;

    for (size_t i = 0; value && i < json_array_size(values); i++)
        among = among || str_eq(json_string_value(json_array_get(values, i)), value);
    return str_eq(how, "In")             ? among
           : str_eq(how, "NotIn")        ? !among
           : str_eq(how, "Exists")       ? value != NULL
           : str_eq(how, "DoesNotExist") ? !value
                                         : false;
}

static bool selects(const json_t *selector, const json_t *object)
{
    const json_t *labels = doc_at(object, "metadata", "labels");
    const char *key;
    json_t *expression, *value;
    size_t i;

    json_object_foreach(doc_at(selector, "matchLabels"), key, value)
        if (!json_equal(value, json_object_get(labels, key)))
            return false;
    json_array_foreach(doc_at(selector, "matchExpressions"), i, expression)
        if (!meets(expression, labels))
            return false;
    return true;
}

static bool has_ready(const json_t *slice)
{
    json_t *endpoint;
    size_t i;

    json_array_foreach(doc_at(slice, "endpoints"), i, endpoint)
        if (doc_bool(doc_at(endpoint, "conditions", "ready"), true))
            return true;
    return false;
}

/* Whether the API server can call it. */
static bool answers(struct controllers *c, const json_t *webhook)
{
    const json_t *client = doc_at(webhook, "clientConfig");
    _cleanup_free_ char *slice = str_printf("%s-slice", str_or(doc_string(client, "service", "name"), ""));

    return str_eq(doc_string(client, "caBundle"), CA_BUNDLE) &&
           has_ready(server_get(kind_of(c, "discovery.k8s.io", "endpointslices"),
                                doc_string(client, "service", "namespace"), slice));
}

/* As the injector's configuration has it; owned by the caller; NULL: it says nothing of it. */
static char *annotation_in(const char *config)
{
    const char *at = strstr(str_or(config, ""), SIDECAR_VERSION ": ");

    if (!at)
        return NULL;
    at += strlen(SIDECAR_VERSION ": ");
    at += *at == '\'' || *at == '"';
    return str_dup_n(at, strcspn(at, "'\"\n"));
}

/* With the image and by the way that the values say. */
static void add_containers(json_t *pod, const json_t *values)
{
    const json_t *global = doc_at(values, "global");
    bool cni = doc_bool(doc_at(values, "pilot", "cni", "enabled"), false);
    json_t *containers = doc_make(pod, "spec"),
           *proxy = OBJECT(STRING("name", "istio-proxy"),
                           FORMAT("image", "%s/proxyv2:%s", str_or(doc_string(global, "hub"), ""),
                                  str_or(doc_string(global, "tag"), "")),
                           STRING("restartPolicy", "Always"));

    json_object_set_new(containers, "initContainers",
                        ARRAY(ITEM(STRING("name", cni ? "istio-validation" : "istio-init")), ITEM_VALUE(proxy)));
}

/* By the configuration in the namespace of that istiod. */
static bool inject(struct controllers *c, const char *ns, const char *revision, json_t *pod)
{
    bool named = !str_eq(revision, "default");
    _cleanup_free_ char *name = str_printf("istio-sidecar-injector%s%s", named ? "-" : "", named ? revision : "");
    const json_t *config = server_get(kind_of(c, "", "configmaps"), ns, name);
    _cleanup_free_ char *version = annotation_in(doc_string(config, "data", "config"));
    _cleanup_json_ json_t *values = json_loads(str_or(doc_string(config, "data", "values"), ""), 0, NULL);
    json_t *annotations = doc_make(pod, "metadata", "annotations");

    if (!version || !json_is_object(values))
        return false;
    json_object_set_new(annotations, "sidecar.istio.io/status",
                        json_sprintf("{\"initContainers\":[\"istio-proxy\"],\"revision\":\"%s\"}", revision));
    json_object_set_new(annotations, SIDECAR_VERSION, json_string(version));
    if (!str_eq(doc_string(annotations, "inject.istio.io/templates"), "gateway"))
        add_containers(pod, values);
    return true;
}

bool controllers_admit(struct controllers *c, const char *ns, json_t *pod)
{
    _cleanup_json_ json_t *list =
        objects_of(kind_of(c, "admissionregistration.k8s.io", "mutatingwebhookconfigurations"));
    const json_t *namespace = server_get(kind_of(c, "", "namespaces"), NULL, ns);
    json_t *o, *webhook;
    size_t i, k;

    json_array_foreach(list, i, o)
        json_array_foreach(doc_at(o, "webhooks"), k, webhook) {
            if (doc_at(pod, "metadata", "annotations", "sidecar.istio.io/status") ||
                !selects(doc_at(webhook, "namespaceSelector"), namespace) ||
                !selects(doc_at(webhook, "objectSelector"), pod))
                continue;
            if (!answers(c, webhook) || !inject(c, doc_string(webhook, "clientConfig", "service", "namespace"),
                                                str_or(doc_string(o, "metadata", "labels", REVISION), ""), pod))
                return !str_eq(doc_string(webhook, "failurePolicy"), "Fail");
        }
    return true;
}
