/* The admission webhook's decision: reviews as API servers send them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "controllers/kinds.h"
#include "controllers/resources.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/desired.h"
#include "reconcile/marks.h"
#include "serve/admission.h"

#define ISTIO(metadata, spec)                                                                                          \
    "{\"apiVersion\":\"istio.banzaicloud.io/v1beta1\",\"kind\":\"Istio\",\"metadata\":{\"name\":\"istio\","            \
    "\"namespace\":\"istio-system\"" metadata "},\"spec\":" spec "}"
#define REVIEW(version, fields)                                                                                        \
    "{\"apiVersion\":\"admission.k8s.io/" version "\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u1\","       \
    "\"kind\":{\"group\":\"istio.banzaicloud.io\",\"version\":\"v1beta1\",\"kind\":\"Istio\"},"                        \
    "\"namespace\":\"istio-system\",\"name\":\"istio\"," fields "}}"
#define CREATE(spec) REVIEW("v1", "\"operation\":\"CREATE\",\"object\":" ISTIO("", spec) ",\"oldObject\":null")
#define UPDATE(metadata, spec, old)                                                                                    \
    REVIEW("v1", "\"operation\":\"UPDATE\",\"object\":" ISTIO(metadata, spec) ",\"oldObject\":" ISTIO("", old))
#define BAD "{\"includeIPRanges\":\"10.0.0.0/33\"}"

static struct admission_context nothing_observed = {.kubernetes_minor = 20};

/* The answer's review; owned by the caller. */
static json_t *ask(const char *text, const struct admission_context *context)
{
    struct admission_verdict verdict;
    json_t *answer;
    struct err e;

    if (admission_review(text, strlen(text), context, &verdict, &e) < 0)
        fail_msg("%s: %s", e.text, text);
    assert_int_equal(doc_parse(verdict.review, strlen(verdict.review), SIZE_MAX, &answer, &e), 0);
    assert_int_equal(verdict.allowed, doc_bool(doc_at(answer, "response", "allowed"), false));
    free(verdict.review);
    return answer;
}

/* What is said; "" where it is allowed. Owned by the caller. */
static char *refusal(const char *text, const struct admission_context *context)
{
    _cleanup_json_ json_t *answer = ask(text, context);

    if (doc_bool(doc_at(answer, "response", "allowed"), false))
        return str_dup("");
    return str_dup(doc_string(answer, "response", "status", "message"));
}

static void test_decisions(void **state)
{
    static const struct {
        const char *name, *review;
        const char *says; /* part of the refusal; NULL: allowed */
    } cases[] = {
        {"the sample", CREATE("{\"mtls\":true,\"autoInjectionNamespaces\":[\"default\"]}"), NULL},
        {"nothing said", CREATE("{}"), NULL},
        {"no CIDR", CREATE(BAD), "spec.includeIPRanges: must be"},
        {"own namespace",
         CREATE("{\"autoInjectionNamespaces\":[\"istio-system\"]}"),
         "spec.autoInjectionNamespaces[0]: must not be istio-system, the control plane's own namespace"},
        {"kube-system",
         CREATE("{\"autoInjectionNamespaces\":[\"a\",\"kube-system\"]}"),
         "spec.autoInjectionNamespaces[1]: must not be kube-system"},
        {"min above max", CREATE("{\"pilot\":{\"minReplicas\":3,\"maxReplicas\":2}}"), "spec.pilot.minReplicas"},
        {"unknown version",
         CREATE("{\"version\":\"9.9.9\"}"),
         "spec.version: must be one of 1.31.1, 1.31.0, 1.30.8, 1.30.3, 1.30.0, 1.29.6, 1.29.0, 1.28.10, 1.28.0, "
         "1.1.17, "
         "1.1.0, 1.0.6, 1.0.5"},
        {"overlay",
         CREATE("{\"overlays\":[{\"kind\":\"Service\",\"name\":\"a\",\"patches\":[{\"op\":\"replace\","
                "\"path\":\"/kind\",\"value\":1}]}]}"),
         "spec.overlays[0].patches[0].path"},
        {"several mistakes", CREATE("{\"version\":\"9.9.9\",\"mtls\":5}"), "spec.mtls"},
        {"an update to something bad", UPDATE("", BAD, "{}"), "spec.includeIPRanges"},
        {"an update of something bad", UPDATE("", "{}", BAD), NULL},
        {"a bad spec that stays", UPDATE(",\"labels\":{\"a\":\"b\"}", BAD, BAD), NULL},
        {"being deleted", UPDATE(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", BAD, "{}"), NULL},
        {"the status",
         REVIEW("v1", "\"operation\":\"UPDATE\",\"subResource\":\"status\",\"object\":" ISTIO("", BAD)),
         NULL},
        {"deletion", REVIEW("v1", "\"operation\":\"DELETE\",\"object\":null,\"oldObject\":" ISTIO("", BAD)), NULL},
        {"the older review",
         REVIEW("v1beta1", "\"operation\":\"CREATE\",\"object\":" ISTIO("", BAD)),
         "spec.includeIPRanges"},
        {"no object", REVIEW("v1", "\"operation\":\"CREATE\""), "must be"},
        {"another kind",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","
         "\"kind\":{\"kind\":\"Pod\"},\"operation\":\"CREATE\"}}",
         "request.kind: this webhook has no rules for the kind Pod"},
        {"no kind",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","
         "\"operation\":\"CREATE\"}}",
         "request.kind: this webhook has no rules for the kind \"\""},
        {"another kind is deleted",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","
         "\"kind\":{\"kind\":\"Pod\"},\"operation\":\"DELETE\"}}",
         NULL},
        {"no uid",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{}}",
         "request.uid: missing"},
        {"a request of nonsense",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","
         "\"kind\":{\"kind\":\"Istio\"},\"operation\":\"CREATE\",\"object\":[1],\"namespace\":7,\"name\":{}}}",
         "must be"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *says = refusal(cases[i].review, &nothing_observed);
        if (cases[i].says ? !strstr(says, cases[i].says) : *says)
            fail_msg("%s: \"%s\"", cases[i].name, says);
    }
}

static void test_a_version_that_this_kubernetes_cannot_run(void **state)
{
    const struct admission_context newer = {.kubernetes_minor = 22};
    _cleanup_free_ char *says = refusal(CREATE("{}"), &newer);

    (void)state;
    assert_non_null(strstr(says, "1.22"));
}

static void test_an_overlay_has_to_fit(void **state)
{
    static const char review[] =
        CREATE("{\"overlays\":[{\"kind\":\"Service\",\"name\":\"istio-pilot\",\"patches\":[{\"op\":\"remove\","
               "\"path\":\"/spec/nothing\"}]}]}");
    const char *versions[KIND_COUNT];
    const struct admission_context known = {.kubernetes_minor = 20, .versions = versions};
    _cleanup_free_ char *says = NULL, *sample = NULL, *nameless = NULL, *before = refusal(review, &nothing_observed);

    (void)state;
    mesh_versions_for(20, versions);
    says = refusal(review, &known);
    sample = refusal(CREATE("{}"), &known);
    nameless = refusal(
        REVIEW(
            "v1",
            "\"operation\":\"CREATE\",\"object\":{\"apiVersion\":"
            "\"istio.banzaicloud.io/v1beta1\",\"kind\":\"Istio\",\"metadata\":"
            "{\"uid\":\"u\",\"namespace\":\"mesh\"}}"),
        &known);
    assert_non_null(strstr(says, "spec.overlays[0]"));
    assert_string_equal(sample, "");
    assert_string_equal(nameless, "");
    /* Without a word from the server of what it serves the controller finds it. */
    assert_string_equal(before, "");
}

static void test_the_namespace_of_the_request_counts(void **state)
{
    static const char review[] = REVIEW(
        "v1",
        "\"operation\":\"CREATE\",\"object\":{\"apiVersion\":\"istio.banzaicloud.io/v1beta1\","
        "\"kind\":\"Istio\",\"metadata\":{\"name\":\"istio\"},"
        "\"spec\":{\"autoInjectionNamespaces\":[\"istio-system\"]}}");
    _cleanup_free_ char *says = refusal(review, &nothing_observed);

    (void)state;
    assert_non_null(strstr(says, "the control plane's own namespace"));
}

static void observe(struct kube_cache *cache, const char *text)
{
    _cleanup_json_ json_t *object = NULL;
    struct err e;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &object, &e), 0);
    assert_true(kube_cache_put(cache, mesh_kind(KIND_ISTIO), object));
}

#define OTHER(metadata)                                                                                                \
    "{\"apiVersion\":\"istio.banzaicloud.io/v1beta1\",\"kind\":\"Istio\",\"metadata\":{\"name\":\"first\","            \
    "\"namespace\":\"mesh\",\"uid\":\"7\",\"resourceVersion\":\"1\"" metadata "}}"

static void test_a_second_mesh_is_refused(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    const struct admission_context context = {.kubernetes_minor = 20, .observed = cache};
    _cleanup_free_ char *alone = refusal(CREATE("{}"), &context), *second = NULL, *update = NULL;

    (void)state;
    assert_string_equal(alone, "");
    observe(cache, OTHER(""));
    second = refusal(CREATE("{}"), &context);
    assert_string_equal(
        second,
        "kind: a cluster has one mesh, and it is there already: Istio mesh/first. Change that one, or delete it first");
    update = refusal(UPDATE("", "{\"mtls\":true}", "{}"), &context);
    assert_string_equal(update, "");
}

/* The review follows the planner's rule: what an operator elsewhere put here is no mesh of this cluster. */
static void test_a_resource_of_another_operator_is_no_mesh(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    const struct admission_context context = {.kubernetes_minor = 20, .observed = cache};
    _cleanup_free_ char *says = NULL;

    (void)state;
    observe(cache, OTHER(",\"annotations\":{\"" MESH_REMOTE_OF "\":\"central\"}"));
    says = refusal(CREATE("{}"), &context);
    assert_string_equal(says, "");
}

#define REMOTE(operation, ns, spec, old)                                                                               \
    "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u1\","                \
    "\"kind\":{\"group\":\"istio.banzaicloud.io\",\"version\":\"v1beta1\",\"kind\":\"RemoteIstio\"},"                  \
    "\"namespace\":\"" ns "\",\"name\":\"west\",\"operation\":\"" operation                                            \
    "\",\"object\":" REMOTE_ISTIO(ns, spec) ",\"oldObject\":" old "}}"
#define REMOTE_ISTIO(ns, spec)                                                                                         \
    "{\"apiVersion\":\"istio.banzaicloud.io/v1beta1\",\"kind\":\"RemoteIstio\",\"metadata\":{\"name\":\"west\","       \
    "\"namespace\":\"" ns "\"},\"spec\":" spec "}"

/* Clusters that join: the mesh at hand is Istio mesh/first. */
static void test_remote_clusters(void **state)
{
    static const struct {
        const char *name, *review;
        const char *says; /* part of the refusal; NULL: allowed */
    } cases[] = {
        {"nothing said", REMOTE("CREATE", "mesh", "{}", "null"), NULL},
        {"another namespace",
         REMOTE("CREATE", "elsewhere", "{}", "null"),
         "metadata.namespace: must be mesh, where the mesh is that it joins, but is elsewhere"},
        {"a selector",
         REMOTE("CREATE", "mesh", "{\"enabledServices\":[{\"name\":\"a\",\"labelSelector\":\"b in c\"}]}", "null"),
         "spec.enabledServices[0].labelSelector: must be a label selector"},
        {"own namespace",
         REMOTE("CREATE", "mesh", "{\"autoInjectionNamespaces\":[\"mesh\"]}", "null"),
         "the control plane's own namespace"},
        {"an update to something bad",
         REMOTE("UPDATE", "mesh", "{\"pause\":1}", REMOTE_ISTIO("mesh", "{}")),
         "spec.pause: must be true or false"},
        {"an update of something bad", REMOTE("UPDATE", "mesh", "{}", REMOTE_ISTIO("mesh", "{\"pause\":1}")), NULL},
        {"a bad spec that stays",
         REMOTE("UPDATE", "mesh", "{\"pause\":1}", REMOTE_ISTIO("mesh", "{\"pause\":1}")),
         NULL},
        {"an update after the mesh moved",
         REMOTE("UPDATE", "elsewhere", "{\"pause\":true}", REMOTE_ISTIO("elsewhere", "{}")),
         NULL},
    };
    _cleanup_kube_cache_ struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    const struct admission_context context = {.kubernetes_minor = 20, .observed = cache};
    _cleanup_free_ char *before = refusal(cases[1].review, &context);

    (void)state;
    assert_string_equal(before, ""); /* no mesh is known */
    observe(cache, OTHER(""));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *says = refusal(cases[i].review, &context);
        if (cases[i].says ? !strstr(says, cases[i].says) : *says)
            fail_msg("%s: \"%s\"", cases[i].name, says);
    }
}

static void test_a_mesh_that_goes_makes_room(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    const struct admission_context context = {.kubernetes_minor = 20, .observed = cache};
    _cleanup_free_ char *says = NULL;

    (void)state;
    observe(cache, OTHER(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"finalizers\":[\"x\"]"));
    says = refusal(CREATE("{}"), &context);
    assert_string_equal(says, "");
}

static void test_a_creation_that_was_sent_twice_meets_itself(void **state)
{
    _cleanup_kube_cache_ struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    const struct admission_context context = {.kubernetes_minor = 20, .observed = cache};
    _cleanup_free_ char *says = NULL;

    (void)state;
    observe(cache, ISTIO(",\"uid\":\"7\",\"resourceVersion\":\"1\"", "{}"));
    says = refusal(CREATE("{}"), &context);
    assert_string_equal(says, "");
}

static void test_the_answer_is_what_was_asked_in(void **state)
{
    _cleanup_json_ json_t *v1 = ask(CREATE(BAD), &nothing_observed),
                          *v1beta1 =
                              ask(REVIEW("v1beta1", "\"operation\":\"CREATE\",\"object\":" ISTIO("", BAD)),
                                  &nothing_observed);

    (void)state;
    assert_string_equal(doc_string(v1, "apiVersion"), "admission.k8s.io/v1");
    assert_string_equal(doc_string(v1beta1, "apiVersion"), "admission.k8s.io/v1beta1");
    assert_string_equal(doc_string(v1, "kind"), "AdmissionReview");
    assert_string_equal(doc_string(v1, "response", "uid"), "u1");
    assert_int_equal(doc_int(doc_at(v1, "response", "status", "code"), 0), 422);
}

static void test_warnings_where_they_can_be_carried(void **state)
{
    _cleanup_json_ json_t *v1 = ask(CREATE("{\"mtlss\":true}"), &nothing_observed);
    _cleanup_json_ json_t *v1beta1 =
        ask(REVIEW("v1beta1", "\"operation\":\"CREATE\",\"object\":" ISTIO("", "{\"mtlss\":true}")), &nothing_observed);
    const char *warning = json_string_value(json_array_get(doc_at(v1, "response", "warnings"), 0));

    (void)state;
    assert_true(doc_bool(doc_at(v1, "response", "allowed"), false));
    assert_non_null(warning);
    assert_non_null(strstr(warning, "spec.mtlss"));
    assert_true(doc_bool(doc_at(v1beta1, "response", "allowed"), false));
    assert_null(doc_at(v1beta1, "response", "warnings"));
}

static void test_many_long_warnings_are_cut(void **state)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_json_ json_t *answer = NULL;
    json_t *warning;
    size_t i;

    (void)state;
    buf_add_str(
        &text,
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","
        "\"kind\":{\"kind\":\"Istio\"},\"operation\":\"CREATE\",\"object\":{\"apiVersion\":"
        "\"istio.banzaicloud.io/v1beta1\",\"kind\":\"Istio\",\"metadata\":{\"name\":\"a\"},\"spec\":{");
    for (int n = 0; n < 500; n++) {
        buf_printf(&text, "%s\"k%d", n ? "," : "", n);
        for (int k = 0; k < 300; k++)
            buf_add_str(&text, "\xc3\xa4");
        buf_add_str(&text, "\":1");
    }
    buf_add_str(&text, "}}}}");
    answer = ask(buf_str(&text), &nothing_observed);
    assert_in_range(json_array_size(doc_at(answer, "response", "warnings")), 1, 16);
    json_array_foreach(doc_at(answer, "response", "warnings"), i, warning)
        assert_in_range(json_string_length(warning), 1, 256);
}

static void test_what_is_no_review(void **state)
{
    static const char *const cases[] = {
        "",
        "hello",
        "{",
        "[]",
        "null",
        "{}",
        "{\"apiVersion\":\"v1\",\"kind\":\"AdmissionReview\",\"request\":{}}",
        "{\"apiVersion\":\"admission.k8s.io/v2\",\"kind\":\"AdmissionReview\",\"request\":{}}",
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"Pod\",\"request\":{}}",
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"}",
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":[]}",
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{}} more",
        "\xff\xfe",
    };
    struct admission_verdict verdict;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(admission_review(cases[i], strlen(cases[i]), &nothing_observed, &verdict, &e), -1);
        assert_int_equal(e.class, ERR_INVALID);
    }
}

/* An array in front of which stands what is repeated. */
static enum err_class class_of(const char *unit, size_t count, const char *end)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct admission_verdict verdict;
    struct err e = {0};

    buf_add_str(&text, "[");
    for (size_t i = 0; i < count; i++)
        buf_add_str(&text, unit);
    buf_add_str(&text, end);
    assert_int_equal(admission_review(buf_str(&text), text.len, &nothing_observed, &verdict, &e), -1);
    return e.class;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(class_of("\"0123456789\"", ADMISSION_MAX_BYTES / 10, "]"), ERR_LIMIT);
    assert_int_equal(class_of("0,", 1000000, "0]"), ERR_LIMIT);
    assert_int_equal(class_of("{},", 500000, "0]"), ERR_LIMIT);
    assert_int_equal(class_of("[", 50000, ""), ERR_INVALID);
    assert_int_equal(class_of("[", 1000000, ""), ERR_LIMIT);
    /* Within a string it is only text. */
    assert_int_equal(class_of("\"\\\"", 1, ",,,,[[[[{{{{\"]"), ERR_INVALID);
}

/* A kind without rules would be refused as a whole, and a definition without a row never be reconciled. */
static void test_every_kind_has_rules(void **state)
{
    size_t count = 0;

    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++, count++) {
        const struct reconciler *row = operator_kinds_find((*r)->kind);
        if (!row || row->resource != *r || !row->check)
            fail_msg("%s has no rules", (*r)->kind);
    }
    for (const struct reconciler *const *row = operator_kinds.rows; *row; row++, count--)
        ;
    assert_int_equal(count, 0);
}

#define OVERLAY(value)                                                                                                 \
    CREATE("{\"overlays\":[{\"kind\":\"Service\",\"name\":\"istio-pilot\",\"patches\":[{\"op\":\"add\","               \
           "\"path\":\"/spec/a\",\"value\":" value "}]}]}")

/* The API server asks about what it is going to store; a webhook that answers with an error is ignored. */
static void test_what_a_parser_refuses_is_denied_with_its_path(void **state)
{
#define TEN "[[[[[[[[[["
#define NET "]]]]]]]]]]"
#define FIFTY TEN TEN TEN TEN TEN
#define YTFIF NET NET NET NET NET
    static const struct {
        const char *review, *says;
    } cases[] = {
        {OVERLAY("{\"x\":{\"a\\u0000\":1,\"a\\ufffd\":[1]},\"y\":1}"),
         "spec.overlays[0].patches[0].value.x: must not have the character \\u0000 in a key"},
        {OVERLAY("{\"x\":" FIFTY FIFTY FIFTY "12345678901234567890" YTFIF YTFIF YTFIF "}"),
         ": must not be nested so deep: the object is nested deeper than 128"},
        {CREATE("{\"includeIPRanges\":12345678901234567890}"), "spec.includeIPRanges: must be"},
        {CREATE("{\"mtls\":{\"a\\u0000\":1}}"), "spec.mtls: must"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *says = refusal(cases[i].review, &nothing_observed);
        if (!strstr(says, cases[i].says))
            fail_msg("%s: \"%s\"", cases[i].says, says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_rules),
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_a_version_that_this_kubernetes_cannot_run),
        cmocka_unit_test(test_an_overlay_has_to_fit),
        cmocka_unit_test(test_the_namespace_of_the_request_counts),
        cmocka_unit_test(test_a_second_mesh_is_refused),
        cmocka_unit_test(test_a_resource_of_another_operator_is_no_mesh),
        cmocka_unit_test(test_remote_clusters),
        cmocka_unit_test(test_a_mesh_that_goes_makes_room),
        cmocka_unit_test(test_a_creation_that_was_sent_twice_meets_itself),
        cmocka_unit_test(test_the_answer_is_what_was_asked_in),
        cmocka_unit_test(test_warnings_where_they_can_be_carried),
        cmocka_unit_test(test_many_long_warnings_are_cut),
        cmocka_unit_test(test_what_a_parser_refuses_is_denied_with_its_path),
        cmocka_unit_test(test_what_is_no_review),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
