#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/discovery.h"

static const struct kube_kind rows[] = {
    {.kind = "Service", .plural = "services", .group = "", .versions = {{"v1", 0, 0}}},
    {.kind = "ConfigMap", .plural = "configmaps", .group = "", .versions = {{"v1", 0, 0}}},
    {.kind = "CustomResourceDefinition",
     .is_definition = true,
     .plural = "customresourcedefinitions",
     .group = "apiextensions.k8s.io",
     .versions = {{"v1", 16, 0}, {"v1beta1", 7, 21}}},
    {.kind = "HorizontalPodAutoscaler",
     .plural = "horizontalpodautoscalers",
     .group = "autoscaling",
     .versions = {{"v2", 23, 0}, {"v2beta2", 12, 25}, {"v2beta1", 8, 24}}},
    {.kind = "Gateway",
     .plural = "gateways",
     .group = "networking.istio.io",
     .versions = {{"v1alpha3", 0, 0}},
     .custom = true},
    {.kind = "rule", .plural = "rules", .group = "config.istio.io", .versions = {{"v1alpha2", 0, 0}}, .custom = true},
};
static const struct kube_kind_table table = {rows, sizeof(rows) / sizeof(*rows)};
static const bool every_row[] = {true, true, true, true, true, true};

struct page {
    const char *path, *body;
};

static const struct page server_1_20[] = {
    {"/version", "{\"major\":\"1\",\"minor\":\"20+\",\"gitVersion\":\"v1.20.2\"}"},
    {"/apis", "{\"kind\":\"APIGroupList\",\"groups\":["
              "{\"name\":\"apiextensions.k8s.io\",\"versions\":[{\"version\":\"v1\"},{\"version\":\"v1beta1\"}]},"
              "{\"name\":\"autoscaling\",\"versions\":[{\"version\":\"v1\"},{\"version\":\"v2beta1\"},{\"version\":"
              "\"v2beta2\"}]},"
              "{\"name\":\"networking.istio.io\",\"versions\":[{\"version\":\"v1alpha3\"}]},"
              "{\"name\":\"batch\",\"versions\":[{\"version\":\"v1\"}]}]}"},
    {"/api/v1", "{\"resources\":[{\"name\":\"services\",\"kind\":\"Service\"},{\"name\":\"services/status\",\"kind\":"
                "\"Service\"},{\"name\":\"configmaps\",\"kind\":\"ConfigMap\"}]}"},
    {"/apis/apiextensions.k8s.io/v1",
     "{\"resources\":[{\"name\":\"customresourcedefinitions\",\"kind\":\"CustomResourceDefinition\"}]}"},
    {"/apis/apiextensions.k8s.io/v1beta1",
     "{\"resources\":[{\"name\":\"customresourcedefinitions\",\"kind\":\"CustomResourceDefinition\"}]}"},
    {"/apis/autoscaling/v2beta1",
     "{\"resources\":[{\"name\":\"horizontalpodautoscalers\",\"kind\":\"HorizontalPodAutoscaler\"}]}"},
    {"/apis/autoscaling/v2beta2",
     "{\"resources\":[{\"name\":\"horizontalpodautoscalers\",\"kind\":\"HorizontalPodAutoscaler\"}]}"},
    {"/apis/networking.istio.io/v1alpha3", "{\"resources\":[{\"name\":\"virtualservices\",\"kind\":"
                                           "\"VirtualService\"}]}"},
    {NULL, NULL},
};

/* Answers all that is asked for; returns the number of questions. Pages that are not there are absent. */
static int run(struct kube_discovery *d, const struct page *pages)
{
    const char *path;
    struct err e;
    int asked = 0;

    while ((path = kube_discovery_next(d))) {
        const struct page *page = pages;
        assert_false(kube_discovery_done(d));
        asked++;
        while (page->path && !str_eq(page->path, path))
            page++;
        if (!page->path)
            kube_discovery_absent(d, path);
        else if (kube_discovery_answer(d, path, page->body, strlen(page->body), &e) < 0)
            fail_msg("%s", e.text);
    }
    assert_true(kube_discovery_done(d));
    return asked;
}

static void the_best_version_that_both_speak_is_chosen(void **state)
{
    _cleanup_kube_discovery_ struct kube_discovery *d = kube_discovery_new(&table, every_row, true);
    int major = 0, minor = 0;

    (void)state;
    /* Not the resources of groups and versions that we do not know. */
    assert_int_equal(run(d, server_1_20), 8);
    assert_string_equal(kube_discovery_server(d, &major, &minor), "v1.20.2");
    assert_int_equal(major, 1);
    assert_int_equal(minor, 20);
    assert_string_equal(kube_discovery_version(d, &rows[0]), "v1");
    assert_string_equal(kube_discovery_version(d, &rows[1]), "v1");
    assert_string_equal(kube_discovery_version(d, &rows[2]), "v1");
    assert_string_equal(kube_discovery_version(d, &rows[3]), "v2beta2");
}

static void custom_kinds_without_definition_are_not_served(void **state)
{
    _cleanup_kube_discovery_ struct kube_discovery *d = kube_discovery_new(&table, every_row, true);

    (void)state;
    run(d, server_1_20);
    assert_null(kube_discovery_version(d, &rows[4])); /* its group is there, it is not */
    assert_null(kube_discovery_version(d, &rows[5]));
}

static void some_kinds_can_be_looked_for_alone(void **state)
{
    const bool desired[6] = {[4] = true};
    _cleanup_kube_discovery_ struct kube_discovery *d = kube_discovery_new(&table, desired, false);
    int major, minor;

    (void)state;
    assert_int_equal(run(d, server_1_20), 2);
    assert_null(kube_discovery_server(d, &major, &minor));
    assert_null(kube_discovery_version(d, &rows[0]));
}

static void a_group_that_goes_meanwhile_is_not_served(void **state)
{
    static const struct page pages[] = {
        {"/version", "{\"major\":\"1\",\"minor\":\"10\",\"gitVersion\":\"v1.10.0\"}"},
        {"/apis", "{\"groups\":[{\"name\":\"networking.istio.io\",\"versions\":[{\"version\":\"v1alpha3\"}]}]}"},
        {NULL, NULL},
    };
    _cleanup_kube_discovery_ struct kube_discovery *d = kube_discovery_new(&table, every_row, true);

    (void)state;
    run(d, pages);
    assert_null(kube_discovery_version(d, &rows[4]));
}

static void answers_without_sense_are_errors(void **state)
{
    static const struct page pages[] = {
        {"/version", ""},
        {"/version", "{}"},
        {"/version", "[]"},
        {"/version", "{\"major\":\"1\",\"minor\":\"x\",\"gitVersion\":\"v1\"}"},
        {"/version", "{\"major\":1,\"minor\":20,\"gitVersion\":\"v1\"}"},
        {"/version", "{\"major\":\"1\",\"minor\":\"99999999999999999999\",\"gitVersion\":\"v1\"}"},
        {"/apis", "{\"groups\":{}}"},
        {"/apis", "<html>"},
        {"/api/v1", "{\"resources\":7}"},
        {"/api/v1", "{}"},
        {"/apis/unheard/of", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        _cleanup_kube_discovery_ struct kube_discovery *d = kube_discovery_new(&table, every_row, true);
        struct err e;
        assert_int_equal(kube_discovery_answer(d, pages[i].path, pages[i].body, strlen(pages[i].body), &e), -1);
        assert_non_null(strstr(e.text, pages[i].path));
    }
}

static void odd_groups_and_resources_do_no_harm(void **state)
{
    static const struct page pages[] = {
        {"/version", "{\"major\":\"1\",\"minor\":\"20\",\"gitVersion\":\"v1\"}"},
        {"/apis", "{\"groups\":[null,7,{},{\"name\":\"autoscaling\"},{\"name\":\"autoscaling\",\"versions\":7}]}"},
        {"/api/v1", "{\"resources\":[null,[],{\"name\":\"services\"},{\"name\":\"configmaps\",\"kind\":7}]}"},
        {NULL, NULL},
    };
    _cleanup_kube_discovery_ struct kube_discovery *d = kube_discovery_new(&table, every_row, true);

    (void)state;
    run(d, pages);
    assert_null(kube_discovery_version(d, &rows[0]));
    assert_null(kube_discovery_version(d, &rows[1]));
}

static void definitions_say_what_they_serve(void **state)
{
    const struct kube_kind *gateway = &rows[4];
    static const struct {
        const char *text;
        bool is_of;
        const char *version;
    } cases[] = {
        {"{\"spec\":{\"group\":\"networking.istio.io\",\"names\":{\"plural\":\"gateways\"},\"version\":\"v1alpha3\"},"
         "\"status\":{\"conditions\":[{\"type\":\"NamesAccepted\",\"status\":\"True\"},{\"type\":\"Established\","
         "\"status\":\"True\"}]}}",
         true, "v1alpha3"},
        {"{\"spec\":{\"group\":\"networking.istio.io\",\"names\":{\"plural\":\"gateways\"},\"versions\":[{\"name\":"
         "\"v1beta1\",\"served\":true},{\"name\":\"v1alpha3\",\"served\":true}]},\"status\":{\"conditions\":[{\"type\":"
         "\"Established\",\"status\":\"True\"}]}}",
         true, "v1alpha3"},
        {"{\"spec\":{\"group\":\"networking.istio.io\",\"names\":{\"plural\":\"gateways\"},\"versions\":[{\"name\":"
         "\"v1alpha3\",\"served\":false}]},\"status\":{\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}"
         "}",
         true, NULL},
        {"{\"spec\":{\"group\":\"networking.istio.io\",\"names\":{\"plural\":\"gateways\"},\"version\":\"v1alpha3\"}}",
         true, NULL},
        {"{\"spec\":{\"group\":\"networking.istio.io\",\"names\":{\"plural\":\"gateways\"},\"version\":\"v1alpha3\"},"
         "\"status\":{\"conditions\":[{\"type\":\"Established\",\"status\":\"False\"}]}}",
         true, NULL},
        {"{\"metadata\":{\"deletionTimestamp\":\"x\"},\"spec\":{\"group\":\"networking.istio.io\",\"names\":{"
         "\"plural\":\"gateways\"},\"version\":\"v1alpha3\"},\"status\":{\"conditions\":[{\"type\":\"Established\","
         "\"status\":\"True\"}]}}",
         true, NULL},
        {"{\"spec\":{\"group\":\"gateway.networking.k8s.io\",\"names\":{\"plural\":\"gateways\"},\"version\":"
         "\"v1alpha3\"},\"status\":{\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}}",
         false, NULL},
        {"{}", false, NULL},
        {"[]", false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_json_ json_t *definition = json_loads(cases[i].text, 0, NULL);
        assert_non_null(definition);
        assert_int_equal(kube_definition_is_of(definition, gateway), cases[i].is_of);
        if (!str_eq(kube_definition_version(definition, gateway), cases[i].version))
            fail_msg("case %zu", i);
        assert_false(kube_definition_is_of(definition, &rows[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_version_that_both_speak_is_chosen),
        cmocka_unit_test(custom_kinds_without_definition_are_not_served),
        cmocka_unit_test(some_kinds_can_be_looked_for_alone),
        cmocka_unit_test(a_group_that_goes_meanwhile_is_not_served),
        cmocka_unit_test(answers_without_sense_are_errors),
        cmocka_unit_test(odd_groups_and_resources_do_no_harm),
        cmocka_unit_test(definitions_say_what_they_serve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
