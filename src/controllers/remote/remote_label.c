#include "controllers/remote/remote_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

/* Annotation of a Secret: the operator added its label for Pilot. */
#define LABELLED "istio.banzaicloud.io/labelled"

static void patch_secret(struct remote *r, bool present)
{
    const char *reason = present ? "Pilot is to read the remote cluster" : "Pilot is not to read the remote cluster";
    const struct plan_input *central = r->world->central;
    json_t *metadata = OBJECT(
        MAP("labels", VALUE(r->central->line->joining->kubeconfig_label, present ? json_string("true") : json_null())),
        MAP("annotations", VALUE(LABELLED, present ? json_string("true") : json_null())));

    plan_note_drift(
        &r->plan->central, central, KUBE_MERGE_PATCH, r->secret->kind, r->secret->ns, r->secret->name, reason);
    if (plan_is_busy(central, r->secret))
        json_decref(metadata);
    else
        plan_patch_metadata(&r->plan->central, central, r->secret, metadata, reason, PLAN_CHANGED);
}

bool remote_plan_pilot_label(struct remote *r, bool present)
{
    uint64_t version = r->secret ? remote_version_of(r->secret) : 0;
    _cleanup_json_ json_t *secret = NULL;
    bool labelled, owned;

    if (!version || !r->central->line->joining || (present && r->memo->labelled == version))
        return true;
    secret = kube_object_parse(r->secret);
    labelled = str_eq(doc_string(secret, "metadata", "labels", r->central->line->joining->kubeconfig_label), "true");
    owned = str_eq(doc_string(secret, "metadata", "annotations", LABELLED), "true");
    if (labelled)
        r->memo->labelled = version;
    /* A label that another client added stays. */
    if (present ? labelled : !owned)
        return true;
    patch_secret(r, present);
    return false;
}
