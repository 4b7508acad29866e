#include "serve/webhook.h"

#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "controllers/resources.h"
#include "doc/build.h"
#include "doc/doc.h"

static const struct kube_kind rows[] = {
    {.kind = "Secret",
     .is_secret = true,
     .plural = "secrets",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .watch = KUBE_WATCH_NONE},
    {.kind = "ValidatingWebhookConfiguration",
     .plural = "validatingwebhookconfigurations",
     .group = "admissionregistration.k8s.io",
     .versions = {{"v1", 16, 0}, {"v1beta1", 9, 21}},
     .watch = KUBE_WATCH_NONE},
};

const struct kube_kind_table webhook_kinds = {rows, ARRAY_LEN(rows)};

static json_t *labels(void)
{
    return OBJECT(STRING("app", "istio-operator"), STRING("control-plane", "controller-manager"));
}

/* Before 1.13 the field must be there, and may be empty. */
static json_t *client_config(int minor, const char *ns, const char *url, const char *ca)
{
    _cleanup_free_ char *bundle = ca ? base64_encode(ca, strlen(ca)) : minor < 13 ? str_dup("") : NULL;

    return OBJECT(
        STRING("url", url),
        OPT(!url, MAP("service", STRING("name", OPERATOR_NAME), STRING("namespace", ns), STRING("path", WEBHOOK_PATH))),
        STRING("caBundle", bundle));
}

/* Of the operator's resources. */
static json_t *plurals(void)
{
    json_t *names = json_array();

    for (const struct api_resource *const *r = api_resources; *r; r++)
        json_array_append_new(names, json_string((*r)->plural));
    return names;
}

json_t *webhook_configuration(const char *version, int minor, const char *ns, const char *url, const char *ca)
{
    return OBJECT(
        FORMAT("apiVersion", "admissionregistration.k8s.io/%s", version),
        STRING("kind", "ValidatingWebhookConfiguration"),
        MAP("metadata", STRING("name", WEBHOOK_CONFIGURATION), VALUE("labels", labels())),
        SEQ("webhooks",
            ITEM(
                STRING("name", WEBHOOK_NAME),
                VALUE("clientConfig", client_config(minor, ns, url, ca)),
                SEQ("rules",
                    ITEM(
                        STRINGS("apiGroups", API_GROUP),
                        STRINGS("apiVersions", API_VERSION),
                        STRINGS("operations", "CREATE", "UPDATE"),
                        VALUE("resources", plurals()))),
                STRING("failurePolicy", "Ignore"),
                OPT(minor >= 12, STRING("sideEffects", "None")),
                OPT(minor >= 14, INT("timeoutSeconds", 5)),
                OPT(minor >= 14, STRINGS("admissionReviewVersions", "v1", "v1beta1")))));
}

bool webhook_is_configured(const json_t *live)
{
    return doc_find(doc_at(live, "webhooks"), "name", WEBHOOK_NAME);
}

json_t *webhook_patch(const json_t *live, const char *url, const char *ca)
{
    _cleanup_json_ json_t *webhooks = doc_copy(doc_at(live, "webhooks"));
    _cleanup_free_ char *bundle = base64_encode(ca, strlen(ca));
    json_t *webhook, *client;
    bool differs = false;
    size_t i;

    json_array_foreach(webhooks, i, webhook) {
        if (!str_eq(doc_string(webhook, "name"), WEBHOOK_NAME))
            continue;
        if (url && !str_eq(doc_string(webhook, "clientConfig", "url"), url)) {
            json_object_set_new(webhook, "clientConfig", OBJECT(STRING("url", url)));
            differs = true;
        }
        client = doc_make(webhook, "clientConfig");
        if (str_eq(doc_string(client, "caBundle"), bundle))
            continue;
        json_object_set_new(client, "caBundle", json_string(bundle));
        differs = true;
    }
    if (!differs)
        return NULL;
    return OBJECT(
        MAP("metadata", STRING("resourceVersion", doc_string(live, "metadata", "resourceVersion"))),
        VALUE("webhooks", TAKE_PTR(webhooks)));
}

static void set_data(json_t *data, const char *key, const char *text)
{
    char *encoded = base64_encode(text, strlen(text));

    json_object_set_new(data, key, json_string(encoded));
    mem_free_secret(encoded, strlen(encoded));
}

json_t *webhook_secret(const json_t *live, const char *ns, const struct certificate *certificate)
{
    json_t *secret =
        live ? doc_copy(live)
             : OBJECT(
                   STRING("apiVersion", "v1"),
                   STRING("kind", "Secret"),
                   MAP("metadata", STRING("name", WEBHOOK_SECRET), STRING("namespace", ns), VALUE("labels", labels())),
                   STRING("type", "kubernetes.io/tls"));
    json_t *data = doc_make(secret, "data");

    set_data(data, "tls.crt", certificate->cert);
    set_data(data, "tls.key", certificate->key);
    set_data(data, WEBHOOK_AUTHORITIES, certificate->ca);
    return secret;
}

/* "" where it is missing or no text. Secret; owned by the caller. */
static char *read_data(const json_t *secret, const char *key)
{
    const char *encoded = str_or(doc_string(secret, "data", key), "");
    char *text;
    size_t len;

    if (!base64_decode(encoded, strlen(encoded), &text, &len))
        return str_dup("");
    if (strlen(text) == len)
        return text;
    mem_free_secret(text, len);
    return str_dup("");
}

char *webhook_read_authorities(const json_t *secret)
{
    return read_data(secret, WEBHOOK_AUTHORITIES);
}

int webhook_read_secret(const json_t *secret, struct certificate *ret, struct err *e)
{
    _cleanup_free_ char *cert = read_data(secret, "tls.crt"), *ca = read_data(secret, WEBHOOK_AUTHORITIES);
    char *key = read_data(secret, "tls.key");
    int result = certificate_read(cert, key, ca, ret, e);

    mem_free_secret(key, strlen(key));
    return result;
}

/* The host of https://HOST[:PORT][/PATH]; owned by the caller; NULL: none. */
static char *host_of(const char *url)
{
    static const char scheme[] = "https://";
    const char *host = url + sizeof(scheme) - 1;
    size_t len;

    if (!str_starts(url, scheme))
        return NULL;
    if (*host == '[') {
        len = strcspn(++host, "]");
        return host[len] == ']' && len > 0 ? str_dup_n(host, len) : NULL;
    }
    len = strcspn(host, ":/?#@");
    /* A name is written into a certificate, where a comma would begin another one. */
    if (len == 0 || host[len] == '@' ||
        strspn(
            host,
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
            "0123456789.-") < len)
        return NULL;
    return str_dup_n(host, len);
}

int webhook_check_url(const char *url, struct err *e)
{
    _cleanup_free_ char *host = host_of(url);

    if (!host)
        return err_set(e, ERR_USAGE, "webhook URL \"%s\": must be https://HOST:PORT" WEBHOOK_PATH, url);
    return 0;
}

char **webhook_names(const char *ns, const char *url)
{
    char **names = NEW_ARRAY(char *, 4);

    names[0] = str_printf(OPERATOR_NAME ".%s.svc", ns);
    names[1] = str_printf(OPERATOR_NAME ".%s.svc.cluster.local", ns);
    names[2] = url ? host_of(url) : NULL;
    return names;
}
