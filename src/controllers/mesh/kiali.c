#include "controllers/mesh/kiali.h"

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/components.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/common/kiali.h"

void kiali_plan(const struct reconcile *r, const struct mesh_desired *desired, struct kiali *k, struct plan *plan)
{
    k->unwritten = apart_plan(r, desired->kiali, plan);
}

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

static void read_rollout(struct reconcile *r, const struct istio_spec *spec, struct kiali *k)
{
    static const struct rollout_workload workloads[] = {{KIND_DEPLOYMENT, MESH_KIALI}, {0, NULL}};
    const struct rollout_target target = {.name = MESH_KIALI, .revision = "", .workloads = workloads, .enabled = true};
    struct finding *finding = &k->finding;
    struct rollouts rollouts = {0};

    components_read_targets(r->world->central, r->object->ns, &target, 1, &rollouts, &r->plan->central.watch);
    if (rollouts.all_available) {
        finding_say(finding, true, "Ready");
        buf_printf(&finding->text, "Kiali %s answers at Service %s/" MESH_KIALI, k->version, r->object->ns);
    } else if (lacks_key(r, spec)) {
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
        buf_add_str(&finding->text, str_or(rollouts.items[0].message, ""));
    }
    if (!rollouts.all_available)
        r->plan->central.watch |= PLAN_WATCH_SECRET_KEYS;
    rollouts_release(&rollouts);
}

void kiali_read(struct reconcile *r, const struct mesh_desired *desired, struct kiali *k)
{
    const struct istio_spec *spec = desired->spec;

    if (str_eq(str_or(spec->kiali.mode, ISTIO_KIALI_NONE), ISTIO_KIALI_NONE))
        return;
    k->mode = spec->kiali.mode;
    k->version = desired->planes->release->kiali;
    if (apart_is_written(r, desired->kiali, "metadata.namespace", k->unwritten, &k->finding))
        read_rollout(r, spec, k);
}

void kiali_release(struct kiali *k)
{
    finding_release(&k->finding);
    free(k->unwritten);
}

void kiali_add_status(const struct kiali *k, json_t *status)
{
    json_object_update_new(status, OBJECT(STRING("kiali", k->mode), STRING("kialiVersion", k->version)));
}
