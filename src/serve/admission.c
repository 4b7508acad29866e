#include "serve/admission.h"

#include <string.h>

#include "base/str.h"
#include "controllers/kinds.h"
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
    if (doc_parse_lenient(text, len, ADMISSION_MAX_BYTES, DOC_IN_REVIEW, &review, e) < 0)
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

/* What the answer to a check says. */
static void conclude(struct decision *d, const struct problems *problems)
{
    if (!problems->errors) {
        add_warnings(d, problems);
        return;
    }
    problems_text(problems, PROBLEM_ERROR, PROBLEMS_SEPARATOR, &d->message);
    deny(d, 422, "Invalid");
}

/* Whether the operation brings a spec that is to be reviewed. */
static bool brings_spec(const json_t *request, bool is_new)
{
    const json_t *object = doc_at(request, "object"), *former = doc_at(request, "oldObject");

    return is_new || (str_eq(doc_string(request, "operation"), "UPDATE") &&
                      !doc_string(object, "metadata", "deletionTimestamp") &&
                      !doc_equal(doc_at(object, "spec"), doc_at(former, "spec")));
}

/*
 * An existing resource cannot move to another namespace, and which mesh came first does not change: neither is a reason
 * to refuse its changes. So only a new one is held against what is in the cluster.
 */
static void check(
    struct decision *d, const struct reconciler *row, const json_t *request, bool is_new,
    const struct admission_context *context)
{
    const json_t *object = doc_at(request, "object");
    const char *ns = doc_string(request, "namespace"), *name = doc_string(request, "name");
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct check_context around = {
        .minor = context->kubernetes_minor,
        .versions = context->versions,
        .ns = str_or(ns, doc_string(object, "metadata", "namespace")),
        .name = name && *name ? name : NULL, /* before 1.14 a creation's name is only in the object */
        .observed = context->observed,
        .is_new = is_new,
    };

    row->check(object, &around, NULL, &problems);
    conclude(d, &problems);
}

static void bad_request(struct decision *d, const char *what, const char *of)
{
    buf_printf(&d->message, "%s%s", what, str_or(of, ""));
    deny(d, 400, "BadRequest");
}

static void review(struct decision *d, const json_t *request, const struct admission_context *context)
{
    const char *kind = doc_string(request, "kind", "kind"), *sub = doc_string(request, "subResource");
    const struct reconciler *row = operator_kinds_find(kind);
    bool is_new = str_eq(doc_string(request, "operation"), "CREATE");

    if (!doc_string(request, "uid"))
        bad_request(d, "request.uid: missing", NULL);
    else if ((sub && *sub) || !brings_spec(request, is_new))
        ;
    else if (!row || !row->check)
        bad_request(d, "request.kind: this webhook has no rules for the kind ", str_or(kind, "\"\""));
    else
        check(d, row, request, is_new, context);
}

/* Only v1 has warnings: a server that asks in v1beta1 may refuse a field that it does not know. */
static json_t *make_answer(const json_t *review, const struct decision *d)
{
    bool v1 = str_eq(doc_string(review, "apiVersion"), "admission.k8s.io/v1");
    bool allowed = d->code == 200;

    return OBJECT(
        STRING("apiVersion", doc_string(review, "apiVersion")),
        STRING("kind", "AdmissionReview"),
        MAP("response",
            STRING("uid", str_or(doc_string(review, "request", "uid"), "")),
            BOOL("allowed", allowed),
            OPT(v1 && json_array_size(d->warnings) > 0, VALUE("warnings", json_incref(d->warnings))),
            OPT(!allowed,
                MAP("status",
                    STRING("status", "Failure"),
                    INT("code", d->code),
                    STRING("reason", d->reason),
                    STRING("message", buf_str(&d->message))))));
}

int admission_review(
    const char *text, size_t len, const struct admission_context *context, struct admission_verdict *ret, struct err *e)
{
    _cleanup_json_ json_t *document = NULL, *answer = NULL;
    struct decision d = {.code = 200};

    if (parse(text, len, &document, e) < 0)
        return -1;
    review(&d, doc_at(document, "request"), context);
    answer = make_answer(document, &d);
    ret->review = doc_text(answer);
    ret->allowed = d.code == 200;
    buf_release(&d.message);
    json_decref(d.warnings);
    return 0;
}
