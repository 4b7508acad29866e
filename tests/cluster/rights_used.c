#include "rights_used.h"

#include "api/resource.h"
#include "base/str.h"
#include "doc/doc.h"

void rights_used_release(struct rights_used *used)
{
    map_free(used->rights);
    buf_release(&used->refused);
}

void rights_used_note(void *context, const json_t *entry)
{
    struct rights_used *used = context;
    const json_t *object = doc_at(entry, "objectRef");
    const char *sub = doc_string(object, "subresource");
    _cleanup_free_ char *right = NULL;

    if (!object)
        return;
    right = str_printf(
        "%s/%s%s%s %s",
        str_or(doc_string(object, "apiGroup"), ""),
        doc_string(object, "resource"),
        sub ? "/" : "",
        str_or(sub, ""),
        doc_string(entry, "verb"));
    /* After a conflict a namespace is read again; without that right the watch brings it a moment later. */
    if (doc_int(doc_at(entry, "responseStatus", "code"), 0) == 403 && !str_eq(right, "/namespaces get"))
        buf_printf(&used->refused, " %s", right);
    map_put(used->rights, right, used);
}

bool rights_are_of_todays_istio(const char *right)
{
#define WEBHOOKS "admissionregistration.k8s.io/validatingwebhookconfigurations"
    return str_starts(right, "rbac.authorization.k8s.io/roles ") ||
           str_starts(right, "rbac.authorization.k8s.io/rolebindings ") ||
           str_starts(right, "security.istio.io/peerauthentications ") || str_eq(right, WEBHOOKS " get") ||
           str_eq(right, WEBHOOKS " update");
#undef WEBHOOKS
}

bool rights_are_of_federation(const char *right)
{
    return str_starts(right, API_GROUP "/remoteistios") || str_eq(right, "/secrets patch");
}
