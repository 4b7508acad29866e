/*
 * Sources: Prometheus' documentation, "Alerting rules" (templates in annotations); the metrics are in serve/metrics.c.
 */
#include "mesh/common/alerts.h"

#include "doc/build.h"
#include "kube/cluster.h"
#include "mesh/authority.h"

/* As the condition CertificatesCurrent, and as /readyz, have them. */
_Static_assert(MESH_CERTIFICATE_WARNING == SECONDS(5184000), "the alert and the condition warn at the same time");
_Static_assert(KUBE_LISTENING_MOST == SECONDS(60), "a watch that the alert calls too old is one for /readyz, too");

const struct mesh_alert mesh_alert_table[] = {
    {"IstioOperatorResourceStuck",
     "warning",
     "15m",
     "min by (kind, namespace, name) (" MESH_OWN_VALUE("resource_ready") ")",
     "< 1",
     "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} does not become Ready.",
     "It has not been Ready for 15 minutes. Its status says why: istio-operator status, or status.ErrorMessage."},
    {"IstioOperatorWatchTooOld",
     "warning",
     "5m",
     "max by (pod) (" MESH_OWN_VALUE("watch_age_seconds") ")",
     "> 60",
     "The istio-operator does not see what changes in the cluster.",
     "A watch of {{ $labels.pod }} has heard nothing for {{ $value }} seconds, and could not be verified. Look at the "
     "operator's log, and at the API server."},
    {"IstioOperatorCertificateEnds",
     "warning",
     "1h",
     "min by (secret, certificate) (" MESH_OWN_VALUE("certificate_end_seconds") ") - time()",
     "< 5184000",
     "The {{ $labels.certificate }} certificate of the mesh ends in {{ $value | humanizeDuration }}.",
     "It is in Secret {{ $labels.secret }}. When it has ended, no workload of the mesh trusts another. The condition "
     "CertificatesCurrent says what to do."},
    {"IstioOperatorNoLeader",
     "critical",
     "5m",
     "(sum(" MESH_OWN_VALUE("leader") ") or vector(0))",
     "< 1",
     "No istio-operator acts on the meshes.",
     "No replica leads, none runs, or Prometheus cannot scrape them. Meshes go on as they are, and nothing is healed."},
    {NULL},
};

json_t *mesh_alert_rules(void)
{
    json_t *rules = json_array();

    for (const struct mesh_alert *a = mesh_alert_table; a->name; a++)
        json_array_append_new(
            rules,
            OBJECT(
                STRING("alert", a->name),
                FORMAT("expr", "%s %s", a->query, a->condition),
                STRING("for", a->lasts),
                MAP("labels", STRING("severity", a->severity)),
                MAP("annotations", STRING("summary", a->summary), STRING("description", a->description))));
    return OBJECT(SEQ("groups", ITEM(STRING("name", MESH_OWN_JOB), VALUE("rules", rules))));
}
