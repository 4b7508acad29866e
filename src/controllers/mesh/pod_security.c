#include "controllers/mesh/pod_security.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

#define ENFORCE "pod-security.kubernetes.io/enforce"
/* Namespaces that a message names. */
#define NAMED_MAX 10

bool pod_security_is_enforced(const json_t *ns)
{
    const char *level = doc_string(ns, "metadata", "labels", ENFORCE);

    return level && !str_eq(level, "privileged");
}

static void name_namespaces(const struct map *set, struct buf *text)
{
    _cleanup_free_ const char **names = map_sorted_keys(set);

    buf_add_names(text, names, map_len(set), NAMED_MAX);
}

json_t *pod_security_condition(
    const struct status_facts *facts, const struct injection_memo *injection, const struct istio_spec *spec,
    bool cni_is_enabled, bool cni)
{
    const char *refused = injection->how->refused_for ? injection->how->refused_for(spec, cni) : NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (!refused || !map_len(injection->guarded))
        return NULL;
    buf_add_str(&text, "Pod Security refuses new pods with a sidecar in namespaces ");
    name_namespaces(injection->guarded, &text);
    buf_printf(&text, ": %s; ", refused);
    if (cni_is_enabled && !injection->how->refused_for(spec, true))
        buf_add_str(&text, "it is left out when the CNI plugin is ready on every node");
    else if (!injection->how->refused_for(spec, true))
        buf_add_str(&text, "set spec.cni.enabled, or label them " ENFORCE "=privileged");
    else
        buf_add_str(&text, "leave that out, or label them " ENFORCE "=privileged");
    return status_condition(facts, CONDITION_SIDECARS_ADMITTED, false, "PodSecurity", buf_str(&text));
}
