/* What users do with a mesh of today's Istio: policies, gateways of the Gateway API; and what must not disturb them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness.h"
#include "today.h"

/* Fails the test where the command line fails now. */
static void must_hold(const char *command, const char *what)
{
    if (run_shell(command) != 0)
        fail_msg("this does not hold: %s", what);
}

/* `verb` the objects of a file beside TEST_WORKLOADS. */
static char *kubectl(const char *verb, const char *file)
{
    return str_printf("kubectl %s -f \"$(dirname '%s')\"/%s", verb, variable("TEST_WORKLOADS"), file);
}

#define PATIENT "--count 1 --timeout 30s"
#define SECRET_OF_CLIENT REQUEST_TO("shop", "/secret", PATIENT)
/* As a user of the ingress gateway. */
#define SECRET_OF_GATEWAY                                                                                              \
    "curl -sf -m 30 -H 'Host: echo.example.com'"                                                                       \
    " http://\"$(kubectl -n " NS " get service istio-ingressgateway -o 'jsonpath={.spec.clusterIP}')\"/secret"

void an_authorization_policy_denies_what_it_names(void **state)
{
    _cleanup_free_ char *apply = kubectl("apply", "today-policy.yaml"),
                        *delete = kubectl("delete", "today-policy.yaml");

    (void)state;
    must_hold(SECRET_OF_CLIENT " | grep StatusCode=200", "without a policy it is answered");
    must_hold(apply, "the policy is taken");
    must_succeed(
        "test \"$(" MANY_REQUESTS_TO("shop", "/secret") " | grep -c StatusCode=403)\" = 20",
        "the client is denied what the policy names");
    for (int i = 0; i < 3; i++) {
        must_hold(SECRET_OF_CLIENT " | grep StatusCode=403", "it stays denied");
        must_hold(REQUEST_TO("shop", "/", PATIENT) " | grep StatusCode=200", "other paths are answered");
        must_hold(SECRET_OF_GATEWAY " | grep Hostname=", "other clients are answered");
    }
    must_hold(delete, "the policy is deleted");
    must_succeed(SECRET_OF_CLIENT " | grep StatusCode=200", "without the policy it is answered again");
}

void a_gateway_of_the_gateway_api_is_deployed_and_answers(void **state)
{
    const char *definitions = getenv("TEST_GATEWAY_API");
    _cleanup_free_ char *create = str_printf("kubectl create -f '%s' >&2", str_or(definitions, ""));
    _cleanup_free_ char *apply = kubectl("apply", "today-gateway.yaml");
    _cleanup_free_ char *delete = kubectl("delete", "today-gateway.yaml");

    (void)state;
    if (!definitions)
        skip();
    must_hold(create, "the definitions of the Gateway API are taken");
    must_succeed(apply, "a Gateway is created");
    must_succeed(
        "curl -sf -m 5 -H 'Host: way.example.com'"
        " http://\"$(kubectl -n shop get service way-istio -o 'jsonpath={.spec.clusterIP}')\"/ | grep Hostname=",
        "istiod deploys a gateway that answers");
    must_hold("kubectl -n shop rollout status deployment way-istio --timeout=60s", "its Deployment is available");
    must_hold(delete, "the Gateway is deleted");
    must_succeed(
        "test -z \"$(kubectl -n shop get deployment,service,serviceaccount --ignore-not-found -o name |"
        " grep way-istio)\"",
        "what istiod made for the Gateway is deleted");
}

/* The gateway's configuration as its Envoy has it, in one line. */
#define ITS_CONFIGURATION                                                                                              \
    "kubectl -n " NS " exec deployment/istio-ingressgateway -- pilot-agent request GET config_dump 2>/dev/null |"      \
    " tr -d ' \n'"
#define SAMPLES(percent) ITS_CONFIGURATION " | grep -q '\"random_sampling\":{\"value\":" percent "}'"
#define PODS_INTO(file) "kubectl -n " NS " get pods -o name | sort >\"$TEST_OUTPUT/" file "\""
#define CONDITION(type)                                                                                                \
    "kubectl -n " NS " get istio " MESH " -o 'jsonpath={.status.conditions[?(@.type==\"" type "\")].reason}'"

/* The proxies of the gateway follow, and no Pod is replaced for it. */
void tracing_is_configured_without_a_restart(void **state)
{
    (void)state;
    must_hold(PODS_INTO("pods-before"), "there are Pods");
    cluster_patch(
        ISTIO, NS, MESH, "{\"spec\": {\"tracing\": {\"zipkinAddress\": \"zipkin.outside:9411\", \"sampling\": 50}}}");
    must_succeed(CONDITION("TracingConfigured") " | grep -qx ServiceMissing", "the status says that nobody listens");
    must_hold("kubectl -n outside create service clusterip zipkin --tcp=80", "there is a Service");
    must_succeed(CONDITION("TracingConfigured") " | grep -qx PortMissing", "the status says that it lacks the port");
    must_hold(
        "kubectl -n outside delete service zipkin && kubectl -n outside create service clusterip zipkin --tcp=9411",
        "there is one with the port");
    must_succeed(CONDITION("TracingConfigured") " | grep -qx Configured", "the status says that somebody does");
    must_succeed(
        ITS_CONFIGURATION " | grep -q zipkin.outside.svc.cluster.local/api/v2/spans", "proxies know where spans go");
    must_succeed(SAMPLES("50"), "half of the requests are traced");
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"tracing\": {\"sampling\": 20}}}");
    must_succeed(SAMPLES("20"), "fewer are");
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"tracing\": null}}");
    must_succeed(SAMPLES("1"), "as many as before are");
    must_succeed("! " ITS_CONFIGURATION " | grep -q /api/v2/spans", "spans go nowhere again");
    must_hold("kubectl -n outside delete service zipkin", "the Service goes");
    must_hold(
        PODS_INTO("pods-after") " && diff \"$TEST_OUTPUT\"/pods-before \"$TEST_OUTPUT\"/pods-after >&2",
        "no Pod was replaced");
}

#define RENEWED_SOON                                                                                                   \
    "kubectl -n shop patch deployment echo --type merge -p '{\"spec\": {\"template\": {\"metadata\": "                 \
    "{\"annotations\":"                                                                                                \
    " {\"proxy.istio.io/config\": \"{\\\"proxyMetadata\\\": {\\\"SECRET_TTL\\\": \\\"60s\\\"}}\"}}}}}'"
/* The serial number of the certificate that the echo service's proxy has, into TEST_OUTPUT/`file`. */
#define SERIAL_INTO(file)                                                                                              \
    "kubectl -n shop exec deployment/echo -c istio-proxy -- pilot-agent request GET certs 2>/dev/null |"               \
    " sed -n '/cert_chain/,$s/.*\"serial_number\": \"\\(.*\\)\".*/\\1/p' | head -1 >\"$TEST_OUTPUT/" file "\" &&"      \
    " test -s \"$TEST_OUTPUT/" file "\""

static bool has_another_certificate(void *context)
{
    (void)context;
    must_hold(REQUEST_TO("shop", "/", "--count 20 --timeout 30s") " >/dev/null", "every request is answered meanwhile");
    return run_shell(SERIAL_INTO("serial-after") " && ! cmp -s \"$TEST_OUTPUT\"/serial-before "
                                                 "\"$TEST_OUTPUT\"/serial-after") == 0;
}

/* A certificate for a minute is renewed after half of it. */
void a_certificate_is_renewed_without_a_lost_request(void **state)
{
    (void)state;
    must_hold(RENEWED_SOON, "the Deployment is changed");
    must_hold("kubectl -n shop rollout status deployment echo --timeout=120s", "it is rolled out");
    must_succeed(SERIAL_INTO("serial-before"), "its proxy has a certificate");
    must_succeed(REQUEST("shop") " >/dev/null", "it answers");
    wait_until(has_another_certificate, NULL, 2 * PATIENCE, "its proxy gets another certificate");
}

/* Twelve of them, each answered after twenty seconds, into TEST_OUTPUT/slow-N; how it ended is in said-N. */
#define SLOW_REQUESTS                                                                                                  \
    "rm -f \"$TEST_OUTPUT\"/slow-* \"$TEST_OUTPUT\"/said-*;"                                                           \
    " at=$(kubectl -n " NS " get service istio-ingressgateway -o 'jsonpath={.spec.clusterIP}') || exit 1;"             \
    " for i in $(seq 12); do curl -s -m 90 -H 'Host: echo.example.com' \"http://$at/?delay=20s\""                      \
    " -w '%{http_code} after %{time_total} s %{errormsg}\n' -o \"$TEST_OUTPUT/slow-$i\" >\"$TEST_OUTPUT/said-$i\" &"   \
    " done"
/*
 * A server's proxy ends the connections that it took before a policy changed 45 s after the change, with the requests
 * on them; the gateway sends new requests by such connections until then. That is no matter of the gateway's end.
 */
#define NO_CONNECTION_IS_ABOUT_TO_END                                                                                  \
    "kubectl -n shop exec deployment/echo -c istio-proxy -- pilot-agent request GET"                                   \
    " 'stats?filter=total_filter_chains_draining' 2>/dev/null |"                                                       \
    " grep -qx 'listener_manager.total_filter_chains_draining: 0'"
#define POLICIES_ARE_FOLLOWED SECONDS(90)
/* That they have reached the service: a connection alone may have brought no request yet, and is closed at any time. */
#define OPEN_REQUESTS                                                                                                  \
    "for pod in $(kubectl -n " NS " get pods -l istio=ingressgateway -o name); do kubectl -n " NS                      \
    " exec $pod -- pilot-agent request GET clusters; done 2>/dev/null |"                                               \
    " awk -F:: '/^outbound[|]80[|][|]echo[.]shop[.].*::rq_active::/ { open += $NF } END { exit open != 12 }'"
#define ALL_ENDED "test \"$(cat \"$TEST_OUTPUT\"/said-* | wc -l)\" = 12"
#define ALL_ANSWERED "test \"$(cat \"$TEST_OUTPUT\"/slow-* 2>/dev/null | grep -c Hostname=)\" = 12"

/* How each of them ended, in the order of the shell. */
static void read_what_was_said(char *said, size_t size)
{
    _cleanup_free_ char *path = str_printf("%s/said", variable("TEST_OUTPUT"));
    size_t len = 0;
    FILE *file;

    assert_int_equal(run_shell("cat \"$TEST_OUTPUT\"/said-* >\"$TEST_OUTPUT\"/said"), 0);
    file = fopen(path, "r");
    if (file) {
        len = fread(said, 1, size - 1, file);
        fclose(file);
    }
    said[len] = '\0';
}

void open_requests_outlast_their_gateway(void **state)
{
    char said[2048];

    (void)state;
    must_succeed_within(
        POLICIES_ARE_FOLLOWED, NO_CONNECTION_IS_ABOUT_TO_END, "no policy's change ends connections of the server");
    must_hold(SLOW_REQUESTS, "requests are sent");
    must_succeed(OPEN_REQUESTS, "all of them are under way");
    must_hold("kubectl -n " NS " delete pods -l istio=ingressgateway --wait=false", "its Pods are deleted");
    must_succeed_within(SECONDS(100), ALL_ENDED, "every open request ends");
    read_what_was_said(said, sizeof(said));
    if (run_shell(ALL_ANSWERED) != 0)
        fail_msg("not every open request was answered:\n%s", said);
    must_hold("kubectl -n " NS " rollout status deployment istio-ingressgateway --timeout=120s", "it is back");
}

#define RESTARTED(workload)                                                                                            \
    "kubectl -n shop get " workload " -o 'jsonpath={.spec.template.metadata.annotations}' |"                           \
    " grep -q istio.banzaicloud.io/sidecar-restarted-for"
#define RENEWAL(field) "kubectl -n " NS " get istio " MESH " -o 'jsonpath={.status.sidecarRenewal" field "}'"
/* How many Pods of theirs have a sidecar that asks for so much of the processor. */
#define CPU_OF(containers) "{.spec." containers "[?(@.name==\"istio-proxy\")].resources.requests.cpu}"
#define SIDECARS_OF(cpu)                                                                                               \
    "kubectl -n shop get pods -l 'app in (echo, ledger, agent)' -o"                                                    \
    " 'jsonpath={range .items[*]}" CPU_OF("containers") CPU_OF("initContainers") "{\"\\n\"}{end}' | grep -cx " cpu

/*
 * Workloads of each kind, whose sidecars are outdated by a change of the mesh: they are restarted, and a Pod that
 * nothing would create again is named.
 */
void outdated_sidecars_are_renewed(void **state)
{
    _cleanup_free_ char *apply = str_printf(
        "sed 's/ISTIO_VERSION/%s/' \"$(dirname '%s')\"/today-renewal.yaml | kubectl apply -f -",
        variable("TEST_ISTIO_VERSION"),
        variable("TEST_WORKLOADS"));
    _cleanup_free_ char *delete = kubectl("delete", "today-renewal.yaml");

    (void)state;
    must_hold(apply, "the workloads are taken");
    must_hold(
        "kubectl -n shop rollout status statefulset ledger --timeout=120s &&"
        " kubectl -n shop rollout status daemonset agent --timeout=120s",
        "they are rolled out");
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"sidecarRenewal\": {\"mode\": \"Automatic\", \"delay\": \"1s\"},"
        " \"proxy\": {\"resources\": {\"requests\": {\"cpu\": \"11m\"}}}}}");
    must_succeed_within(
        SECONDS(240),
        RESTARTED("deployment/echo") " && " RESTARTED("statefulset/ledger") " && " RESTARTED("daemonset/agent"),
        "each of them is restarted");
    must_succeed_within(
        SECONDS(120), "test \"$(" RENEWAL(".phase") ")\" = Blocked", "nothing is left that can be restarted");
    must_succeed("test \"$(" SIDECARS_OF("11m") ")\" = 3", "each of them has the new sidecar");
    must_hold(RENEWAL(".blocked[*]") " | grep BarePod", "the Pod that nothing creates again is named");
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"sidecarRenewal\": null, \"proxy\": null}}");
    must_hold(delete, "the workloads are deleted");
    mesh_wait_status("Available", 2 * PATIENCE);
}
