/* Validation, held to the objects that follow: with values for every field, made from the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/kubernetes.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/remote/remote_check.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "values.h"
#include "world.h"

#define MINOR 20
#define TODAYS_MINOR 34

struct counts {
    const char **versions;
    struct map *seen; /* objects that were checked, by their text's hash */
    size_t accepted, refused;
    int minor;
};

static json_t *resource_with(const char *kind, const json_t *spec)
{
    return OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", kind),
        MAP("metadata", STRING("name", "istio"), STRING("namespace", NS)),
        VALUE("spec", doc_copy(spec)));
}

static void check_object(const char *path, const json_t *spec, const struct desired *w, struct counts *counts)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_json_ json_t *object = NULL;
    char hash[32];

    snprintf(hash, sizeof(hash), "%llx", (unsigned long long)w->hash);
    if (map_has(counts->seen, hash))
        return;
    map_put(counts->seen, hash, counts);
    assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &object, NULL), 0);
    /* Else an overlay may write anything into it. */
    if (!w->kind->custom && !kubernetes_find(doc_string(object, "apiVersion"), w->kind->kind))
        fail_msg("%s has no table", w->kind->kind);
    kubernetes_check(object, counts->minor, &problems);
    if (!problems.len)
        return;
    problems_text(&problems, PROBLEM_ERROR, "\n", &text);
    fail_msg(
        "%s is accepted in %s, and makes %s %s invalid:\n%s",
        path,
        doc_text(spec),
        w->kind->kind,
        w->name,
        buf_str(&text));
}

/* Fields that are wrong together are reported at one of them, in the same part of the spec. */
static void assert_problem_at(const char *path, const json_t *spec, const struct problems *problems)
{
    size_t part = strcspn(path + strlen("spec."), ".[");
    _cleanup_free_ char *start = str_dup_n(path, strlen("spec.") + part);

    assert_true(problems->errors > 0);
    for (size_t i = 0; i < problems->len; i++)
        if (!str_starts(problems->items[i].path, start))
            fail_msg(
                "%s is refused in %s at %s: %s",
                path,
                doc_text(spec),
                problems->items[i].path,
                problems->items[i].text);
}

static void check_istio(const char *path, const json_t *spec, void *context)
{
    struct counts *counts = context;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_json_ json_t *resource = resource_with("Istio", spec);
    _cleanup_desired_ struct desired_set *desired = NULL;

    desired = mesh_desired_objects(resource, counts->minor, counts->versions, &problems);
    if (!desired) {
        counts->refused++;
        assert_problem_at(path, spec, &problems);
        return;
    }
    counts->accepted++;
    for (size_t i = 0; i < desired->len; i++)
        check_object(path, spec, &desired->items[i], counts);
}

static void try_specs(const char *version, int minor)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_map_ struct map *seen = map_new(NULL);
    struct counts counts = {versions, seen, .minor = minor};

    mesh_versions_for(minor, versions);
    /* Of what there is much of nothing depends on these fields. */
    for (size_t i = 0; i < mesh_kinds.len; i++)
        if (mesh_kinds.rows[i].custom || str_eq(mesh_kinds.rows[i].kind, "CustomResourceDefinition"))
            versions[i] = NULL;
    values_each_spec(&api_resource_istio, version, check_istio, &counts);
    print_message("%zu accepted, %zu refused, %zu objects\n", counts.accepted, counts.refused, map_len(seen));
    assert_true(counts.accepted > 500 && counts.refused > 500);
}

static void what_a_mesh_is_accepted_with_gives_valid_objects(void **state)
{
    (void)state;
    try_specs(NULL, MINOR);
}

static void what_a_mesh_of_today_is_accepted_with_gives_valid_objects(void **state)
{
    (void)state;
    try_specs("1.31.1", TODAYS_MINOR);
}

static void check_remote(const char *path, const json_t *spec, void *context)
{
    struct counts *counts = context;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_json_ json_t *resource = resource_with("RemoteIstio", spec);
    _cleanup_istio_spec_ struct istio_spec *parsed = NULL;

    if (remote_check(resource, NULL, NS, NULL, &parsed, &problems) < 0) {
        counts->refused++;
        assert_problem_at(path, spec, &problems);
        return;
    }
    counts->accepted++;
}

static void what_is_wrong_with_a_remote_cluster_is_reported_at_its_field(void **state)
{
    struct counts counts = {0};

    (void)state;
    values_each_spec(&api_resource_remote_istio, NULL, check_remote, &counts);
    assert_true(counts.accepted > 100 && counts.refused > 100);
}

static void the_samples_of_objects_are_valid(void **state)
{
    _cleanup_json_ json_t *objects = values_objects();
    json_t *object;
    size_t i;

    (void)state;
    json_array_foreach(objects, i, object) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_buf_ struct buf text = BUF_INIT;
        kubernetes_check(object, MINOR, &problems);
        problems_text(&problems, PROBLEM_ERROR, "\n", &text);
        assert_string_equal(buf_str(&text), "");
        assert_non_null(kubernetes_find(doc_string(object, "apiVersion"), doc_string(object, "kind")));
    }
    assert_true(i > 10);
}

/* What is rendered by itself is valid on every Kubernetes that a release runs on. */
static void all_objects_of_a_mesh_are_valid(void **state)
{
    static const char *const specs[] = {
        "{\"version\":\"1.31.1\",\"mtls\":true,\"defaultPodDisruptionBudget\":{\"enabled\":true},"
        "\"proxy\":{\"privileged\":true},\"pilot\":{\"minReplicas\":2,\"env\":{\"A\":\"b\"}},"
        "\"gateways\":{\"egress\":{\"enabled\":true}},\"imagePullSecrets\":[\"a\"],"
        "\"cni\":{\"enabled\":true,\"platform\":\"GKE\"}}",
        "{\"version\":\"1.0.5\"}",
        "{\"version\":\"1.0.5\",\"mtls\":true,\"controlPlaneSecurityEnabled\":true,\"defaultPodDisruptionBudget\":{"
        "\"enabled\":true},"
        "\"proxy\":{\"privileged\":true,\"enableCoreDump\":true},\"imagePullSecrets\":[\"a\"]}",
    };
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        const struct mesh_release *release = mesh_release_find(i ? "1.0.5" : "1.31.1");
        for (int minor = release->kubernetes_min; minor <= release->kubernetes_max; minor++) {
            _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
            _cleanup_map_ struct map *seen = map_new(NULL);
            _cleanup_json_ json_t *spec = NULL, *resource = NULL;
            _cleanup_desired_ struct desired_set *desired = NULL;
            struct counts counts = {versions, seen, .minor = minor};
            assert_int_equal(doc_parse(specs[i], strlen(specs[i]), SIZE_MAX, &spec, NULL), 0);
            resource = resource_with("Istio", spec);
            mesh_versions_for(minor, versions);
            desired = mesh_desired_objects(resource, minor, versions, &problems);
            assert_non_null(desired);
            for (size_t k = 0; k < desired->len; k++)
                check_object("spec", spec, &desired->items[k], &counts);
            assert_true(map_len(seen) > (i ? 100 : 25));
        }
    }
}

/* An overlay's object, with its marks, must fit into what the server takes. */
static void objects_that_are_too_large_are_refused(void **state)
{
    static const struct {
        const char *name, *place;
        int count, length;
        const char *refusal; /* NULL: there is none */
    } cases[] = {
        {"data", "/data", 1, 1000000, NULL},
        {"too much data", "/data", 2, 600000, "data: must have at most 1048576 bytes in all, but has"},
        {"annotations", "/metadata/annotations", 2, 100000, NULL},
        {"too long annotations",
         "/metadata/annotations",
         3,
         100000,
         "metadata.annotations: must have at most 262144 bytes in all, but has"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
        _cleanup_free_ char *value = mem_new0(1, (size_t)cases[i].length + 1);
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_desired_ struct desired_set *desired = NULL;
        _cleanup_json_ json_t *patches = json_array(), *resource = NULL, *spec = NULL;
        memset(value, 'x', (size_t)cases[i].length);
        json_array_append_new(
            patches, OBJECT(STRING("op", "add"), STRING("path", "/metadata/annotations"), MAP("value")));
        for (int k = 0; k < cases[i].count; k++) {
            _cleanup_free_ char *key = str_printf("%s/key%d", cases[i].place, k);
            json_array_append_new(patches, OBJECT(STRING("op", "add"), STRING("path", key), STRING("value", value)));
        }
        spec = OBJECT(
            SEQ("overlays",
                ITEM(STRING("kind", "ConfigMap"), STRING("name", "istio"), VALUE("patches", json_incref(patches)))));
        resource = resource_with("Istio", spec);
        mesh_versions_for(MINOR, versions);
        desired = mesh_desired_objects(resource, MINOR, versions, &problems);
        if (!cases[i].refusal != !!desired)
            fail_msg("%s: %s", cases[i].name, desired ? "accepted" : problems.items[0].text);
        if (cases[i].refusal && !strstr(problems.items[0].text, cases[i].refusal))
            fail_msg("%s: %s", cases[i].name, problems.items[0].text);
    }
}

/* The list of an object's fields that the operator keeps in an annotation counts, too. */
static void objects_with_too_many_fields_are_refused(void **state)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *data = json_object(), *spec = NULL, *resource = NULL;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        _cleanup_free_ char *key = str_printf("%0*d", 100, i);
        json_object_set_new(data, key, json_string("x"));
    }
    spec = OBJECT(SEQ(
        "overlays",
        ITEM(
            STRING("kind", "ConfigMap"),
            STRING("name", "istio"),
            SEQ("patches", ITEM(STRING("op", "add"), STRING("path", "/data"), VALUE("value", json_incref(data)))))));
    resource = resource_with("Istio", spec);
    mesh_versions_for(MINOR, versions);
    assert_null(mesh_desired_objects(resource, MINOR, versions, &problems));
    assert_string_equal(problems.items[0].path, "spec.overlays[0].patches");
    assert_non_null(strstr(problems.items[0].text, "its annotations would have more than 262144 bytes"));
}

/* What is wrong is reported in the part of the object that differs. */
static void check_variant(const char *path, const json_t *document, void *context)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    size_t part = strcspn(path, ".["), *refused = context;

    /* By these the table is found. */
    if (str_eq(path, "apiVersion") || str_eq(path, "kind"))
        return;
    kubernetes_check(document, MINOR, &problems);
    for (size_t i = 0; i < problems.len; i++)
        if (strncmp(problems.items[i].path, path, part) != 0)
            fail_msg("%s is refused at %s: %s", path, problems.items[i].path, problems.items[i].text);
    *refused += problems.errors > 0;
}

static void variants_of_objects_are_reported_where_they_are(void **state)
{
    _cleanup_json_ json_t *objects = values_objects();
    json_t *object;
    size_t i;

    (void)state;
    json_array_foreach(objects, i, object) {
        size_t refused = 0;
        values_each_variant(object, check_variant, &refused);
        assert_true(refused > 100);
    }
}

/* What servers of some versions hold otherwise than others. */
static void an_object_is_held_to_the_rules_of_its_kubernetes(void **state)
{
    static const struct {
        const char *pod;       /* fields of the Pod's spec beside its container */
        const char *container; /* and of that */
        int refused, taken;    /* minor versions; 0: none is known that does */
    } cases[] = {
        {"", "\"env\":[{\"name\":\"a b\"}]", 31, 32},
        {"", "\"env\":[{\"name\":\"a=b\"}]", 32, 0},
        {"", "\"envFrom\":[{\"prefix\":\"1 \",\"secretRef\":{\"name\":\"a\"}}]", 31, 32},
        {"\"securityContext\":{\"sysctls\":[{\"name\":\"net/core/somaxconn\",\"value\":\"1\"}]}", "", 24, 25},
        {"\"hostNetwork\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"net.core.somaxconn\"}]}", "", 20, 0},
        {"\"hostNetwork\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"net/core/somaxconn\"}]}", "", 34, 0},
        {"\"hostNetwork\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.sem\"}]}", "", 0, 20},
        {"\"hostIPC\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.sem\"}]}", "", 34, 0},
        {"\"hostIPC\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.shmmax\"}]}", "", 34, 0},
        {"\"dnsConfig\":{\"searches\":[\"a_b\"]}", "", 32, 33},
        {"\"dnsConfig\":{\"searches\":[\".\"]}", "", 32, 33},
        {"\"dnsConfig\":{\"searches\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]}", "", 25, 26},
        {"", "\"securityContext\":{\"procMount\":\"\"}", 34, 0},
        {"", "\"securityContext\":{\"procMount\":\"Unmasked\"}", 34, 0},
        {"\"hostUsers\":false", "\"securityContext\":{\"procMount\":\"Unmasked\"}", 0, 34},
        {"\"volumes\":[{\"name\":\"a\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"path\":\"../a\"}}]}}]",
         "",
         20,
         0},
        {"\"workloadRef\":{\"name\":\"a\"}", "", 36, 35},
        {"\"schedulingGroup\":{\"podGroupName\":\"a\"}", "", 35, 36},
        {"\"evictionResponders\":[{\"name\":\"a.b/c\",\"priority\":1}]", "", 36, 37},
        {"\"noSuchField\":1", "", 37, 38}, /* it may have one */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = str_printf(
            "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"selector\":{"
            "\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{%s%"
            "s\"containers\":[{"
            "\"name\":\"a\",%s%s\"image\":\"a\"}]}}}}",
            cases[i].pod,
            *cases[i].pod ? "," : "",
            cases[i].container,
            *cases[i].container ? "," : "");
        _cleanup_json_ json_t *object = NULL;
        assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &object, NULL), 0);
        for (int taken = 0; taken < 2; taken++) {
            _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
            int minor = taken ? cases[i].taken : cases[i].refused;
            if (!minor)
                continue;
            kubernetes_check(object, minor, &problems);
            if ((problems.errors == 0) != taken)
                fail_msg(
                    "Kubernetes 1.%d %s %s%s", minor, taken ? "takes" : "refuses", cases[i].pod, cases[i].container);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_mesh_is_accepted_with_gives_valid_objects),
        cmocka_unit_test(what_a_mesh_of_today_is_accepted_with_gives_valid_objects),
        cmocka_unit_test(what_is_wrong_with_a_remote_cluster_is_reported_at_its_field),
        cmocka_unit_test(the_samples_of_objects_are_valid),
        cmocka_unit_test(all_objects_of_a_mesh_are_valid),
        cmocka_unit_test(objects_that_are_too_large_are_refused),
        cmocka_unit_test(objects_with_too_many_fields_are_refused),
        cmocka_unit_test(variants_of_objects_are_reported_where_they_are),
        cmocka_unit_test(an_object_is_held_to_the_rules_of_its_kubernetes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
