/* What remote clusters take from a central cluster with Istio 1.0 or Istio 1.1. */
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/v1/v1.h"

/*
 * Citadel in a remote cluster signs with the same key. A certificate that signs itself is its own root and has no
 * chain above it.
 */
static json_t *signing_from(const struct kube_object *o, bool plugged_in)
{
    _cleanup_json_ json_t *secret = kube_object_parse(o);
    const json_t *data = doc_at(secret, "data");
    const char *cert = doc_string(data, "ca-cert.pem"), *key = doc_string(data, "ca-key.pem");
    const char *root = plugged_in ? doc_string(data, "root-cert.pem") : cert;
    const char *chain = plugged_in ? doc_string(data, "cert-chain.pem") : "";

    if (!cert || !key || !root || !chain)
        return NULL;
    return OBJECT(
        STRING("ca-cert.pem", cert),
        STRING("ca-key.pem", key),
        STRING("root-cert.pem", root),
        STRING("cert-chain.pem", chain));
}

/*
 * Whether the central Citadel's options name a certificate of the user's; by default it creates its own. Every plan
 * asks: an object without that text is not parsed.
 */
static bool is_plugged_in(const struct kube_cache *observed, const char *ns)
{
    static const char option[] = "--self-signed-ca=false";
    const struct kube_object *o = kube_cache_get(observed, mesh_kind(KIND_DEPLOYMENT), ns, "istio-citadel");
    bool has_text = o && memmem(o->text, o->text_len, option, sizeof(option) - 1);
    _cleanup_json_ json_t *citadel = has_text ? kube_object_parse(o) : NULL;
    json_t *container, *argument;
    size_t i, k;

    json_array_foreach(doc_at(citadel, "spec", "template", "spec", "containers"), i, container)
        json_array_foreach(doc_at(container, "args"), k, argument)
            if (str_eq(json_string_value(argument), option))
                return true;
    return false;
}

json_t *v1_signing(const struct kube_cache *observed, const char *ns)
{
    bool plugged_in = is_plugged_in(observed, ns);
    const struct kube_object *o = kube_cache_get(
        observed,
        mesh_kind(KIND_CREDENTIALS_SECRET),
        ns,
        plugged_in ? MESH_PLUGGED_IN_AUTHORITY : MESH_SELF_SIGNED_AUTHORITY);

    return o ? signing_from(o, plugged_in) : NULL;
}

const struct kube_object *v1_authority(const struct kube_cache *observed, const char *ns)
{
    if (is_plugged_in(observed, ns))
        return kube_cache_get(observed, mesh_kind(KIND_PLUGGED_IN_AUTHORITY), ns, MESH_PLUGGED_IN_AUTHORITY);
    return kube_cache_get(observed, mesh_kind(KIND_SELF_SIGNED_AUTHORITY), ns, MESH_SELF_SIGNED_AUTHORITY);
}

const char *v1_joining_notice(const struct istio_spec *remote, const struct istio_spec *central)
{
    if (v1_of(remote)->control_plane_security_enabled != v1_of(central)->control_plane_security_enabled)
        return "controlPlaneSecurityEnabled is not as in the mesh: proxies there do not reach the control plane";
    if (v1_of(central)->sds.enabled)
        return "the mesh has sds.enabled: proxies there need a node agent on each node, which the operator installs in "
               "the central cluster alone";
    return NULL;
}
