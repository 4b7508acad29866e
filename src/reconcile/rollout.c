#include "reconcile/rollout.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/message.h"
#include "kube/selector.h"
#include "reconcile/object_memo.h"

/* Why a container that was started before runs no longer; "" where that is not known. Owned by the caller. */
static char *describe_end(const json_t *terminated)
{
    if (!terminated)
        return str_dup("");
    return str_printf(
        "%s (exit code %" PRId64 ")",
        str_or(doc_string(terminated, "reason"), "ended"),
        doc_int(doc_at(terminated, "exitCode"), 0));
}

/* The kubelet's own text counts the seconds of the back-off: how the container ended last says more, and stays. */
static char *describe_crash_loop(const json_t *status)
{
    _cleanup_free_ char *end = describe_end(doc_at(status, "lastState", "terminated"));

    return str_printf("CrashLoopBackOff%s%s", *end ? ", last ended with " : "", end);
}

static char *describe_waiting(const json_t *status)
{
    const json_t *waiting = doc_at(status, "state", "waiting");
    const char *reason = doc_string(waiting, "reason"), *text = doc_string(waiting, "message");

    if (!reason || str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing"))
        return NULL;
    if (str_eq(reason, "CrashLoopBackOff"))
        return describe_crash_loop(status);
    return str_printf("%s%s%s", reason, text ? ": " : "", str_or(text, ""));
}

/* Between an end and the next start. */
static char *describe_terminated(const json_t *status)
{
    const json_t *terminated = doc_at(status, "state", "terminated");
    _cleanup_free_ char *end = describe_end(terminated);

    if (!terminated || doc_int(doc_at(terminated, "exitCode"), 0) == 0)
        return NULL;
    return str_printf("ended with %s", end);
}

static char *describe_unready(const json_t *status)
{
    if (!doc_at(status, "state", "running") || doc_bool(doc_at(status, "ready"), false))
        return NULL;
    return str_dup("runs, but is not ready");
}

/* The first container of which `describe` says something. */
static char *container_reason(const json_t *pod, const char *statuses, char *(*describe)(const json_t *status))
{
    json_t *status;
    size_t i;

    json_array_foreach(doc_at(pod, "status", statuses), i, status) {
        _cleanup_free_ char *text = describe(status);
        if (text)
            return str_printf("container %s: %s", str_or(doc_string(status, "name"), "?"), text);
    }
    return NULL;
}

static char *unscheduled_reason(const json_t *pod)
{
    const json_t *scheduled = doc_find(doc_at(pod, "status", "conditions"), "type", "PodScheduled");

    if (!str_eq(doc_string(scheduled, "status"), "False"))
        return NULL;
    return str_printf(
        "%s: %s",
        str_or(doc_string(scheduled, "reason"), "not scheduled"),
        str_or(doc_string(scheduled, "message"), ""));
}

/* Evicted, for instance. */
static char *failed_reason(const json_t *pod)
{
    const char *reason = doc_string(pod, "status", "reason"), *text = doc_string(pod, "status", "message");

    if (!str_eq(doc_string(pod, "status", "phase"), "Failed"))
        return NULL;
    return str_printf("%s%s%s", str_or(reason, "Failed"), text ? ": " : "", str_or(text, ""));
}

/* What keeps a Pod from being ready, the surest first. */
static char *pod_reason(const json_t *pod)
{
    static const struct {
        const char *statuses;
        char *(*describe)(const json_t *status);
    } questions[] = {
        {"initContainerStatuses", describe_waiting},
        {"initContainerStatuses", describe_terminated},
        {"containerStatuses", describe_waiting},
        {"containerStatuses", describe_terminated},
        {"containerStatuses", describe_unready},
    };
    char *reason = failed_reason(pod);

    if (!reason)
        reason = unscheduled_reason(pod);
    for (size_t i = 0; !reason && i < ARRAY_LEN(questions); i++)
        reason = container_reason(pod, questions[i].statuses, questions[i].describe);
    return reason;
}

/* Also while it runs, between two of its ends; one end may be that of a program that came before what it needs. */
static bool crashes(const json_t *pod, const char *statuses)
{
    json_t *status;
    size_t i;

    json_array_foreach(doc_at(pod, "status", statuses), i, status)
        if (str_eq(doc_string(status, "state", "waiting", "reason"), "CrashLoopBackOff") ||
            (!doc_bool(doc_at(status, "ready"), false) && doc_int(doc_at(status, "restartCount"), 0) > 1 &&
             doc_int(doc_at(status, "lastState", "terminated", "exitCode"), 0) != 0))
            return true;
    return false;
}

/*
 * No container has run, and there is no reason: its volumes are being mounted, or cannot be. A Pod with init containers
 * has another word for it.
 */
static bool is_being_created(const json_t *pod)
{
    const json_t *init = json_array_get(doc_at(pod, "status", "initContainerStatuses"), 0),
                 *status = init ? init : json_array_get(doc_at(pod, "status", "containerStatuses"), 0);
    const char *reason = doc_string(status, "state", "waiting", "reason");

    return str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing");
}

/* A Pod that says what it waits for. */
struct waiting_pod {
    json_t *labels;
    char *created, *reason;
    bool crashes;
};

/* What is known while a namespace's components are read. */
struct reading {
    const struct plan_input *in;
    const char *ns;
    const struct volume_kinds *volumes; /* NULL: not observed */
    bool asks_for_volumes;
    bool has_pods; /* they were read: once for all Deployments, and not where all are available */
    struct waiting_pod *pods;
    size_t pod_count, pod_cap;
};

static void reading_release(struct reading *reading)
{
    for (size_t i = 0; i < reading->pod_count; i++) {
        json_decref(reading->pods[i].labels);
        free(reading->pods[i].created);
        free(reading->pods[i].reason);
    }
    free(reading->pods);
}

static void read_pod(struct reading *reading, struct kube_object *o)
{
    _cleanup_json_ json_t *pod = kube_object_parse(o);
    char *reason = pod_reason(pod);
    bool is_silent = !reason && is_being_created(pod);

    if (is_silent) {
        reading->asks_for_volumes = true;
        reason = reading->volumes ? volumes_missing(reading->in->observed, reading->volumes, pod) : NULL;
    }
    if (!reason) {
        /* The objects that it mounts may be created and deleted. */
        object_memo(o)->is_unremarkable = !is_silent;
        return;
    }
    ARRAY_RESERVE_ONE(reading->pods, reading->pod_count, reading->pod_cap);
    reading->pods[reading->pod_count++] = (struct waiting_pod){
        .labels = json_incref(doc_at(pod, "metadata", "labels")),
        .created = str_dup(str_or(doc_string(pod, "metadata", "creationTimestamp"), "")),
        .reason = reason,
        .crashes = crashes(pod, "initContainerStatuses") || crashes(pod, "containerStatuses"),
    };
}

static void read_pods(struct reading *reading)
{
    const struct kube_kind *kind = kube_kind_find(kube_cache_kinds(reading->in->observed), "v1", "Pod");
    struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(reading->in->observed, kind, &i));)
        if (!o->deleting && str_eq(o->ns, reading->ns) && !object_memo(o)->is_unremarkable)
            read_pod(reading, o);
    reading->has_pods = true;
}

static bool has_waiting_pods(struct reading *reading)
{
    if (!reading->has_pods)
        read_pods(reading);
    return reading->pod_count > 0;
}

/* The Deployment's newest Pod that has something to say: older ones may be of an older spec. NULL: none has. */
static const struct waiting_pod *newest_of(struct reading *reading, const json_t *deployment)
{
    const json_t *selector = doc_at(deployment, "spec", "selector", "matchLabels");
    const struct waiting_pod *newest = NULL;

    for (size_t i = 0; i < reading->pod_count; i++) {
        const struct waiting_pod *pod = &reading->pods[i];
        if (selector_pairs_match(selector, pod->labels) && (!newest || strcmp(pod->created, newest->created) > 0))
            newest = pod;
    }
    return newest;
}

/* A ReplicaSet that may not create Pods says so in this condition: quota, admission. NULL: there is none. */
static const json_t *failure_of(const json_t *deployment)
{
    const json_t *failure = doc_find(doc_at(deployment, "status", "conditions"), "type", "ReplicaFailure");

    return str_eq(doc_string(failure, "status"), "True") ? failure : NULL;
}

/* NULL of none; owned by the caller. */
static char *describe_failure(const json_t *failure)
{
    if (!failure)
        return NULL;
    return str_printf(
        "%s: %s", str_or(doc_string(failure, "reason"), "ReplicaFailure"), str_or(doc_string(failure, "message"), ""));
}

static int64_t status_int(const json_t *deployment, const char *field)
{
    return doc_int(doc_at(deployment, "status", field), 0);
}

/*
 * What the status of each kind calls its Pods. Where there is no `desired` it is in the spec. `available` may be absent
 * where it is the same as `ready` (StatefulSets before Kubernetes 1.22).
 *
 * Source: apps/v1 in Kubernetes' API reference.
 */
static const struct counts {
    const char *kind, *desired, *all, *updated, *available, *ready;
    const char *noun;
} counts_of_kinds[] = {
    {"Deployment", NULL, "replicas", "updatedReplicas", "availableReplicas", "readyReplicas", "replicas"},
    {"StatefulSet", NULL, "replicas", "updatedReplicas", "availableReplicas", "readyReplicas", "replicas"},
    {"DaemonSet",
     "desiredNumberScheduled",
     "currentNumberScheduled",
     "updatedNumberScheduled",
     "numberAvailable",
     "numberReady",
     "Pods"},
};

static const struct counts *counts_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(counts_of_kinds); i++)
        if (str_eq(counts_of_kinds[i].kind, kind))
            return &counts_of_kinds[i];
    abort(); /* a line's component that is none of these: a bug in this program, which every plan would show */
}

/* A number of Pods, which Kubernetes keeps in 32 bits. */
static int32_t pods_of(int64_t count)
{
    return count < 0 ? 0 : count > INT32_MAX ? INT32_MAX : (int32_t)count;
}

static int32_t status_count(const json_t *workload, const char *field)
{
    return pods_of(status_int(workload, field));
}

/* The Deployment's controller reports a timeout, but continues the rollout. */
static bool is_past_deadline(const json_t *deployment)
{
    const json_t *progressing = doc_find(doc_at(deployment, "status", "conditions"), "type", "Progressing");

    return str_eq(doc_string(progressing, "status"), "False") &&
           str_eq(doc_string(progressing, "reason"), "ProgressDeadlineExceeded");
}

static struct workload_progress progress_of(const struct counts *c, const json_t *workload)
{
    bool has_available = doc_at(workload, "status", c->available) || !str_eq(c->kind, "StatefulSet");

    return (struct workload_progress){
        .is_known = true,
        .is_seen = status_int(workload, "observedGeneration") == doc_int(doc_at(workload, "metadata", "generation"), 0),
        .is_late = is_past_deadline(workload),
        .has_failed = failure_of(workload),
        .desired =
            c->desired ? status_count(workload, c->desired) : pods_of(doc_int(doc_at(workload, "spec", "replicas"), 1)),
        .all = status_count(workload, c->all),
        .updated = status_count(workload, c->updated),
        .available = status_count(workload, has_available ? c->available : c->ready),
        .ready = status_count(workload, c->ready),
    };
}

static bool is_complete(const struct workload_progress *p)
{
    return p->is_seen && p->updated >= p->desired && p->all <= p->updated && p->available >= p->updated;
}

bool rollout_is_complete(const char *kind, const json_t *workload)
{
    struct workload_progress p = progress_of(counts_of(kind), workload);

    return is_complete(&p);
}

/* Of this version of the object, which is parsed once. */
static const struct workload_progress *observed_progress(const struct counts *counts, struct kube_object *o)
{
    struct workload_progress *known = &object_memo(o)->progress;
    _cleanup_json_ json_t *workload = known->is_known ? NULL : kube_object_parse(o);

    if (workload)
        *known = progress_of(counts, workload);
    return known;
}

/* How far it is, in numbers. */
static void describe_progress(const struct counts *counts, const struct workload_progress *p, struct buf *text)
{
    buf_printf(
        text,
        "%" PRId32 " of %" PRId32 " %s updated, %" PRId32 " available",
        p->updated,
        p->desired,
        counts->noun,
        p->available);
    if (p->all > p->updated)
        buf_printf(text, ", %" PRId32 " old ones left", p->all - p->updated);
}

/* What its controller or its Pods say. They may change without it, and are read again every time. */
static void describe_reason(
    struct reading *reading, struct kube_object *o, const struct workload_progress *p, struct buf *text,
    bool *ret_crashes)
{
    bool pods_speak = !p->has_failed && has_waiting_pods(reading);
    _cleanup_json_ json_t *workload = p->has_failed || pods_speak ? kube_object_parse(o) : NULL;
    _cleanup_free_ char *failure = describe_failure(failure_of(workload));
    const struct waiting_pod *pod = pods_speak ? newest_of(reading, workload) : NULL;
    const char *reason = pod ? pod->reason : failure;

    *ret_crashes = pod && pod->crashes;
    if (!reason)
        return;
    buf_add_str(text, "; ");
    kube_message_add(text, reason);
}

static char *describe_missing(
    struct reading *reading, const struct counts *counts, struct kube_object *o, const struct workload_progress *p,
    bool *ret_crashes)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "%s %s", counts->kind, o->name);
    if (!p->is_seen) {
        buf_add_str(&text, ": its controller has not seen the newest spec yet");
        return buf_take(&text);
    }
    buf_printf(&text, "%s: ", p->is_late ? " exceeded its progress deadline" : "");
    describe_progress(counts, p, &text);
    describe_reason(reading, o, p, &text, ret_crashes);
    return buf_take(&text);
}

static void
read_workload(struct reading *reading, const struct rollout_workload *workload, const char *revision, struct rollout *r)
{
    const struct kube_kind *kind = &kube_cache_kinds(reading->in->observed)->rows[workload->kind];
    const struct counts *counts = counts_of(kind->kind);
    _cleanup_free_ char *name = str_printf("%s%s%s", workload->name, *revision ? "-" : "", revision);
    struct kube_object *o = kube_cache_get(reading->in->observed, kind, reading->ns, name);
    struct workload_progress p;

    if (!o) {
        r->message = str_printf("%s %s is not there yet", kind->kind, name);
        return;
    }
    p = *observed_progress(counts, o);
    r->desired = p.desired;
    r->ready = p.ready;
    r->available = is_complete(&p);
    r->is_late = !r->available && p.is_seen && p.is_late;
    if (!r->available)
        r->message = describe_missing(reading, counts, o, &p, &r->crashes);
}

/* All of its workloads as one. */
static void read_component(struct reading *reading, const struct rollout_target *target, struct rollout *r)
{
    struct buf message = BUF_INIT;

    r->available = true;
    for (const struct rollout_workload *w = target->workloads; w->name; w++) {
        struct rollout one = {0};
        read_workload(reading, w, target->revision, &one);
        r->available &= one.available;
        r->is_late |= one.is_late;
        r->crashes |= one.crashes;
        r->ready += one.ready;
        r->desired += one.desired;
        if (one.message) {
            buf_separate(&message, "; ");
            buf_add_str(&message, one.message);
        }
        free(one.message);
    }
    r->message = message.len ? buf_take(&message) : NULL;
    buf_release(&message);
}

void rollouts_read(
    const struct plan_input *in, const char *ns, const struct rollout_target *targets, size_t count,
    const struct volume_kinds *volumes, struct rollouts *ret)
{
    struct reading reading = {.in = in, .ns = ns, .volumes = volumes};

    *ret = (struct rollouts){.all_available = true};
    for (size_t i = 0; i < count; i++) {
        struct rollout r = {
            .name = targets[i].name,
            .revision = targets[i].revision,
            .enabled = targets[i].enabled,
            .optional = targets[i].optional,
        };
        if (r.enabled)
            read_component(&reading, &targets[i], &r);
        ret->all_available &= r.available || !r.enabled;
        ARRAY_RESERVE_ONE(ret->items, ret->len, ret->cap);
        ret->items[ret->len++] = r;
    }
    ret->asks_for_volumes = reading.asks_for_volumes;
    reading_release(&reading);
}

void rollouts_release(struct rollouts *r)
{
    for (size_t i = 0; i < r->len; i++)
        free(r->items[i].message);
    free(r->items);
}

bool rollout_pod_is_ready(const json_t *pod)
{
    const json_t *ready = doc_find(doc_at(pod, "status", "conditions"), "type", "Ready");

    return str_eq(doc_string(ready, "status"), "True");
}
