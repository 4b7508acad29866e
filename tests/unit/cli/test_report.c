/* What `status` prints, from resources as a cluster has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/report.h"
#include "doc/doc.h"
#include "doc/yaml.h"

#define NOW "2018-12-17T12:00:00Z"

#define RESOURCE(generation, spec, status)                                                                             \
    "metadata: {name: istio, namespace: istio-system, uid: u, generation: " #generation "}\n" spec "status:\n" status
#define AVAILABLE "  Status: Available\n  ErrorMessage: ''\n  observedGeneration: 2\n  version: 1.0.5\n"

static json_t *from_yaml(const char *text)
{
    struct yaml_documents docs = {0};
    json_t *value;
    struct err e;

    if (yaml_parse("test", text, strlen(text), SIZE_MAX, &docs, &e) < 0)
        fail_msg("%s", e.text);
    value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

static json_t *make(const char *resource, const char *events)
{
    _cleanup_json_ json_t *r = from_yaml(resource), *e = events ? from_yaml(events) : NULL;

    return report_make(str_eq(doc_string(r, "kind"), "RemoteIstio") ? "RemoteIstio" : "Istio", r, e, "v1.20.2");
}

static void expect(const char *resource, const char *events, bool color, const char *text)
{
    _cleanup_json_ json_t *report = make(resource, events);
    _cleanup_buf_ struct buf out = BUF_INIT;
    msec_t now;

    assert_true(clock_parse_rfc3339(NOW, &now));
    report_print(report, now, color, &out);
    assert_string_equal(buf_str(&out), text);
}

static void everything_is_reported_in_columns(void **state)
{
    (void)state;
    expect(
        RESOURCE(2, "",
                 AVAILABLE
                 "  sidecars: {current: 12, outdated: 3}\n"
                 "  ignored: 1\n"
                 "  components:\n"
                 "  - {name: pilot, status: Available, ready: 1/1}\n"
                 "  - {name: galley, status: Reconciling, ready: 0/1, message: not there yet}\n"
                 "  - {name: citadel, status: Disabled}\n"
                 "  conditions:\n"
                 "  - {type: Ready, status: 'True', reason: Available, lastTransitionTime: '2018-12-17T11:30:00Z'}\n"),
        "- {lastTimestamp: '2018-12-17T11:59:55Z', type: Normal, reason: Healed, message: 'Service x: again'}\n"
        "- {lastTimestamp: '2018-12-13T12:00:00Z', type: Warning, reason: ReconcileFailed, message: refused}\n",
        false,
        "Istio istio-system/istio: Available\n"
        "  Version     1.0.5\n"
        "  Kubernetes  v1.20.2\n"
        "  Sidecars    12 current, 3 outdated\n"
        "  Ignored     1 left alone\n"
        "\n"
        "Components\n"
        "  pilot    Available    1/1\n"
        "  galley   Reconciling  0/1  not there yet\n"
        "  citadel  Disabled\n"
        "\n"
        "Conditions\n"
        "  Ready  True  30m  Available\n"
        "\n"
        "Events\n"
        "  4d  Warning  ReconcileFailed  refused\n"
        "  5s  Normal   Healed           Service x: again\n");
}

/* What is wrong comes before what is well. */
static void a_mesh_is_drawn_with_what_is_wrong_on_top(void **state)
{
    (void)state;
    expect(RESOURCE(
               2, "",
               "  Status: Reconciling\n  ErrorMessage: Deployment istiod waits\n  observedGeneration: 2\n"
               "  version: 1.31.1\n"
               "  sidecars: {current: 12, outdated: 3, versions: [{version: 1.31.1, pods: 12}, {version: 1.30.3, pods: "
               "3}]}\n"
               "  certificates:\n"
               "  - {name: root, secret: cacerts, notAfter: '2020-12-17T12:00:00Z'}\n"
               "  - {name: signing, secret: cacerts, notAfter: '2018-12-27T12:00:00Z'}\n"
               "  gatewayAPI: {version: v1.5.1, channel: experimental, ignored: [TCPRoute, TLSRoute]}\n"
               "  components:\n"
               "  - {name: pilot, status: Reconciling, ready: 0/1, message: Deployment istiod waits}\n"
               "  - {name: gateways.ingress, status: Available, ready: 1/1, service: LoadBalancer,"
               " addresses: [203.0.113.7, lb.example.com]}\n"
               "  - {name: webhooks, status: Available, ready: 3/3}\n"
               "  conditions:\n"
               "  - {type: Ready, status: 'False', reason: RollingOut, message: Deployment istiod waits,"
               " lastTransitionTime: '2018-12-17T11:30:00Z'}\n"
               "  - {type: Stalled, status: 'False', reason: RollingOut, lastTransitionTime: '2018-12-17T11:30:00Z'}\n"
               "  - {type: GatewayAddressesAssigned, status: 'True', reason: Assigned,"
               " lastTransitionTime: '2018-12-17T11:30:00Z'}\n"
               "  - {type: CertificatesCurrent, status: 'False', reason: EndsSoon, message: it ends,"
               " lastTransitionTime: '2018-12-17T11:58:00Z'}\n"),
           NULL, false,
           "Istio istio-system/istio: Reconciling\n"
           "  Version     1.31.1\n"
           "  Kubernetes  v1.20.2\n"
           "  Message     Deployment istiod waits\n"
           "  Sidecars    12 of 1.31.1, 3 of 1.30.3; 12 current, 3 outdated\n"
           "  Certificate root ends in 731d, on 2020-12-17, Secret cacerts; signing ends in 10d, on 2018-12-27, Secret "
           "cacerts\n"
           "  Gateway API v1.5.1 experimental; ignored: TCPRoute, TLSRoute\n"
           "\n"
           "Needs attention\n"
           "  CertificatesCurrent  2m  EndsSoon  it ends\n"
           "\n"
           "Components\n"
           "  pilot             Reconciling  0/1                                             Deployment istiod waits\n"
           "  gateways.ingress  Available    1/1  LoadBalancer  203.0.113.7, lb.example.com\n"
           "  webhooks          Available    3/3\n"
           "\n"
           "Conditions\n"
           "  Ready                     False  30m  RollingOut\n"
           "  Stalled                   False  30m  RollingOut\n"
           "  GatewayAddressesAssigned  True   30m  Assigned\n");
}

static void a_paused_mesh_shows_what_differs(void **state)
{
    (void)state;
    expect(RESOURCE(2, "spec: {pause: true}\n",
                    "  Status: Reconciling\n  observedGeneration: 2\n  ErrorMessage: 1 objects differ\n"
                    "  drift: [{object: Service/istio-system/istio-pilot, action: create, reason: not there yet}]\n"),
           NULL, false,
           "Istio istio-system/istio: Reconciling\n"
           "  Kubernetes  v1.20.2\n"
           "  Message     1 objects differ\n"
           "  Note        the resource is paused: the operator writes nothing\n"
           "\n"
           "Would be changed, but the resource is paused\n"
           "  create  Service/istio-system/istio-pilot  not there yet\n");
}

static void colors_follow_the_status_and_control_characters_do_not_pass(void **state)
{
    (void)state;
    expect(RESOURCE(2, "", "  Status: ReconcileFailed\n  observedGeneration: 2\n  ErrorMessage: \"a\\eb\\nc\"\n"), NULL,
           true,
           "\033[1mIstio istio-system/istio: \033[0m\033[31mReconcileFailed\033[0m\n"
           "  Kubernetes  v1.20.2\n"
           "  Message     a?b?c\n");
}

static void a_remote_cluster_tells_of_its_own_kubernetes_and_services(void **state)
{
    (void)state;
    expect(
        "kind: RemoteIstio\n" RESOURCE(
            2, "",
            "  Status: Unreachable\n  observedGeneration: 2\n  ErrorMessage: no answer\n  kubernetesVersion: v1.19.1\n"
            "  lastContact: '2018-12-17T11:58:00Z'\n  endpointsSynced: 3\n"
            "  services: [{name: istio-pilot, addresses: 2}, {name: zipkin, addresses: 1}]\n"),
        NULL, false,
        "RemoteIstio istio-system/istio: Unreachable\n"
        "  Kubernetes  v1.19.1\n"
        "  Contact     2m ago or less\n"
        "  Message     no answer\n"
        "\n"
        "Services, and how many central pods they lead to\n"
        "  istio-pilot  2\n"
        "  zipkin       1\n");
}

static void available_means_the_resource_as_it_is_now(void **state)
{
    static const struct {
        const char *resource;
        bool available;
        const char *note;
    } cases[] = {
        {RESOURCE(2, "", AVAILABLE), true, NULL},
        {RESOURCE(3, "", AVAILABLE), false, "the operator has not seen the last change of the resource yet"},
        {"metadata: {name: istio, namespace: istio-system, generation: 1}\n", false,
         "the operator has not seen the resource yet"},
        {"metadata: {name: istio, namespace: n, generation: 2, deletionTimestamp: '2018-12-17T11:30:00Z'}\n"
         "status:\n" AVAILABLE,
         false, "the resource is being deleted"},
        {RESOURCE(2, "", "  Status: Reconciling\n  observedGeneration: 2\n"), false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *report = make(cases[i].resource, NULL);
        _cleanup_buf_ struct buf out = BUF_INIT;
        report_print(report, 0, false, &out);
        assert_int_equal(report_is_available(report), cases[i].available);
        assert_int_equal(strstr(buf_str(&out), "Note") != NULL, cases[i].note != NULL);
        if (cases[i].note)
            assert_non_null(strstr(buf_str(&out), cases[i].note));
    }
}

static void who_watches_the_mesh_is_reported(void **state)
{
    (void)state;
    expect(RESOURCE(
               2, "",
               AVAILABLE
               "  monitoring: {mode: ScrapeConfig, targetsUp: 42, targetsDown: 0, grafana: ConfigMap, dashboards: 5,\n"
               "    kiali: Server, kialiVersion: v2.27}\n"
               "  conditions:\n"
               "  - {type: TracingConfigured, status: 'True', reason: Configured, message: spans go to zipkin}\n"
               "  - {type: ServicegraphReady, status: 'False', reason: NotReady, message: its Prometheus is gone}\n"),
           NULL, false,
           "Istio istio-system/istio: Available\n"
           "  Version     1.0.5\n"
           "  Kubernetes  v1.20.2\n"
           "  Prometheus  ScrapeConfig; 42 targets up, 0 down\n"
           "  Grafana     ConfigMap; 5 dashboards\n"
           "  Kiali       Server v2.27\n"
           "\n"
           "Needs attention\n"
           "  ServicegraphReady  NotReady  its Prometheus is gone\n"
           "\n"
           "Conditions\n"
           "  TracingConfigured  True  Configured  spans go to zipkin\n");
}

static void the_last_events_are_reported(void **state)
{
    _cleanup_buf_ struct buf events = BUF_INIT;
    _cleanup_json_ json_t *report = NULL, *unreadable = make(RESOURCE(2, "", AVAILABLE), NULL);

    (void)state;
    for (int i = 30; i-- > 10;) /* not in the order of time */
        buf_printf(&events, "- {lastTimestamp: '2018-12-17T11:59:%dZ', reason: R%d}\n", i, i);
    report = make(RESOURCE(2, "", AVAILABLE), buf_str(&events));
    assert_int_equal(json_array_size(doc_at(report, "events")), 10);
    assert_string_equal(doc_string(json_array_get(doc_at(report, "events"), 0), "reason"), "R20");
    assert_string_equal(doc_string(json_array_get(doc_at(report, "events"), 9), "reason"), "R29");
    assert_null(doc_at(unreadable, "events"));
}

static void expect_upgrade_line(const char *upgrade, const char *conditions, const char *line, bool needs_attention)
{
    _cleanup_json_ json_t *resource = json_loads("{\"metadata\": {\"generation\": 1}, \"status\": {}}", 0, NULL);
    _cleanup_json_ json_t *report = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    json_object_set_new(doc_at(resource, "status"), "upgrade", json_loads(upgrade, 0, NULL));
    json_object_set_new(doc_at(resource, "status"), "conditions", json_loads(conditions, 0, NULL));
    report = report_make("Istio", resource, NULL, "v1.34.4");
    report_print(report, 0, false, &text);
    assert_int_equal(strstr(buf_str(&text), line) != NULL, *line != '!');
    assert_int_equal(strstr(buf_str(&text), "Needs attention") != NULL, needs_attention);
}

static void an_upgrade_is_a_bar(void **state)
{
    (void)state;
    expect_upgrade_line(
        "{\"from\": \"1.30.8\", \"to\": \"1.31.1\", \"phase\": \"Sidecars\", \"progress\": \"x\", \"done\": 34, "
        "\"left\": 86}",
        "[{\"type\": \"Upgrading\", \"status\": \"True\"}, {\"type\": \"UpgradeBlocked\", \"status\": \"False\"}]",
        "  Upgrade     1.30.8 -> 1.31.1  Sidecars  [#####---------------] 34/120\n", false);
    expect_upgrade_line("{\"from\": \"1.30.8\", \"to\": \"1.31.1\", \"phase\": \"ControlPlane\", \"progress\": \"x\"}",
                        "[{\"type\": \"UpgradeBlocked\", \"status\": \"True\"}]",
                        "  Upgrade     1.30.8 -> 1.31.1  ControlPlane\n", true);
    expect_upgrade_line(
        "{\"from\": \"1.30.8\", \"to\": \"1.31.1\", \"phase\": \"Sidecars\", \"progress\": \"x\", \"done\": 0, "
        "\"left\": 0}",
        "[]", "[####################] 0/0\n", false);
    /* One that is over is not shown. */
    expect_upgrade_line("{\"from\": \"1.30.8\", \"to\": \"1.31.1\", \"phase\": \"Complete\"}", "[]", "!Upgrade", false);
}

static void a_renewal_and_what_an_upgrade_kept_are_shown(void **state)
{
    (void)state;
    expect(RESOURCE(2, "",
                    AVAILABLE
                    "  sidecarRenewal:\n"
                    "    {phase: Renewing, message: shop waits for its window, done: 30, left: 10, waiting: 8,\n"
                    "     renewing: [{kind: Deployment, namespace: shop, name: cart, since: '2018-12-17T11:59:30Z'}],\n"
                    "     blocked: [{kind: Pod, namespace: shop, name: bare, reason: BarePod, message: restart it}]}\n"
                    "  keptDefaults: [{field: policy.enabled, value: 'true', newDefault: 'false'}]\n"),
           NULL, false,
           "Istio istio-system/istio: Available\n"
           "  Version     1.0.5\n"
           "  Kubernetes  v1.20.2\n"
           "  Renewal     Renewing  [###############-----] 30/40; shop waits for its window\n"
           "\n"
           "Restarted for a new sidecar\n"
           "  Deployment  shop  cart  30s\n"
           "\n"
           "Not restarted for a new sidecar\n"
           "  Pod  shop  bare  BarePod  restart it\n"
           "\n"
           "Defaults kept from a former release\n"
           "  policy.enabled  true  false\n");
}

static void a_release_is_drawn_with_its_weight_and_checks(void **state)
{
    _cleanup_json_ json_t *resource = from_yaml(RESOURCE(
        2, "",
        "  Status: Available\n  observedGeneration: 2\n  phase: Progressing\n  ErrorMessage: ''\n  message: the next "
        "check is in 4 s\n"
        "  canaryWeight: 30\n  step: {index: 2, weight: 30, since: '2018-12-17T11:59:48Z'}\n"
        "  revision: 7d8f\n  promotedRevision: 6c11\n  failedChecks: 1\n"
        "  checks:\n"
        "  - {metric: request-success-rate, verdict: Pass, value: '99.8', at: '2018-12-17T11:59:55Z'}\n"
        "  - {metric: request-duration, verdict: NoData, at: '2018-12-17T11:59:55Z', message: 3 of 10 requests}\n"));
    _cleanup_json_ json_t *report = report_make("Canary", resource, NULL, "v1.34.4");
    _cleanup_buf_ struct buf out = BUF_INIT;
    msec_t now;

    (void)state;
    assert_true(clock_parse_rfc3339(NOW, &now));
    report_print(report, now, false, &out);
    assert_string_equal(buf_str(&out),
                        "Canary istio-system/istio: Progressing\n"
                        "  Kubernetes  v1.34.4\n"
                        "  Message     the next check is in 4 s\n"
                        "  Weight      [######--------------] 30 % for the canary, step 3 for 12s; 1 failed check\n"
                        "  Revision    7d8f\n"
                        "  Promoted    6c11\n"
                        "\n"
                        "Checks\n"
                        "  request-success-rate  Pass    99.8  5s\n"
                        "  request-duration      NoData        5s  3 of 10 requests\n");
}

static void a_resource_without_a_name_is_shown(void **state)
{
    (void)state;
    expect("status: {}\n", NULL, false,
           "Istio ?/?: no status\n"
           "  Kubernetes  v1.20.2\n"
           "  Note        the operator has not seen the resource yet\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_reported_in_columns),
        cmocka_unit_test(a_mesh_is_drawn_with_what_is_wrong_on_top),
        cmocka_unit_test(a_paused_mesh_shows_what_differs),
        cmocka_unit_test(colors_follow_the_status_and_control_characters_do_not_pass),
        cmocka_unit_test(a_remote_cluster_tells_of_its_own_kubernetes_and_services),
        cmocka_unit_test(available_means_the_resource_as_it_is_now),
        cmocka_unit_test(who_watches_the_mesh_is_reported),
        cmocka_unit_test(the_last_events_are_reported),
        cmocka_unit_test(an_upgrade_is_a_bar),
        cmocka_unit_test(a_renewal_and_what_an_upgrade_kept_are_shown),
        cmocka_unit_test(a_release_is_drawn_with_its_weight_and_checks),
        cmocka_unit_test(a_resource_without_a_name_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
