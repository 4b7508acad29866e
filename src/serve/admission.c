#include "serve/admission.h"

#include <string.h>

#include "base/str.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/remote/remote_check.h"
#include "doc/build.h"
#include "doc/doc.h"

/* Kubernetes cuts warnings: "a single warning message should not exceed 256 characters", 4096 bytes in all. */
#define WARNINGS_MAX 16
#define WARNING_MAX_BYTES 256

/* What is said about one request. */
struct decision {
    int code; /* HTTP; 200 allows */
    const char *reason;
    struct buf message;
    json_t *warnings; /* a sequence of strings; NULL: none */
};

static void deny(struct decision *d, int code, const char *reason)
{
    d->code = code;
    d->reason = reason;
}

static int parse(const char *text, size_t len, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *review = NULL;
    const char *version;

    if (len <= ADMISSION_MAX_BYTES && doc_count_values(text, len) > ADMISSION_VALUES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d values", ADMISSION_VALUES_MAX);
    if (doc_parse(text, len, ADMISSION_MAX_BYTES, &review, e) < 0)
        return -1;
    version = doc_string(review, "apiVersion");
    if (!str_eq(doc_string(review, "kind"), "AdmissionReview") ||
        (!str_eq(version, "admission.k8s.io/v1") && !str_eq(version, "admission.k8s.io/v1beta1")))
        return err_set(e, ERR_INVALID, "it must be an AdmissionReview of admission.k8s.io/v1 or v1beta1");
    if (!json_is_object(doc_at(review, "request")))
        return err_set(e, ERR_INVALID, "request: must be an object");
    *ret = TAKE_PTR(review);
    return 0;
}

/* The mesh that exists already, if it is not the resource of this name itself: by the planner's own rule. */
static const struct kube_object *find_mesh(const struct kube_cache *observed, const char *ns, const char *name)
{
    const struct kube_object *mesh = observed ? mesh_find(observed) : NULL;

    if (!mesh || mesh->deleting || (str_eq(mesh->ns, ns) && str_eq(mesh->name, name)))
        return NULL;
    return mesh;
}

static void add_warnings(struct decision *d, const struct problems *problems)
{
    d->warnings = json_array();
    for (size_t i = 0; i < problems->len && json_array_size(d->warnings) < WARNINGS_MAX; i++) {
        const struct problem *p = &problems->items[i];
        _cleanup_free_ char *text = NULL, *warning = NULL;
        if (p->severity != PROBLEM_WARNING)
            continue;
        text = str_printf("%s: %s", p->path, p->text);
        warning = str_dup_short(text, WARNING_MAX_BYTES);
        json_array_append_new(d->warnings, json_string(warning));
    }
}

/* All objects are rendered where that is possible, because overlays have to apply to them. */
static int
check_istio(const json_t *object, const char *ns, const struct admission_context *context, struct problems *problems)
{
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;
    struct mesh_desired *desired;

    if (context->versions && doc_string(object, "metadata", "namespace")) {
        if (mesh_desired_build(object, context->kubernetes_minor, context->versions, &desired, problems) < 0)
            return -1;
        mesh_desired_free(desired);
        return 0;
    }
    return mesh_check(object, context->kubernetes_minor, ns, &spec, problems);
}

/* What the answer to a check says; below zero: there are errors. */
static void conclude(struct decision *d, int checked, const struct problems *problems)
{
    if (checked == 0) {
        add_warnings(d, problems);
        return;
    }
    problems_text(problems, PROBLEM_ERROR, PROBLEMS_SEPARATOR, &d->message);
    deny(d, 422, "Invalid");
}

static void judge_istio(
    struct decision *d, const json_t *request, const char *ns, bool is_new, const struct admission_context *context)
{
    const char *name = doc_string(request, "name");
    const json_t *object = doc_at(request, "object");
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct kube_object *other = NULL;

    /* Before 1.14 a creation's name is only in the object. */
    if (is_new)
        other = find_mesh(context->observed, ns, name && *name ? name : doc_string(object, "metadata", "name"));
    if (!other) {
        conclude(d, check_istio(object, ns, context, &problems), &problems);
        return;
    }
    buf_printf(
        &d->message,
        "a cluster has one mesh, and it is there already: Istio %s/%s. Change that one, or delete it first",
        other->ns,
        other->name);
    deny(d, 403, "Forbidden");
}

/*
 * There may be many. An existing one cannot move to another namespace, so a mesh that moved is no reason to refuse its
 * changes.
 */
static void judge_remote(
    struct decision *d, const json_t *request, const char *ns, bool is_new, const struct admission_context *context)
{
    const struct kube_object *mesh = find_mesh(context->observed, NULL, NULL);
    _cleanup_json_ json_t *istio = mesh ? kube_object_parse(mesh) : NULL;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;
    const char *mesh_ns = mesh && is_new ? mesh->ns : NULL, *version = doc_string(istio, "spec", "version");

    conclude(d, remote_check(doc_at(request, "object"), ns, mesh_ns, version, &spec, &problems), &problems);
}

/* Of the operator's resources. */
static const struct judge {
    const char *kind;
    void (*judge)(
        struct decision *d, const json_t *request, const char *ns, bool is_new,
        const struct admission_context *context);
} judges[] = {{"Istio", judge_istio}, {"RemoteIstio", judge_remote}};

static const struct judge *find_judge(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(judges); i++)
        if (str_eq(judges[i].kind, kind))
            return &judges[i];
    return NULL;
}

/* Whether the operation brings a spec that is to be reviewed. */
static bool brings_spec(const json_t *request, bool is_new)
{
    const json_t *object = doc_at(request, "object"), *former = doc_at(request, "oldObject");

    return is_new || (str_eq(doc_string(request, "operation"), "UPDATE") &&
                      !doc_string(object, "metadata", "deletionTimestamp") &&
                      !doc_equal(doc_at(object, "spec"), doc_at(former, "spec")));
}

static void judge(struct decision *d, const json_t *request, const struct admission_context *context)
{
    const struct judge *judge = find_judge(doc_string(request, "kind", "kind"));
    const char *sub = doc_string(request, "subResource"), *ns = doc_string(request, "namespace");
    bool is_new = str_eq(doc_string(request, "operation"), "CREATE");

    if (!doc_string(request, "uid")) {
        buf_add_str(&d->message, "request.uid: missing");
        deny(d, 400, "BadRequest");
        return;
    }
    if ((sub && *sub) || !judge || !brings_spec(request, is_new))
        return;
    judge->judge(d, request, str_or(ns, doc_string(request, "object", "metadata", "namespace")), is_new, context);
}

/* Only v1 has warnings: a server that asks in v1beta1 may refuse a field that it does not know. */
static json_t *make_answer(const json_t *review, const struct decision *d)
{
    bool v1 = str_eq(doc_string(review, "apiVersion"), "admission.k8s.io/v1");
    bool allowed = d->code == 200;

    return OBJECT(
        S("apiVersion", doc_string(review, "apiVersion")),
        S("kind", "AdmissionReview"),
        MAP("response",
            S("uid", str_or(doc_string(review, "request", "uid"), "")),
            B("allowed", allowed),
            OPT(v1 && json_array_size(d->warnings) > 0, V("warnings", json_incref(d->warnings))),
            OPT(!allowed,
                MAP("status",
                    S("status", "Failure"),
                    N("code", d->code),
                    S("reason", d->reason),
                    S("message", buf_str(&d->message))))));
}

int admission_review(
    const char *text, size_t len, const struct admission_context *context, struct admission_verdict *ret, struct err *e)
{
    _cleanup_json_ json_t *review = NULL, *answer = NULL;
    struct decision d = {.code = 200};

    if (parse(text, len, &review, e) < 0)
        return -1;
    judge(&d, doc_at(review, "request"), context);
    answer = make_answer(review, &d);
    ret->review = doc_text(answer);
    ret->allowed = d.code == 200;
    buf_release(&d.message);
    json_decref(d.warnings);
    return 0;
}
