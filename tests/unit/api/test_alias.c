/*
 * The names that earlier releases of an operator gave to fields: each alias of the tables, and each field that is not
 * supported any more. The resources of those releases mean what they said.
 */
#include <string.h>

#include "api/crd.h"
#include "base/str.h"
#include "controllers/canary/canary.h"
#include "controllers/remote/remote_istio.h"
#include "controllers/resources.h"
#include "doc/doc.h"
#include "mesh/resources.h"
#include "mesh/v1_1/v1_1.h"
#include "support.h"

/* --- every alias, by machine --- */

struct alias {
    const struct api_resource *resource;
    const struct field *row;    /* of the value */
    const char *const *targets; /* of the row, or of the object that it lies in */
    char path[128], suffix[64]; /* of the alias without "spec."; behind the targets */
};

typedef void (*alias_fn)(const struct alias *a);

static void each_alias_in(const struct api_resource *r, const struct field_table *table, const char *path, alias_fn f)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *row = &table->rows[i];
        struct alias a = {r, row, row->alias_of};
        snprintf(a.path, sizeof(a.path), "%s%s%s", path, *path ? "." : "", row->name);
        if (row->type == FIELD_GROUP)
            each_alias_in(r, row->table, a.path, f);
        if (!row->alias_of)
            continue;
        if (row->type != FIELD_DOCUMENT) {
            f(&a);
            continue;
        }
        for (size_t k = 0; k < row->table->len; k++) {
            struct alias part = a;
            part.row = &row->table->rows[k];
            snprintf(part.path, sizeof(part.path), "%s%s%s.%s", path, *path ? "." : "", row->name, part.row->name);
            snprintf(part.suffix, sizeof(part.suffix), ".%s", part.row->name);
            if (part.row->type != FIELD_UNSUPPORTED)
                f(&part);
        }
    }
}

static size_t aliases;

static void each_alias(alias_fn f)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        each_alias_in(*r, api_edition_of(*r, NULL, NULL).form->spec, "", f);
}

static void count_alias(const struct alias *a)
{
    (void)a;
    aliases++;
}

static const struct field *row_at(const struct field_table *table, const char *path)
{
    size_t len = strcspn(path, ".");

    for (size_t i = 0; table && i < table->len; i++)
        if (strlen(table->rows[i].name) == len && strncmp(table->rows[i].name, path, len) == 0)
            return path[len] ? row_at(table->rows[i].table, path + len + 1) : &table->rows[i];
    return NULL;
}

static void set_at(json_t *root, const char *path, json_t *value)
{
    size_t len = strcspn(path, ".");
    _cleanup_free_ char *name = str_dup_n(path, len);

    if (!path[len]) {
        json_object_set_new(root, name, value);
        return;
    }
    set_at(doc_make(root, name), path + len + 1, value);
}

/* A value of the row's type that is not its default; another one for another `which` (0 or 1). */
static json_t *some_value(const struct field *row, int which)
{
    static const char *const texts[][2] = {
        {"example.com:9411", "example.com:9412"},
        {"docker.io/istio/some:1.0.5", "docker.io/istio/other:1.0.5"},
    };

    switch (row->type) {
    case FIELD_FLAG:
        return json_boolean(str_eq(row->otherwise, "true") == (which == 1));
    case FIELD_INTEGER:
        return json_integer((json_int_t)row->least + 2 + which);
    case FIELD_NUMBER:
        return json_real(row->least + (row->most - row->least) / (4 + which));
    case FIELD_CHOICE:
        return json_string(row->choices[which]);
    case FIELD_TEXT:
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            _cleanup_buf_ struct buf why = BUF_INIT;
            if (format_matches(row->format, texts[i][which], &why))
                return json_string(texts[i][which]);
        }
        fail_msg("no example for %s", row->name);
        return NULL;
    case FIELD_DOCUMENT:
        return str_eq(row->name, "resources")
                   ? json_pack("{s{ss}}", "limits", "cpu", which ? "1" : "2")
                   : json_pack("{s{s[{ss}]}}", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
                               "topologyKey", which ? "a" : "b");
    case FIELD_MAP:
        return json_pack("{ss}", "disk", which ? "a" : "b");
    case FIELD_LIST:
        return json_pack("[{ss}]", "key", which ? "a" : "b");
    default:
        fail_msg("%s: an alias of this type has no test", row->name);
        return NULL;
    }
}

static bool same_member(const struct field *row, const void *a, const void *b)
{
    switch (row->type) {
    case FIELD_FLAG:
        return *(const bool *)a == *(const bool *)b;
    case FIELD_INTEGER:
        return *(const int *)a == *(const int *)b;
    case FIELD_NUMBER:
        return *(const double *)a == *(const double *)b;
    case FIELD_TEXT:
    case FIELD_CHOICE:
        return str_eq(*(char *const *)a, *(char *const *)b);
    case FIELD_DOCUMENT:
    case FIELD_LIST:
    case FIELD_MAP:
        return doc_equal(*(json_t *const *)a, *(json_t *const *)b);
    default:
        return true;
    }
}

static bool same_spec(const struct field_table *table, const char *a, const char *b)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *row = &table->rows[i];
        if (row->alias_of || row->type == FIELD_UNSUPPORTED)
            continue;
        if (row->type == FIELD_GROUP ? !same_spec(row->table, a + row->offset, b + row->offset)
                                     : !same_member(row, a + row->offset, b + row->offset))
            return false;
    }
    return true;
}

/* Parsed, and all that was found; released by the caller. */
struct parsed {
    char spec[sizeof(struct v1_spec)]; /* which holds any */
    struct problems problems;
};

static void parse(const struct api_resource *r, const json_t *spec, struct parsed *ret)
{
    *ret = (struct parsed){.problems = PROBLEMS_INIT};
    field_parse(api_edition_of(r, NULL, NULL).form->spec, spec, ret->spec, "spec", &ret->problems);
}

static void release_parsed(const struct api_resource *r, struct parsed *p)
{
    field_release(api_edition_of(r, NULL, NULL).form->spec, p->spec);
    problems_release(&p->problems);
}

static json_t *with_targets(const struct alias *a, int which)
{
    json_t *spec = json_object();

    for (const char *const *target = a->targets; *target; target++) {
        _cleanup_free_ char *path = str_printf("%s%s", *target, a->suffix);
        set_at(spec, path, some_value(a->row, which));
    }
    return spec;
}

static void check_meaning(const struct alias *a)
{
    _cleanup_json_ json_t *given = json_object(), *meant = with_targets(a, 0);
    struct parsed by_alias, by_name, nothing;

    set_at(given, a->path, some_value(a->row, 0));
    parse(a->resource, given, &by_alias);
    parse(a->resource, meant, &by_name);
    parse(a->resource, NULL, &nothing);
    assert_problems(a->path, &by_alias.problems, PROBLEM_ERROR, "");
    assert_problems(a->path, &by_alias.problems, PROBLEM_WARNING, "");
    if (!same_spec(api_edition_of(a->resource, NULL, NULL).form->spec, by_alias.spec, by_name.spec))
        fail_msg("spec.%s does not mean what its other names mean", a->path);
    if (same_spec(api_edition_of(a->resource, NULL, NULL).form->spec, by_alias.spec, nothing.spec))
        fail_msg("spec.%s changes nothing", a->path);
    release_parsed(a->resource, &by_alias);
    release_parsed(a->resource, &by_name);
    release_parsed(a->resource, &nothing);
}

static void what_is_given_under_an_alias_is_given_to_its_fields(void **state)
{
    (void)state;
    each_alias(count_alias);
    assert_true(aliases > 10);
    each_alias(check_meaning);
}

/* Both names, with the same value and with another one. */
static void check_both(const struct alias *a)
{
    for (int which = 0; which < 2; which++) {
        _cleanup_json_ json_t *spec = with_targets(a, which);
        _cleanup_buf_ struct buf errors = BUF_INIT;
        struct parsed p;

        set_at(spec, a->path, some_value(a->row, 0));
        parse(a->resource, spec, &p);
        problems_text(&p.problems, PROBLEM_ERROR, "\n", &errors);
        if (!which)
            assert_string_equal(buf_str(&errors), "");
        for (const char *const *target = a->targets; which && *target; target++) {
            _cleanup_free_ char *error = str_printf(
                "spec.%s: is another name of spec.%s%s and must have the same value", a->path, *target, a->suffix);
            if (!strstr(buf_str(&errors), error))
                fail_msg("\"%s\" is not among the errors:\n%s", error, buf_str(&errors));
        }
        release_parsed(a->resource, &p);
    }
}

static void two_names_with_different_values_are_an_error(void **state)
{
    (void)state;
    each_alias(check_both);
}

/* The same type and limits as what it stands for, which must not have a default that is stored beside it. */
static void check_target(const struct alias *a)
{
    _cleanup_buf_ struct buf words = BUF_INIT;

    field_words(a->row, &words);
    for (const char *const *target = a->targets; *target; target++) {
        _cleanup_free_ char *path = str_printf("%s%s", *target, a->suffix);
        const struct field *row = row_at(api_edition_of(a->resource, NULL, NULL).form->spec, path);
        _cleanup_buf_ struct buf expected = BUF_INIT;
        if (!row || row->alias_of || row->type == FIELD_UNSUPPORTED)
            fail_msg("spec.%s: there is no field %s", a->path, path);
        field_words(row, &expected);
        if (row->type != a->row->type || !str_eq(buf_str(&words), buf_str(&expected)))
            fail_msg("spec.%s must be %s, but %s %s", a->path, buf_str(&words), path, buf_str(&expected));
        if (row->otherwise && !row->floating)
            fail_msg("%s: its default is stored, and would stand beside spec.%s", path, a->path);
    }
}

static void an_alias_is_as_what_it_stands_for(void **state)
{
    (void)state;
    each_alias(check_target);
}

static void a_wrong_value_is_reported_under_the_name_that_was_used(void **state)
{
    static const struct {
        const char *spec, *errors;
    } cases[] = {
        {"{pilot: {traceSampling: many}}",
         "spec.pilot.traceSampling: must be a number from 0 to 100, but is the string \"many\""},
        {"{mixer: [], policy: {replicaCount: 2}}", "spec.mixer: must be an object, but is a list"},
        {"{mixer: {maxReplicas: 0}, gateways: {minReplicas: 0}}",
         "spec.gateways.minReplicas: must be a whole number from 1 to 1000, but is 0\n"
         "spec.mixer.maxReplicas: must be a whole number from 1 to 1000, but is 0"},
        {"{mixer: {minReplicas: 3}, policy: {minReplicas: 3}, telemetry: {minReplicas: 2}}",
         "spec.mixer.minReplicas: is another name of spec.telemetry.minReplicas and must have the same value, but is "
         "3, "
         "and spec.telemetry.minReplicas is 2"},
        {"{mixer: {minReplicas: 3}, policy: 5}", "spec.policy: must be an object, but is 5"},
        {"{pilot: {traceSampling: 5}, tracing: 7}", "spec.tracing: must be an object, but is 7"},
        {"{pilot: {traceSampling: null}, mixer: null, tracing: {zipkin: null}, gateways: {replicaCount: null}}", ""},
        {"{pilot: {traceSampling: 50}, tracing: {sampling: 50.0, zipkin: {address: \"a:1\"}, zipkinAddress: null}}",
         ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *spec = from_yaml(cases[i].spec);
        struct parsed p;
        parse(&api_resource_istio, spec, &p);
        assert_problems(cases[i].spec, &p.problems, PROBLEM_ERROR, cases[i].errors);
        release_parsed(&api_resource_istio, &p);
    }
}

/* --- what is not supported --- */

static size_t unsupported;

/* What a resource cannot do without; owned by the caller. */
static json_t *least_spec(const struct api_resource *r)
{
    return r == &api_resource_canary
               ? doc_parse_own("{\"targetRef\":{\"name\":\"a\"},\"service\":{\"port\":80},\"skipAnalysis\":true}")
               : json_object();
}

static void check_unsupported_at(const struct api_resource *r, const struct field *row, const char *path)
{
    static const char *const somethings[] = {"[\"something\"]", "{\"some\": \"thing\"}", "\"something\"", "7"};
    _cleanup_json_ json_t *nothing = field_default(row), *spec = least_spec(r);
    enum problem_severity severity = row->refused ? PROBLEM_ERROR : PROBLEM_WARNING;
    const json_t *values[] = {nothing, NULL, NULL, NULL};
    struct parsed p;

    values[1] = json_null();
    for (size_t i = 0; i < 2; i++) {
        if (!values[i])
            continue;
        set_at(spec, path, doc_copy(values[i]));
        parse(r, spec, &p);
        assert_problems(path, &p.problems, PROBLEM_ERROR, "");
        assert_problems(path, &p.problems, PROBLEM_WARNING, "");
        release_parsed(r, &p);
    }
    for (size_t i = 0; i < ARRAY_LEN(somethings); i++) {
        /* Of an object only the fields that say something count. */
        if (json_object_size(nothing) && *somethings[i] == '{')
            continue;
        set_at(spec, path, json_loads(somethings[i], JSON_DECODE_ANY, NULL));
        parse(r, spec, &p);
        if (p.problems.len != 1 || p.problems.items[0].severity != severity ||
            !strstr(p.problems.items[0].text, row->instead))
            fail_msg("spec.%s: %s is ignored without a word", path, somethings[i]);
        assert_true(str_starts(p.problems.items[0].path, "spec."));
        assert_string_equal(p.problems.items[0].path + strlen("spec."), path);
        release_parsed(r, &p);
    }
    unsupported++;
}

static void each_unsupported(const struct api_resource *r, const struct field_table *table, const char *path)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *row = &table->rows[i];
        _cleanup_free_ char *at = str_printf("%s%s%s", path, *path ? "." : "", row->name);
        if (row->type == FIELD_UNSUPPORTED)
            check_unsupported_at(r, row, at);
        else if (row->type == FIELD_GROUP || row->alias_of)
            if (row->table)
                each_unsupported(r, row->table, at);
    }
}

static void what_is_not_supported_is_said(void **state)
{
    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++)
        each_unsupported(*r, api_edition_of(*r, NULL, NULL).form->spec, "");
    assert_true(unsupported > 10);
}

/* Else the API server takes it out before anybody can say a word. */
static void the_schema_keeps_every_name(void **state)
{
    _cleanup_json_ json_t *schema =
        field_schema(api_edition_of(&api_resource_istio, NULL, NULL).form->spec, "", SCHEMA_V1);

    (void)state;
    assert_string_equal(doc_string(schema, "properties", "pilot", "properties", "traceSampling", "type"), "number");
    assert_string_equal(doc_string(schema, "properties", "mixer", "properties", "minReplicas", "type"), "integer");
    assert_true(
        json_is_true(doc_at(schema, "properties", "outboundTrafficPolicy", "x-kubernetes-preserve-unknown-fields")));
    assert_null(doc_at(schema, "properties", "tracing", "properties", "sampling", "default"));
}

/* --- resources of earlier releases --- */

static void parse_whole(const struct api_resource *r, const char *spec, struct parsed *ret)
{
    _cleanup_free_ char *text = str_printf("apiVersion: istio.banzaicloud.io/v1beta1\nkind: %s\n"
                                           "metadata: {labels: {controller-tools.k8s.io: \"1.0\"}, name: sample}\n"
                                           "spec:\n%s",
                                           r->kind, spec);
    _cleanup_json_ json_t *resource = from_yaml(text);
    static const struct api_release releases[] = {{"1.1.0", 10, 21}, {"1.0.6", 10, 21}, {"1.0.5", 10, 21}};
    static const struct api_context context = {releases, ARRAY_LEN(releases), 20, "istio-system"};

    *ret = (struct parsed){.problems = PROBLEMS_INIT};
    api_parse(r, resource, &context, ret->spec, sizeof(ret->spec), &ret->problems);
}

static void the_resource_of_release_0_0_12_means_what_it_said(void **state)
{
    static const char spec[] =
        "  mtls: false\n"
        "  includeIPRanges: \"*\"\n"
        "  excludeIPRanges: \"\"\n"
        "  autoInjectionNamespaces: [default]\n"
        "  controlPlaneSecurityEnabled: false\n"
        "  pilot: {image: \"istio/pilot:1.0.8\", replicaCount: 1, minReplicas: 1, maxReplicas: 5,\n"
        "          traceSampling: 50.0}\n"
        "  citadel: {image: \"istio/citadel:1.0.8\", replicaCount: 1}\n"
        "  galley: {image: \"istio/galley:1.0.8\", replicaCount: 1}\n"
        "  gateways:\n"
        "    ingress: {replicaCount: 1, minReplicas: 1, maxReplicas: 5, serviceAnnotations:\n"
        "      {service.beta.kubernetes.io/aws-load-balancer-internal: \"true\"},\n"
        "      serviceLabels: {team: edge}}\n"
        "    egress: {serviceAnnotations: {}, serviceLabels: {}}\n"
        "  mixer: {image: \"istio/mixer:1.0.8\", replicaCount: 3, minReplicas: 3, maxReplicas: 7}\n"
        "  sidecarInjector: {image: \"istio/sidecar_injector:1.0.8\", replicaCount: 1}\n"
        "  proxy: {image: \"istio/proxyv2:1.0.8\"}\n"
        "  tracing: {zipkin: {address: \"zipkin.jaeger-system:9411\"}}\n";
    const struct v1_spec *s;
    struct parsed p;

    (void)state;
    parse_whole(&api_resource_istio, spec, &p);
    assert_problems("0.0.12", &p.problems, PROBLEM_ERROR, "");
    assert_problems("0.0.12", &p.problems, PROBLEM_WARNING, "");
    s = (const void *)p.spec;
    assert_true(s->common.tracing.sampling == 50);
    assert_string_equal(s->common.tracing.zipkin_address, "zipkin.jaeger-system:9411");
    assert_string_equal(s->common.pilot.image, "istio/pilot:1.0.8");
    assert_string_equal(s->policy.image, "istio/mixer:1.0.8");
    assert_string_equal(s->telemetry.image, "istio/mixer:1.0.8");
    assert_int_equal(s->policy.min_replicas, 3);
    assert_int_equal(s->telemetry.max_replicas, 7);
    assert_string_equal(doc_string(s->common.gateways.ingress.service_annotations,
                                   "service.beta.kubernetes.io/aws-load-balancer-internal"),
                        "true");
    assert_string_equal(doc_string(s->common.gateways.ingress.service_labels, "team"), "edge");
    release_parsed(&api_resource_istio, &p);
}

static void the_gateways_of_release_0_0_3_have_their_replicas(void **state)
{
    const struct v1_spec *s;
    struct parsed p;

    (void)state;
    parse_whole(&api_resource_istio, "  gateways: {replicaCount: 2, minReplicas: 2, maxReplicas: 9}\n", &p);
    assert_problems("0.0.3", &p.problems, PROBLEM_ERROR, "");
    s = (const void *)p.spec;
    assert_int_equal(s->common.gateways.ingress.component.min_replicas, 2);
    assert_int_equal(s->common.gateways.egress.component.max_replicas, 9);
    release_parsed(&api_resource_istio, &p);
}

static void the_resource_of_release_0_1_26_means_what_it_said(void **state)
{
    static const char spec[] =
        "  version: \"1.1.14\"\n"
        "  mtls: false\n"
        "  defaultResources: {requests: {cpu: 10m}}\n"
        "  sds: {enabled: false}\n"
        "  pilot: {enabled: true, traceSampling: 1.0, sidecar: true}\n"
        "  gateways:\n"
        "    enabled: true\n"
        "    ingress:\n"
        "      serviceType: LoadBalancer\n"
        "      loadBalancerIP: \"\"\n"
        "      ports: [{port: 15020, targetPort: 15020, name: status-port}, {port: 80, name: http2, nodePort: 31380}]\n"
        "      applicationPorts: \"\"\n"
        "    egress: {enabled: false, serviceType: ClusterIP, ports: [{port: 80, name: http2}], applicationPorts: "
        "\"1\"}\n"
        "    k8singress: {enabled: true}\n"
        "  nodeAgent: {enabled: false, image: \"docker.io/istio/node-agent-k8s:1.1.14\"}\n"
        "  useMCP: true\n"
        "  defaultConfigVisibility: .\n"
        "  outboundTrafficPolicy: {mode: ALLOW_ANY}\n"
        "  tracing: {enabled: true, tracer: lightstep, lightstep: {accessToken: secret-token}}\n"
        "  meshExpansion: false\n";
    const struct v1_spec *s;
    struct parsed p;
    _cleanup_buf_ struct buf text = BUF_INIT;

    (void)state;
    parse_whole(&api_resource_istio, spec, &p);
    assert_problems("0.1.x", &p.problems, PROBLEM_ERROR, "");
    problems_text(&p.problems, PROBLEM_WARNING, "\n", &text);
    assert_null(strstr(buf_str(&text), "secret-token"));
    for (const char *const *path =
             (const char *const[]){"spec.tracing.tracer", "spec.tracing.lightstep", "spec.version", NULL};
         *path; path++)
        if (!strstr(buf_str(&text), *path))
            fail_msg("no word of %s in\n%s", *path, buf_str(&text));
    assert_int_equal(p.problems.len, 3);
    s = (const void *)p.spec;
    assert_true(s->is_1_1);
    assert_string_equal(s->common.version, "1.1.14");
    assert_string_equal(s->export_to, ".");
    assert_string_equal(s->outbound_mode, "ALLOW_ANY");
    assert_string_equal(s->common.gateways.egress.application_ports, "1");
    assert_true(s->k8s_ingress);
    assert_false(s->common.gateways.egress.component.enabled);
    assert_string_equal(s->node_agent.image, "docker.io/istio/node-agent-k8s:1.1.14");
    field_release(v1_1_form.spec, p.spec);
    problems_release(&p.problems);
}

static void a_remote_cluster_of_an_earlier_release_is_understood(void **state)
{
    static const char spec[] =
        "  enabledServices: [{name: istio-pilot, labelSelector: istio=pilot, podIPs: [10.0.0.1]}]\n"
        "  defaultResources: {requests: {cpu: 20m}}\n"
        "  citadel: {enabled: true, image: \"istio/citadel:1.0.8\", replicaCount: 1}\n"
        "  sidecarInjector: {replicaCount: 1}\n"
        "  proxy: {image: \"istio/proxyv2:1.0.8\"}\n";
    const struct v1_spec *s;
    struct parsed p;

    (void)state;
    parse_whole(&api_resource_remote_istio, spec, &p);
    assert_problems("remote", &p.problems, PROBLEM_ERROR, "");
    assert_problems("remote", &p.problems, PROBLEM_WARNING,
                    "spec.enabledServices[0].podIPs: has no effect: the addresses are those of the pods that "
                    "`labelSelector` finds");
    s = (const void *)p.spec;
    assert_string_equal(s->citadel.image, "istio/citadel:1.0.8");
    assert_string_equal(doc_string(s->sidecar_injector.resources, "requests", "cpu"), "20m");
    release_parsed(&api_resource_remote_istio, &p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_under_an_alias_is_given_to_its_fields),
        cmocka_unit_test(two_names_with_different_values_are_an_error),
        cmocka_unit_test(an_alias_is_as_what_it_stands_for),
        cmocka_unit_test(a_wrong_value_is_reported_under_the_name_that_was_used),
        cmocka_unit_test(what_is_not_supported_is_said),
        cmocka_unit_test(the_schema_keeps_every_name),
        cmocka_unit_test(the_resource_of_release_0_0_12_means_what_it_said),
        cmocka_unit_test(the_gateways_of_release_0_0_3_have_their_replicas),
        cmocka_unit_test(the_resource_of_release_0_1_26_means_what_it_said),
        cmocka_unit_test(a_remote_cluster_of_an_earlier_release_is_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
