/* Overlays: what they make of the objects, and what is said where they do not apply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "world.h"

#define OVERLAY(kind, name, patches) "{\"kind\": \"" kind "\", \"name\": \"" name "\", \"patches\": [" patches "]}"
#define ADD(path, value) "{\"op\": \"add\", \"path\": \"" path "\", \"value\": " value "}"
#define DIGEST "/spec/template/metadata/annotations/checksum~1config-volume"

/* The resource with these overlays, as it is in a cluster; NULL and the problems' text where it is refused. */
static struct desired_set *build(const char *overlays, struct buf *refusal)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_free_ char *text = str_printf(
        "{\"apiVersion\": \"" API_GROUP_VERSION "\", \"kind\": \"Istio\","
        " \"metadata\": {\"name\": \"istio\", \"namespace\": \"" NS "\","
        " \"uid\": \"u\"}, \"spec\": {\"overlays\": [%s]}}",
        overlays);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_json_ json_t *resource = NULL;
    struct desired_set *desired = NULL;

    assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &resource, NULL), 0);
    mesh_versions_for(20, versions);
    desired = mesh_desired_objects(resource, 20, versions, &problems);
    if (!desired)
        problems_text(&problems, PROBLEM_ERROR, "\n", refusal);
    return desired;
}

static json_t *object_of(const struct desired_set *desired, const char *key)
{
    const struct desired *w = NULL;
    json_t *object = NULL;

    for (size_t i = 0; i < desired->len && !w; i++) {
        const struct desired *one = &desired->items[i];
        _cleanup_free_ char *its = object_key(one->kind, one->ns, one->name);
        if (str_eq(its, key))
            w = one;
    }
    assert_non_null(w);
    assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &object, NULL), 0);
    return object;
}

static void overlays_change_what_they_name_and_nothing_else(void **state)
{
    static const struct {
        const char *overlays, *key;
        const char *path[5];
        const char *value; /* JSON */
    } cases[] = {
        {OVERLAY("Deployment", "istio-pilot", ADD("/spec/paused", "true")),
         "Deployment/" NS "/istio-pilot",
         {"spec", "paused"},
         "true"},
        {OVERLAY("ClusterRole", "istio-pilot-" NS, ADD("/rules", "[]")),
         "ClusterRole/istio-pilot-" NS,
         {"rules"},
         "[]"},
        /* Several on one object, in their order. */
        {OVERLAY("Service", "istio-pilot", ADD("/spec/type", "\"NodePort\"")) "," OVERLAY(
             "Service",
             "istio-pilot",
             "{\"op\": \"test\", \"path\": \"/spec/type\", \"value\": \"NodePort\"}," ADD(
                 "/spec/type", "\"LoadBalancer\"")),
         "Service/" NS "/istio-pilot",
         {"spec", "type"},
         "\"LoadBalancer\""},
        /* Our marks come last. */
        {OVERLAY("Service", "istio-pilot", ADD("/metadata/labels", "{\"istio.banzaicloud.io/owner\": \"other\"}")),
         "Service/" NS "/istio-pilot",
         {"metadata", "labels", MARK_OWNER},
         "\"u\""},
        {"{\"kind\": \"Service\", \"name\": \"istio-pilot\", \"namespace\": \"" NS
         "\", \"patches\": [" ADD("/spec/sessionAffinity", "\"ClientIP\"") "]}",
         "Service/" NS "/istio-pilot",
         {"spec", "sessionAffinity"},
         "\"ClientIP\""},
        /* What kubectl apply makes of a null, and what create and replace do, is the same. */
        {OVERLAY(
             "Deployment", "istio-pilot", ADD("/spec/strategy", "{\"type\": \"Recreate\", \"rollingUpdate\": null}")),
         "Deployment/" NS "/istio-pilot",
         {"spec", "strategy"},
         "{\"type\":\"Recreate\"}"},
        {OVERLAY(
             "Deployment",
             "istio-pilot",
             "{\"op\": \"test\", \"path\": \"/spec/selector\", \"value\": {\"matchLabels\": {\"app\": \"pilot\", "
             "\"istio\": \"pilot\"}, "
             "\"matchExpressions\": null}}," ADD(
                 "/spec/template/spec/tolerations", "[{\"operator\": \"Exists\", \"key\": null}]")),
         "Deployment/" NS "/istio-pilot",
         {"spec", "template", "spec", "tolerations"},
         "[{\"operator\":\"Exists\"}]"},
    };
    _cleanup_desired_ struct desired_set *plain = build("", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_buf_ struct buf refusal = BUF_INIT;
        _cleanup_desired_ struct desired_set *desired = build(cases[i].overlays, &refusal);
        _cleanup_json_ json_t *object = NULL;
        _cleanup_free_ char *value = NULL;
        size_t different = 0;

        assert_string_equal(buf_str(&refusal), "");
        object = object_of(desired, cases[i].key);
        value = doc_text(doc_at_(object, cases[i].path));
        assert_string_equal(value, cases[i].value);
        assert_int_equal(desired->len, plain->len);
        for (size_t k = 0; k < desired->len; k++)
            different += desired->items[k].hash != plain->items[k].hash;
        assert_int_equal(different, 1);
    }
}

static void what_does_not_apply_is_named(void **state)
{
    static const struct {
        const char *overlays, *refusal;
    } cases[] = {
        {OVERLAY("Deployment", "istio-pilot", ADD("/spec/nothing/here", "1")),
         "spec.overlays[0].patches[0].path: \"/spec/nothing\" does not exist in Deployment istio-pilot"},
        {OVERLAY("Service", "istio-pilot", ADD("/spec/type", "\"NodePort\"")) "," OVERLAY(
             "Service",
             "istio-ingressgateway",
             ADD("/spec/type",
                 "\"NodePort\"") ","
                                 "{\"op\": \"test\", \"path\": \"/spec/type\", \"value\": \"ClusterIP\"}"),
         "spec.overlays[1].patches[1].value: \"/spec/type\" has another value in Service istio-ingressgateway"},
        {OVERLAY("Service", "istio-pilto", ADD("/spec/type", "\"NodePort\"")),
         "spec.overlays[0].name: must be that of a Service of this mesh (istio-citadel, istio-egressgateway, "
         "istio-galley, istio-ingressgateway, istio-pilot, istio-policy, istio-sidecar-injector, "
         "istio-telemetry), but is istio-pilto"},
        {"{\"kind\": \"Service\", \"name\": \"istio-pilot\", \"namespace\": \"default\", \"patches\": [" ADD(
             "/spec/type", "\"NodePort\"") "]}",
         "spec.overlays[0].namespace: must be the mesh's own, istio-system, but is default"},
        {"{\"kind\": \"ClusterRole\", \"name\": \"istio-pilot-" NS "\", \"namespace\": \"" NS
         "\", \"patches\": [" ADD("/rules", "[]") "]}",
         "spec.overlays[0].namespace: must be left out: a ClusterRole is in no namespace"},
        {OVERLAY("Service", "istio-pilot", ADD("/metadata/labels", "{\"a\": 1}")),
         "spec.overlays[0].patches[0]: must leave Service istio-pilot valid: metadata.labels.a: must be the value of a "
         "label (at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit), but is 1: write "
         "it in quotes"},
        {OVERLAY(
             "Service",
             "istio-ingressgateway",
             ADD("/spec/ports/-", "{\"name\": \"dns\", \"port\": 53, \"protocol\": \"UDP\"}")),
         "spec.overlays[0].patches[0]: must leave Service istio-ingressgateway valid: spec.ports[8].protocol: must be "
         "the same for all ports with type LoadBalancer"},
        /* Told at the patch that is to blame. */
        {OVERLAY(
             "Deployment",
             "istio-pilot",
             ADD("/spec/paused",
                 "true") "," ADD("/spec/template/spec/nodeSelectors", "{\"a\": \"b\"}") "," ADD("/spec/replicas", "2")),
         "spec.overlays[0].patches[1]: must leave Deployment istio-pilot valid: spec.template.spec.nodeSelectors: is "
         "no "
         "field of PodSpec and would be dropped; did you mean nodeSelector?"},
        {OVERLAY("Deployment", "istio-pilot", ADD("/spec/paused", "true")) "," OVERLAY(
             "Deployment", "istio-pilot", "{\"op\": \"remove\", \"path\": \"/spec/template/spec/volumes/0\"}"),
         "spec.overlays[1].patches: must leave Deployment istio-pilot valid: "
         "spec.template.spec.containers[0].volumeMounts[0].name: must be that of a volume of the Pod, but is "
         "config-volume"},
        {OVERLAY("Service", "istio-pilot", ADD("/spec/ports/0/nodePort", "30000")),
         "spec.overlays[0].patches[0]: must leave Service istio-pilot valid: spec.ports[0].nodePort: must be left out "
         "with type ClusterIP"},
        {OVERLAY("MeshPolicy", "default", ADD("/metadata/annotations", "{\"a\": true}")),
         "spec.overlays[0].patches[0]: must leave MeshPolicy default valid: metadata.annotations.a: must be text of at "
         "most 262144 characters, but is true: write it in quotes"},
        /* All together. */
        {OVERLAY("Service", "istio-pilot", "{\"op\": \"remove\", \"path\": \"/spec/x\"}") "," OVERLAY(
             "ClusterRole", "istio-pilot-" NS, "{\"op\": \"remove\", \"path\": \"/x\"}"),
         "spec.overlays[0].patches[0].path: \"/spec/x\" does not exist in Service istio-pilot\n"
         "spec.overlays[1].patches[0].path: \"/x\" does not exist in ClusterRole istio-pilot-istio-system"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_buf_ struct buf refusal = BUF_INIT;
        assert_null(build(cases[i].overlays, &refusal));
        assert_string_equal(buf_str(&refusal), cases[i].refusal);
    }
}

static void a_kind_of_no_object_is_answered_by_those_that_have_some(void **state)
{
    _cleanup_buf_ struct buf refusal = BUF_INIT;

    (void)state;
    assert_null(build(OVERLAY("Pod", "istio-pilot", ADD("/x", "1")), &refusal));
    assert_true(str_starts(buf_str(&refusal), "spec.overlays[0].kind: must be a kind that this mesh has objects of ("));
    assert_non_null(strstr(buf_str(&refusal), ", Service, Deployment, "));
    assert_true(str_ends(buf_str(&refusal), "), but is Pod"));
}

static void a_bloated_object_is_refused(void **state)
{
    _cleanup_buf_ struct buf overlay = BUF_INIT, refusal = BUF_INIT;

    (void)state;
    buf_add_str(&overlay, "{\"kind\": \"ConfigMap\", \"name\": \"istio\", \"patches\": [");
    for (int i = 0; i < 40; i++)
        buf_printf(&overlay, "%s{\"op\": \"copy\", \"from\": \"/data\", \"path\": \"/data/x%d\"}", i ? "," : "", i);
    buf_add_str(&overlay, "]}");
    assert_null(build(buf_str(&overlay), &refusal));
    assert_non_null(strstr(buf_str(&refusal), "spec.overlays[0].patches"));
}

static char *digest(const char *overlays)
{
    _cleanup_buf_ struct buf refusal = BUF_INIT;
    _cleanup_desired_ struct desired_set *desired = build(overlays, &refusal);
    _cleanup_json_ json_t *pilot = NULL;

    assert_string_equal(buf_str(&refusal), "");
    pilot = object_of(desired, "Deployment/" NS "/istio-pilot");
    return str_dup(doc_string(pilot, "spec", "template", "metadata", "annotations", "checksum/config-volume"));
}

static void a_changed_config_replaces_the_pods_that_read_it_once(void **state)
{
    _cleanup_free_ char *plain = digest(""),
                        *changed = digest(OVERLAY("ConfigMap", "istio", ADD("/data/mesh", "\"x: 1\""))),
                        *other = digest(OVERLAY("ConfigMap", "istio-galley-configuration", ADD("/data/x", "\"y\""))),
                        *own = digest(OVERLAY("Deployment", "istio-pilot", ADD(DIGEST, "\"mine\"")) "," OVERLAY(
                            "ConfigMap", "istio", ADD("/data/mesh", "\"x: 1\"")));

    (void)state;
    assert_int_equal(strlen(plain), 64);
    assert_string_not_equal(plain, changed);
    assert_string_equal(plain, other);
    assert_string_equal(own, "mine");
}

/* What is there stays as it was when an overlay does not apply, and the status says why. */
static void a_refused_overlay_changes_nothing(void **state)
{
    _cleanup_free_ char *message = NULL, *actions = NULL, *word = NULL;
    struct world w;
    struct plan plan;

    (void)state;
    world_init(&w);
    world_put_mesh(&w, "{}");
    assert_true(world_converge(&w) >= 0);
    world_put_mesh(&w, "{\"mtls\": true, \"overlays\": [" OVERLAY("Service", "istio-pilot", ADD("/x/y", "1")) "]}");
    plan = world_plan(&w);
    actions = world_describe(&plan);
    assert_string_equal(actions, "");
    world_act(&w, &plan);
    plan_release(&plan);
    word = world_status(&w, "Status");
    message = world_status(&w, "ErrorMessage");
    assert_string_equal(word, "ReconcileFailed");
    assert_string_equal(message, "spec.overlays[0].patches[0].path: \"/x\" does not exist in Service istio-pilot");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlays_change_what_they_name_and_nothing_else),
        cmocka_unit_test(what_does_not_apply_is_named),
        cmocka_unit_test(a_kind_of_no_object_is_answered_by_those_that_have_some),
        cmocka_unit_test(a_bloated_object_is_refused),
        cmocka_unit_test(a_changed_config_replaces_the_pods_that_read_it_once),
        cmocka_unit_test(a_refused_overlay_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
