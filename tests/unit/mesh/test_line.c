/*
 * A second line of releases costs a folder and its rows: this program has the rows below instead of those of
 * src/mesh/releases.c, and all else is the program as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "base/str.h"
#include "controllers/remote/remote_check.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/v1_0/v1_0.h"
#include "v9_8/v9_8.h"
#include "world.h"

static const struct field_default chained[] = {{"spec.netMode", "chained"}, {NULL}};

const struct mesh_release mesh_releases[] = {
    {"9.8.2", &v9_8_line, 30, 37},
    {"9.8.1", &v9_8_line, 16, 37, chained},
    {"9.8.0", &v9_8_line, 16, 37},
    {"1.0.5", &v1_0_line, 10, 21},
    {NULL},
};

static json_t *resource_with(const char *kind, const char *spec)
{
    json_t *parsed;

    assert_int_equal(doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, NULL), 0);
    return OBJECT(STRING("apiVersion", API_GROUP_VERSION), STRING("kind", kind),
                  MAP("metadata", STRING("name", "istio"), STRING("namespace", NS)), VALUE("spec", parsed));
}

static int check(const char *spec, struct istio_spec **ret, struct problems *problems)
{
    _cleanup_json_ json_t *resource = resource_with("Istio", spec);

    return mesh_check(resource, 20, NULL, ret, problems);
}

/* --- the fields --- */

static void a_resource_is_read_by_the_table_of_its_line(void **state)
{
    static const struct {
        const char *spec, *mode; /* NULL: it is refused */
        const char *problem;     /* the first one; NULL: none */
    } cases[] = {
        {"{\"version\": \"9.8.0\"}", "plain", NULL},
        /* A default may be another one in a release. */
        {"{\"version\": \"9.8.1\"}", "chained", NULL},
        {"{\"version\": \"9.8.1\", \"netMode\": \"plain\"}", "plain", NULL},
        {"{\"version\": \"9.8.0\", \"netMode\": \"chained\", \"mtls\": true}", "chained", NULL},
        {"{\"version\": \"9.8.0\", \"netMode\": \"knotted\"}", NULL,
         "spec.netMode: must be one of plain, chained, but is the string \"knotted\""},
        /* The line's own rule. */
        {"{\"version\": \"9.8.1\", \"net\": {\"enabled\": false}}", NULL,
         "spec.netMode: must be plain, because net is disabled"},
        /* The fields of another line are unknown. */
        {"{\"version\": \"9.8.0\", \"galley\": {}}", "plain", "spec.galley: is no known field and is ignored"},
        {"{\"version\": \"9.8.0\", \"policy\": \"none\"}", "plain", NULL},
        {"{\"version\": \"9.8.0\", \"policy\": {}}", NULL, "spec.policy: must be text"},
        /* Each release has its range of Kubernetes. */
        {"{\"version\": \"9.8.2\"}", NULL,
         "spec.version: must be a version that runs on this cluster's Kubernetes 1.20, but 9.8.2 runs on 1.30 to 1.37"},
        {"{\"version\": \"9.9.1\"}", NULL, "spec.version: must be one of 9.8.2, 9.8.1, 9.8.0, 1.0.5, but is 9.9.1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
        _cleanup_istio_spec_ struct istio_spec *spec = NULL;
        _cleanup_free_ char *problem = NULL;

        assert_int_equal(check(cases[i].spec, &spec, &problems), cases[i].mode ? 0 : -1);
        if (cases[i].mode)
            assert_string_equal(((const struct v9_8_spec *)spec)->net_mode, cases[i].mode);
        assert_int_equal(problems.len, cases[i].problem ? 1 : 0);
        if (!cases[i].problem)
            continue;
        problem = str_printf("%s: %s", problems.items[0].path, problems.items[0].text);
        if (strncmp(problem, cases[i].problem, strlen(cases[i].problem)) != 0)
            fail_msg("%s: %s", cases[i].spec, problem);
    }
}

static void the_other_line_is_as_it_was(void **state)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;

    (void)state;
    assert_int_equal(check("{\"galley\": {\"enabled\": false}, \"netMode\": \"plain\"}", &spec, &problems), 0);
    assert_ptr_equal(spec->form, &v1_0_form);
    assert_string_equal(spec->version, "1.0.5");
    assert_false(v1_of(spec)->galley.enabled);
    assert_int_equal(problems.len, 1);
    assert_string_equal(problems.items[0].path, "spec.netMode");
}

static const json_t *field_of(const json_t *crd, const char *name)
{
    const json_t *version = json_array_get(doc_at(crd, "spec", "versions"), 0);

    return doc_at(version, "schema", "openAPIV3Schema", "properties", "spec", "properties", name);
}

static void the_definition_has_the_fields_of_all_lines(void **state)
{
    _cleanup_json_ json_t *crd = api_crd(&api_resource_istio, "v1");

    (void)state;
    /* Of all: with its default. */
    assert_true(json_is_false(doc_at(field_of(crd, "mtls"), "default")));
    /* Of one: the API server must keep it, and must not store its default in a resource of the other. */
    assert_string_equal(doc_string(field_of(crd, "netMode"), "type"), "string");
    assert_string_equal(doc_string(field_of(crd, "watchOneNamespace"), "type"), "boolean");
    assert_null(doc_at(field_of(crd, "watchOneNamespace"), "default"));
    assert_non_null(doc_at(field_of(crd, "galley"), "properties", "image"));
    assert_null(doc_at(field_of(crd, "proxy"), "properties", "privileged", "default"));
    /* They have it in common, and each has rows of its own in it. */
    assert_string_equal(doc_string(field_of(crd, "pilot"), "properties", "traceSampling", "type"), "number");
    /* They disagree. */
    assert_null(doc_at(field_of(crd, "policy"), "type"));
    assert_true(json_is_true(doc_at(field_of(crd, "policy"), "x-kubernetes-preserve-unknown-fields")));
}

static void the_reference_page_has_the_fields_of_all_lines(void **state)
{
    static const char *const expected[] = {"\n## spec of 9.8\n",  "| `netMode` | `plain`, `chained` |",
                                           "\n## Rules of 9.8\n", "\n## spec of 1.0\n",
                                           "| `galley` |",        "- `spec.netMode` in 9.8.1: `chained`\n"};
    _cleanup_buf_ struct buf page = BUF_INIT;

    (void)state;
    api_reference_markdown(&api_resource_istio, &page);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        if (!strstr(buf_str(&page), expected[i]))
            fail_msg("the page lacks %s", expected[i]);
}

static void a_line_that_joins_no_clusters_says_so(void **state)
{
    _cleanup_json_ json_t *remote = resource_with("RemoteIstio", "{}");
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;

    (void)state;
    assert_int_equal(remote_check(remote, NULL, NULL, "9.8.0", &spec, &problems), -1);
    assert_string_equal(problems.items[0].path, "kind");
    assert_int_equal(remote_check(remote, NULL, NULL, "1.0.5", &spec, &problems), 0);
}

static void lines_are_listed_once(void **state)
{
    const struct mesh_line *line;
    const struct mesh_made *made;
    size_t count = 0, position = 0;

    (void)state;
    assert_ptr_equal(mesh_line_next(&position), &v9_8_line);
    assert_ptr_equal(mesh_line_next(&position), &v1_0_line);
    line = mesh_line_next(&position);
    assert_null(line);
    for (size_t i = 0; (made = mesh_made_next(MESH_CENTRAL, &i)); count++)
        assert_string_not_equal(made->component, "net");
    assert_int_equal(count, 4);
    assert_ptr_equal(mesh_line_of("9.8.0"), &v9_8_line);
    assert_ptr_equal(mesh_line_of("9.8.7"), &v9_8_line);
    assert_ptr_equal(mesh_line_of(NULL), &v1_0_line);
    assert_ptr_equal(mesh_line_of("7"), &v1_0_line);
}

static void a_version_is_chosen_where_none_is_named(void **state)
{
    static const struct {
        const char *resource;
        int minor;
        const char *version;
    } cases[] = {
        /* The default one, where the Kubernetes runs it or is not known; else the newest that it runs. */
        {"{}", 0, "1.0.5"},
        {"{}", 10, "1.0.5"},
        {"{}", 21, "1.0.5"},
        {"{}", 22, "9.8.1"},
        {"{}", 29, "9.8.1"},
        {"{}", 30, "9.8.2"},
        {"{\"spec\": {}}", 34, "9.8.2"},
        {"{\"spec\": {\"version\": null}}", 34, "9.8.2"},
        /* None runs: the default one, which is then refused. */
        {"{}", 9, "1.0.5"},
        {"{}", 38, "1.0.5"},
        /* What is installed is kept, if it is known. */
        {"{\"status\": {\"version\": \"9.8.0\"}}", 34, "9.8.0"},
        {"{\"status\": {\"version\": \"1.0.5\"}}", 34, "1.0.5"},
        {"{\"status\": {\"version\": \"9.8.2\"}}", 20, "9.8.2"},
        {"{\"status\": {\"version\": \"9.8.9\"}}", 34, "9.8.9"},
        {"{\"status\": {\"version\": \"7.7.7\"}}", 34, "9.8.2"},
        {"{\"status\": {\"version\": 5}}", 34, "9.8.2"},
        /* What the resource names counts above all. */
        {"{\"spec\": {\"version\": \"9.8.0\"}, \"status\": {\"version\": \"9.8.2\"}}", 34, "9.8.0"},
        {"{\"spec\": {\"version\": \"1.0.5\"}}", 34, "1.0.5"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *resource;
        assert_int_equal(doc_parse(cases[i].resource, strlen(cases[i].resource), SIZE_MAX, &resource, NULL), 0);
        if (!str_eq(istio_version(resource, cases[i].minor), cases[i].version))
            fail_msg("%s on 1.%d: %s", cases[i].resource, cases[i].minor, istio_version(resource, cases[i].minor));
    }
}

/* --- planned --- */

static int setup(void **state)
{
    struct world *w = *state = NEW(struct world);

    world_init(w);
    return 0;
}

static int teardown(void **state)
{
    world_release(*state);
    free(*state);
    return 0;
}

static void expect_status(struct world *w, const char *expected)
{
    _cleanup_free_ char *status = world_status(w, "Status");

    assert_string_equal(status, expected);
}

static void roll_out_daemon_set(struct world *w, const char *name, int available)
{
    json_t *o = world_get(w, "apps/v1", "DaemonSet", NS, name);

    assert_non_null(o);
    json_object_set_new(o, "status",
                        OBJECT(INT("observedGeneration", doc_int(doc_at(o, "metadata", "generation"), 0)),
                               INT("desiredNumberScheduled", 3), INT("currentNumberScheduled", 3),
                               INT("updatedNumberScheduled", 3), INT("numberReady", available),
                               INT("numberAvailable", available)));
    world_put(w, o);
}

static char *argument_of_net(struct world *w)
{
    _cleanup_json_ json_t *o = world_get(w, "apps/v1", "DaemonSet", NS, "net");
    const json_t *container = json_array_get(doc_at(o, "spec", "template", "spec", "containers"), 0);

    return str_dup(json_string_value(json_array_get(doc_at(container, "args"), 0)));
}

/* "pilot Available 1/1\nnet Reconciling 2/3: ...\n" */
static char *component_lines(struct world *w)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    struct buf text = BUF_INIT;
    json_t *line;
    size_t i;

    json_array_foreach(doc_at(mesh, "status", "components"), i, line)
        buf_printf(&text, "%s %s %s%s%s\n", doc_string(line, "name"), doc_string(line, "status"),
                   str_or(doc_string(line, "ready"), "-"), doc_string(line, "message") ? ": " : "",
                   str_or(doc_string(line, "message"), ""));
    return buf_take(&text);
}

static void expect_components(struct world *w, const char *expected)
{
    _cleanup_free_ char *lines = component_lines(w);

    assert_string_equal(lines, expected);
}

static void its_mesh_is_installed_and_kept(void **state)
{
    struct world *w = *state;
    _cleanup_free_ char *mode = NULL, *later = NULL;

    world_put_mesh(w, "{\"version\": \"9.8.0\"}");
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "brain"));
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 1);
    assert_int_equal(world_count(w, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 0);
    mode = argument_of_net(w);
    assert_string_equal(mode, "plain");

    /* It is Available when all workloads are, whatever they are. */
    world_roll_out(w);
    roll_out_daemon_set(w, "net", 2);
    assert_true(world_converge(w) > 0);
    expect_status(w, "Reconciling");
    expect_components(w, "pilot Available 1/1\nnet Reconciling 2/3: DaemonSet net: 3 of 3 Pods updated, 2 available\n");
    roll_out_daemon_set(w, "net", 3);
    assert_true(world_converge(w) > 0);
    expect_status(w, "Available");
    expect_components(w, "pilot Available 1/1\nnet Available 3/3\n");
    assert_int_equal(world_converge(w), 0);

    world_delete(w, "apps/v1", "DaemonSet", NS, "net");
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "apps/v1", "DaemonSet", NS, "net"));

    /* Another release, in which the default is another one. */
    world_put_mesh(w, "{\"version\": \"9.8.1\"}");
    assert_true(world_converge(w) > 0);
    later = argument_of_net(w);
    assert_string_equal(later, "chained");

    world_put_mesh(w, "{\"version\": \"9.8.0\", \"net\": {\"enabled\": false}}");
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "DaemonSet"), 0);
    expect_components(w, "pilot Available 1/1\nnet Disabled -\n");
}

static void a_mesh_moves_from_line_to_line(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{}");
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 8);
    world_put_mesh(w, "{\"version\": \"9.8.0\"}");
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 1);
    assert_int_equal(world_count(w, "apps/v1", "DaemonSet"), 1);
    world_put_mesh(w, "{\"version\": \"1.0.5\"}");
    assert_true(world_converge(w) > 0);
    world_roll_out(w); /* gateways come after the control plane */
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 8);
    assert_int_equal(world_count(w, "apps/v1", "DaemonSet"), 0);
}

static void expect_version(struct world *w, const char *expected)
{
    _cleanup_free_ char *version = world_status(w, "version");

    assert_string_equal(version, expected);
}

static void a_mesh_without_a_version_keeps_the_one_it_has(void **state)
{
    struct world *w = *state;

    w->server.minor = 34;
    world_put_mesh(w, "{}");
    assert_true(world_converge(w) > 0);
    expect_version(w, "9.8.2");
    assert_int_equal(world_converge(w), 0);

    world_put_mesh(w, "{\"version\": \"9.8.1\"}");
    assert_true(world_converge(w) > 0);
    world_roll_out(w);
    world_put_daemons(w, NS, "net", 1, 1);
    assert_true(world_converge(w) > 0);
    world_put_mesh(w, "{}");
    world_converge(w);
    expect_version(w, "9.8.1");
    assert_int_equal(world_count(w, "apps/v1", "DaemonSet"), 1);

    /* Also by an operator that just started, and where another one would be chosen now. */
    mesh_memo_clear(w->memo);
    w->server.minor = 35;
    world_converge(w);
    expect_version(w, "9.8.1");
}

/* Nobody has to wait for a release of the operator to get a fix of Istio's. */
static void a_newer_patch_is_installed_with_the_objects_of_the_newest_known_one(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = NULL, *pilot = NULL;

    world_put_mesh(w, "{\"version\": \"1.0.9\"}");
    assert_true(world_converge(w) > 0);
    expect_version(w, "1.0.9");
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_non_null(strstr(doc_string(doc_find(doc_at(mesh, "status", "conditions"), "type", "Ready"), "message"),
                           "is 1.0.9, which this operator does not know: its images get the objects of 1.0.5"));
    pilot = world_get(w, "apps/v1", "Deployment", NS, "istio-pilot");
    assert_string_equal(doc_string(json_array_get(doc_at(pilot, "spec", "template", "spec", "containers"), 0), "image"),
                        "docker.io/istio/pilot:1.0.9");

    /* And kept where the resource names none any more. */
    world_put_mesh(w, "{}");
    world_converge(w);
    expect_version(w, "1.0.9");
}

static char *label_of(struct world *w, const char *ns, const char *label)
{
    _cleanup_json_ json_t *o = world_get(w, "v1", "Namespace", NULL, ns);
    const char *value = doc_string(o, "metadata", "labels", label);

    return value ? str_dup(value) : NULL;
}

static void its_label_injects_and_its_version_tells_outdated_sidecars(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = NULL;
    _cleanup_free_ char *label = NULL, *other = NULL;

    for (int i = 0; i < 3; i++) {
        json_t *pod = OBJECT(MAP("metadata", FORMAT("name", "pod-%d", i), STRING("namespace", "default"),
                                 MAP("annotations", STRING("v9-8.example.com/mode", i ? "plain" : "chained"))));
        world_put_as(w, mesh_kind(KIND_SIDECAR_POD), pod);
    }
    world_put_mesh(
        w, "{\"version\": \"9.8.0\", \"autoInjectionNamespaces\": [\"default\"], \"sidecars\": {\"count\": true}}");
    assert_true(world_converge(w) > 0);
    label = label_of(w, "default", V9_8_INJECTION_LABEL);
    other = label_of(w, "default", LABEL_INJECTION);
    assert_string_equal(label, "yes");
    assert_null(other);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_int_equal(doc_int(doc_at(mesh, "status", "sidecars", "current"), -1), 2);
    assert_int_equal(doc_int(doc_at(mesh, "status", "sidecars", "outdated"), -1), 1);
}

static void its_mesh_is_removed(void **state)
{
    struct world *w = *state;
    _cleanup_free_ char *label = NULL;
    json_t *mesh;

    world_put_mesh(w, "{\"version\": \"9.8.0\", \"autoInjectionNamespaces\": [\"default\"]}");
    assert_true(world_converge(w) > 0);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_make(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-17T01:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "DaemonSet"), 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 0);
    label = label_of(w, "default", V9_8_INJECTION_LABEL);
    assert_null(label);
}

/* A resource may ask for several control planes: each has its objects and its lines in the status. */
static void control_planes_are_side_by_side(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"version\": \"9.8.0\", \"revisions\": [\"blue\", \"green\"]}");
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "brain-blue"));
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "brain-green"));
    assert_int_equal(world_count(w, "apps/v1", "DaemonSet"), 2);
    /* What they share is there once. */
    assert_int_equal(world_count(w, "v1", "ConfigMap"), 1);
    world_roll_out(w);
    roll_out_daemon_set(w, "net-blue", 3);
    assert_true(world_converge(w) > 0);
    expect_components(
        w, "pilot-blue Available 1/1\nnet-blue Available 3/3\npilot-green Available 1/1\n"
           "net-green Reconciling 0/0: DaemonSet net-green: its controller has not seen the newest spec yet\n");

    world_put_mesh(w, "{\"version\": \"9.8.0\", \"revisions\": [\"green\"]}");
    assert_true(world_converge(w) > 0);
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 1);
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "brain-green"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resource_is_read_by_the_table_of_its_line),
        cmocka_unit_test(the_other_line_is_as_it_was),
        cmocka_unit_test(the_definition_has_the_fields_of_all_lines),
        cmocka_unit_test(the_reference_page_has_the_fields_of_all_lines),
        cmocka_unit_test(a_line_that_joins_no_clusters_says_so),
        cmocka_unit_test(lines_are_listed_once),
        cmocka_unit_test(a_version_is_chosen_where_none_is_named),
        cmocka_unit_test_setup_teardown(its_mesh_is_installed_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mesh_moves_from_line_to_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mesh_without_a_version_keeps_the_one_it_has, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_patch_is_installed_with_the_objects_of_the_newest_known_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(its_label_injects_and_its_version_tells_outdated_sidecars, setup, teardown),
        cmocka_unit_test_setup_teardown(its_mesh_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(control_planes_are_side_by_side, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
