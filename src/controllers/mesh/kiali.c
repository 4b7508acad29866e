/*
 * Sources: Kiali's operator, watches-k8s.yaml (its status is that of Ansible's operators, with the conditions Running,
 * Successful and Failure).
 */
#include "controllers/mesh/kiali.h"

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/components.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/common/maps.h"

static const struct apart_kinds resources = {
    .product = "Kiali's operator",
    .missing =
        "the cluster does not serve Kiali of kiali.io/v1alpha1: install Kiali's operator, or set spec.kiali.mode "
        "to " ISTIO_KIALI_SERVER,
    .remembered = "kialiResources",
    .watched = PLAN_WATCH_KIALI,
    .served = PLAN_WATCH_KIALI_SERVED,
    .kinds = (const enum mesh_kind_id[]){KIND_KIALI, KIND_COUNT},
    .definitions = (const enum mesh_kind_id[]){KIND_KIALI_DEFINITION, KIND_COUNT},
};

static bool asks_for_resource(const struct reconcile *r)
{
    return str_eq(doc_string(r->resource, "spec", "kiali", "mode"), ISTIO_KIALI_RESOURCE);
}

unsigned kiali_watches(const struct reconcile *r)
{
    return apart_watches(r, &resources, asks_for_resource(r));
}

void kiali_plan(const struct reconcile *r, const struct mesh_desired *desired, struct kiali *k, struct plan *plan)
{
    if (!asks_for_resource(r) || apart_can_plan(r, &resources))
        k->unwritten = apart_plan(r, desired->maps, plan);
}

/* --- as the operator installs it --- */

/* True where the Secret that users create is not there, or lacks the key; false as long as it is not known. */
static bool lacks_key(const struct reconcile *r, const struct istio_spec *spec)
{
    const struct plan_input *in = r->world->central;
    const struct kube_object *o =
        kube_cache_get(in->observed, mesh_kind(KIND_SECRET_KEYS), r->object->ns, spec->kiali.auth.secret);
    _cleanup_json_ json_t *secret = o ? kube_object_parse(o) : NULL;

    return in->synced & PLAN_WATCH_SECRET_KEYS && str_eq(spec->kiali.auth.strategy, ISTIO_KIALI_TOKEN) &&
           !doc_at(secret, "data", ISTIO_KIALI_SIGNING_KEY);
}

/* True where the Deployment is available; else `ret_why` says why not, owned by the caller. */
static bool is_available(struct reconcile *r, const char *deployment, char **ret_why)
{
    const struct rollout_workload workloads[] = {{KIND_DEPLOYMENT, deployment}, {0, NULL}};
    const struct rollout_target target = {.name = deployment, .revision = "", .workloads = workloads, .enabled = true};
    struct rollouts rollouts = {0};
    bool available;

    components_read_targets(r->world->central, r->object->ns, &target, 1, &rollouts, &r->plan->central.watch);
    available = rollouts.all_available;
    *ret_why = available ? NULL : str_dup(str_or(rollouts.items[0].message, ""));
    rollouts_release(&rollouts);
    return available;
}

static void read_server(struct reconcile *r, const struct istio_spec *spec, struct kiali *k)
{
    struct finding *finding = &k->finding;
    _cleanup_free_ char *why = NULL;

    if (is_available(r, MESH_KIALI, &why)) {
        finding_say(finding, true, "Ready");
        buf_printf(&finding->text, "Kiali %s answers at Service %s/" MESH_KIALI, k->version, r->object->ns);
        return;
    }
    r->plan->central.watch |= PLAN_WATCH_SECRET_KEYS;
    if (lacks_key(r, spec)) {
        finding_say(finding, false, "SecretMissing");
        buf_printf(
            &finding->text,
            "there is no Secret %s/%s with the key " ISTIO_KIALI_SIGNING_KEY
            ", with which Kiali encrypts sessions; create "
            "it: kubectl -n %s create secret generic %s --from-literal=" ISTIO_KIALI_SIGNING_KEY
            "=\"$(openssl rand -hex 16)\"",
            r->object->ns,
            spec->kiali.auth.secret,
            r->object->ns,
            spec->kiali.auth.secret);
    } else {
        finding_say(finding, false, "NotReady");
        buf_add_str(&finding->text, why);
    }
}

static void read_servicegraph(struct reconcile *r, struct kiali *k)
{
    _cleanup_free_ char *why = NULL;
    bool available = is_available(r, MESH_SERVICEGRAPH, &why);

    finding_say(&k->servicegraph, available, available ? "Ready" : "NotReady");
    if (available)
        buf_printf(&k->servicegraph.text, "it answers at Service %s/" MESH_SERVICEGRAPH, r->object->ns);
    else
        buf_printf(&k->servicegraph.text, "%s; it is ready where its Prometheus answers", why);
}

/* --- as Kiali's operator does --- */

static bool is_true(const json_t *conditions, const char *type)
{
    return str_eq(doc_string(doc_find(conditions, "type", type), "status"), "True");
}

static void read_resource(const struct reconcile *r, struct finding *finding)
{
    const struct kube_object *o =
        kube_cache_get(r->world->central->observed, mesh_kind(KIND_KIALI), r->object->ns, MESH_KIALI);
    _cleanup_json_ json_t *kiali = o ? kube_object_parse(o) : NULL;
    const json_t *conditions = doc_at(kiali, "status", "conditions");

    finding->waits = !o;
    if (!o)
        return;
    if (is_true(conditions, "Failure")) {
        finding_say(finding, false, "NotReady");
        buf_printf(
            &finding->text,
            "Kiali %s/%s: %.200s",
            o->ns,
            o->name,
            str_or(doc_string(doc_find(conditions, "type", "Failure"), "message"), "its condition Failure is True"));
    } else if (is_true(conditions, "Successful")) {
        finding_say(finding, true, "Ready");
        buf_printf(&finding->text, "Kiali's operator has carried out Kiali %s/%s", o->ns, o->name);
    } else {
        finding_say(finding, false, "NotReady");
        buf_printf(
            &finding->text,
            "Kiali's operator has not carried out Kiali %s/%s yet: it may not run, or not look into this namespace",
            o->ns,
            o->name);
    }
}

/* --- both --- */

void kiali_read(struct reconcile *r, const struct mesh_desired *desired, struct kiali *k)
{
    const struct istio_spec *spec = desired->spec;
    const char *mode = str_or(spec->kiali.mode, ISTIO_KIALI_NONE);
    bool by_resource = str_eq(mode, ISTIO_KIALI_RESOURCE);

    apart_ask(r, &resources, by_resource);
    if (spec->servicegraph && apart_is_written(r, desired->maps, "metadata.namespace", k->unwritten, &k->servicegraph))
        read_servicegraph(r, k);
    if (str_eq(mode, ISTIO_KIALI_NONE))
        return;
    k->mode = spec->kiali.mode;
    k->version = by_resource ? NULL : desired->planes->release->kiali;
    if ((by_resource && !apart_is_served(r, &resources, &k->finding)) ||
        !apart_is_written(r, desired->maps, "metadata.namespace", k->unwritten, &k->finding))
        return;
    if (by_resource)
        read_resource(r, &k->finding);
    else
        read_server(r, spec, k);
}

void kiali_release(struct kiali *k)
{
    finding_release(&k->finding);
    finding_release(&k->servicegraph);
    free(k->unwritten);
}

void kiali_add_status(const struct reconcile *r, const struct kiali *k, json_t *status)
{
    bool has = str_eq(k->mode, ISTIO_KIALI_RESOURCE) || apart_has_left(r, &resources);

    json_object_update_new(
        status,
        OBJECT(
            STRING("kiali", k->mode), STRING("kialiVersion", k->version), OPT(has, BOOL(resources.remembered, true))));
}
