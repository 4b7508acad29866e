#include "api/status.h"
#include "base/str.h"
#include "controllers/remote/remote_impl.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/object_memo.h"

/* A connection that ended is usually open again in a moment: only a longer failure is reported. */
#define ERROR_PATIENCE SECONDS(3)

const char *remote_unreachable(const struct remote *r)
{
    const struct contact *contact = &r->world->contact;

    if (!*contact->error)
        return NULL;
    if (contact->error_age >= ERROR_PATIENCE)
        return contact->error;
    r->plan->again_after = ERROR_PATIENCE - contact->error_age;
    return NULL;
}

/* What was said of it before, for what cannot be seen now. */
static json_t *as_before(const struct remote *r, const char *field)
{
    return json_incref(doc_at(r->resource, "status", field));
}

/*
 * For a cluster that is not synced, as after a restart while it is unreachable. An operator that was synced before it
 * became unreachable says the same, so that two operators do not write the status in turns.
 */
static void keep_unseen(const struct remote *r, json_t *status)
{
    static const char *const fields[] = {STATUS_FIELD_COMPONENTS, STATUS_FIELD_IGNORED, STATUS_FIELD_DRIFT};

    for (size_t i = 0; !r->world->remote && !r->re->facts.refused && i < ARRAY_LEN(fields); i++)
        json_object_set_new(status, fields[i], as_before(r, fields[i]));
}

/* How many addresses a service's Endpoints have, where they are as desired; 0 where they are not. */
static size_t addresses_in_place(const struct remote *r, const char *name, const char *selector)
{
    const struct kube_kind *kind = mesh_kind(KIND_ENDPOINTS);
    struct kube_object *o = kube_cache_get(r->world->remote->observed, kind, r->re->own.object->ns, name);
    const struct desired *w = o ? desired_find(r->memo->services, kind, o->ns, name) : NULL;

    return w && object_memo(o)->in_place == w->hash ? central_addresses(r->central, selector)->len : 0;
}

static void add_services(const struct remote *r, json_t *status)
{
    json_t *services, *service;
    size_t i, total = 0;

    if (!r->serves) {
        json_object_set_new(status, STATUS_FIELD_ENDPOINTS_SYNCED, as_before(r, STATUS_FIELD_ENDPOINTS_SYNCED));
        json_object_set_new(status, STATUS_FIELD_SERVICES, as_before(r, STATUS_FIELD_SERVICES));
        return;
    }
    services = json_array();
    json_array_foreach(r->memo->spec->enabled_services, i, service) {
        const char *name = doc_string(service, "name");
        size_t count = addresses_in_place(r, name, doc_string(service, "labelSelector"));
        total += count;
        json_array_append_new(services, OBJECT(STRING("name", name), INT("addresses", (json_int_t)count)));
    }
    json_object_set_new(status, STATUS_FIELD_ENDPOINTS_SYNCED, json_integer((json_int_t)total));
    json_object_set_new(status, STATUS_FIELD_SERVICES, services);
}

static void add_connected(const struct remote *r, json_t *status)
{
    const struct contact *contact = &r->world->contact;
    const char *text = "", *reason = REASON_CONNECTED;
    bool connected = r->world->remote && !r->re->facts.unreachable && r->secret && !contact->refused;
    _cleanup_free_ char *elsewhere = NULL;

    if (!remote_secrets_are_read(r)) {
        reason = "SecretNotRead";
        text = elsewhere = str_printf("Secrets are read in namespace %s alone", r->central->ns);
    } else if (!r->secret) {
        reason = "NoKubeconfig";
        text = "there is no Secret of this name";
    } else if (contact->refused) {
        reason = REASON_REFUSED;
        text = contact->refused;
    } else if (!connected) {
        reason = r->re->facts.unreachable ? REASON_UNREACHABLE : "Connecting";
        text = contact->error;
    }
    json_array_append_new(
        doc_at(status, STATUS_FIELD_CONDITIONS),
        status_condition(&r->re->facts, CONDITION_CONNECTED, connected, reason, text));
}

static json_t *last_contact(const struct remote *r)
{
    char text[32];

    if (!r->world->contact.last)
        return as_before(r, STATUS_FIELD_LAST_CONTACT);
    clock_rfc3339(r->world->contact.last, text);
    return json_string(text);
}

/*
 * The time of contact changes all the time: it is written together with other changes, and when the cluster stops
 * answering.
 */
static void add_contact(const struct remote *r, json_t *status)
{
    const json_t *before = doc_at(r->resource, "status");

    json_object_set_new(status, STATUS_FIELD_LAST_CONTACT, as_before(r, STATUS_FIELD_LAST_CONTACT));
    if (!before || !json_equal(before, status))
        json_object_set_new(status, STATUS_FIELD_LAST_CONTACT, last_contact(r));
}

/*
 * Addresses are under way to a cluster that was all in place: it will be again before this could be read, and with a
 * thousand clusters it would be a thousand writes more.
 */
static bool is_only_following(const struct remote *r, const json_t *status)
{
    const struct plan *remote = &r->plan->remote;

    for (size_t i = 0; i < remote->len; i++)
        if (remote->actions[i].tag != PLAN_FOLLOWED)
            return false;
    return remote->len > 0 && str_eq(doc_string(status, STATUS_FIELD_STATUS), STATUS_RECONCILING) &&
           str_eq(doc_string(r->resource, "status", STATUS_FIELD_STATUS), STATUS_AVAILABLE);
}

bool remote_add_status(struct reconcile *re, json_t *status)
{
    struct remote *r = re->state;
    const struct plan_input *remote = r->world->remote;

    if (is_only_following(r, status))
        return false;
    if (remote)
        json_object_set_new(status, STATUS_FIELD_KUBERNETES_VERSION, json_string(remote->server->git_version));
    else
        json_object_set_new(status, STATUS_FIELD_KUBERNETES_VERSION, as_before(r, STATUS_FIELD_KUBERNETES_VERSION));
    keep_unseen(r, status);
    add_services(r, status);
    add_connected(r, status);
    add_contact(r, status);
    return true;
}
