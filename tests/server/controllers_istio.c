/* Istio 1.0's programs: they register webhooks and issue certificates while they run. */
#include "controllers_impl.h"

#define CA_BUNDLE "c2ltdWxhdGVk"

static bool is_available(struct controllers *c, const char *name)
{
    const struct collection *kind = kind_of(c, "apps", "deployments");
    const json_t *o = server_get(kind, "istio-system", name);

    return o && !is_deleting(o) && number(o, "status", "availableReplicas") > 0;
}

void controllers_injector(struct controllers *c)
{
    struct collection *kind = kind_of(c, "admissionregistration.k8s.io", "mutatingwebhookconfigurations");
    const json_t *webhooks = server_get(kind, NULL, "istio-sidecar-injector");
    _cleanup_json_ json_t *o = NULL;
    json_t *first;

    if (!webhooks || !is_available(c, "istio-sidecar-injector") || !now(c, 500))
        return;
    o = doc_copy(webhooks);
    first = json_array_get(doc_at(o, "webhooks"), 0);
    if (first)
        json_object_set_new(doc_make(first, "clientConfig"), "caBundle", json_string(CA_BUNDLE));
    update(c, kind, NULL, o);
}

void controllers_galley(struct controllers *c)
{
    struct collection *kind = kind_of(c, "admissionregistration.k8s.io", "validatingwebhookconfigurations");

    if (is_available(c, "istio-galley") && !server_get(kind, NULL, "istio-galley") && now(c, 500))
        create(c, kind, NULL,
               OBJECT(MAP("metadata", STRING("name", "istio-galley")),
                      SEQ("webhooks", ITEM(STRING("name", "pilot.validation.istio.io"),
                                           MAP("clientConfig", MAP("service", STRING("name", "istio-galley"),
                                                                   STRING("namespace", "istio-system")))))));
}

/* Without a certificate that it is given Citadel makes its own. */
static void sign(struct controllers *c, struct collection *secrets)
{
    if (server_get(secrets, "istio-system", "cacerts") || server_get(secrets, "istio-system", "istio-ca-secret") ||
        !now(c, 500))
        return;
    create(c, secrets, "istio-system",
           OBJECT(MAP("metadata", STRING("name", "istio-ca-secret")), STRING("type", "istio.io/ca-root"),
                  MAP("stringData", FORMAT("ca-cert.pem", "certificate %d", (int)rng_below(c->rng, 1000)),
                      FORMAT("ca-key.pem", "key %d", (int)rng_below(c->rng, 1000)))));
}

void controllers_citadel(struct controllers *c)
{
    _cleanup_json_ json_t *accounts = objects_of(kind_of(c, "", "serviceaccounts"));
    struct collection *secrets = kind_of(c, "", "secrets");
    json_t *o;
    size_t i;

    if (!is_available(c, "istio-citadel"))
        return;
    sign(c, secrets);
    json_array_foreach(accounts, i, o) {
        _cleanup_free_ char *name = str_printf("istio.%s", name_of(o));
        if (!server_get(secrets, ns_of(o), name) && !is_deleting(o) && now(c, 500))
            create(c, secrets, ns_of(o),
                   OBJECT(MAP("metadata", STRING("name", name)), STRING("type", "istio.io/key-and-cert")));
    }
}
