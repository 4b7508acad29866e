/*
 * Servicegraph, which draws the mesh from Prometheus' metrics.
 *
 * Source: Istio 1.0.5 and 1.1.17, install/kubernetes/helm/istio/charts/servicegraph. Its probes ask Prometheus, so that
 * it is ready only where that answers.
 */
#include "base/str.h"
#include "mesh/common/maps.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

enum { PORT = 8088 };

static json_t *labels(void)
{
    return OBJECT(STRING("app", MESH_SERVICEGRAPH));
}

static json_t *probe(void)
{
    return OBJECT(MAP("httpGet", STRING("path", "/graph"), INT("port", PORT)));
}

static json_t *container(const struct mesh_env *env)
{
    return OBJECT(
        STRING("name", MESH_SERVICEGRAPH),
        VALUE("image", mesh_image(env, NULL, MESH_SERVICEGRAPH)),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ITEM_FORMAT("--prometheusAddr=%s", str_or(env->spec->monitoring.prometheus.url, "http://prometheus:9090"))),
        SEQ("ports", ITEM_VALUE(mesh_port(PORT))),
        VALUE("livenessProbe", probe()),
        VALUE("readinessProbe", probe()),
        VALUE("resources", mesh_resources(env->spec->default_resources, "10m", NULL)));
}

void v1_servicegraph(const struct mesh_env *env, struct rendered_list *out)
{
    static const struct component_spec one = {
        .enabled = true, .replica_count = 1, .min_replicas = 1, .max_replicas = 1};
    const size_t before = out->len;

    if (!env->spec->servicegraph)
        return;
    mesh_service_account(env, out, MESH_SERVICEGRAPH, labels());
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = MESH_SERVICEGRAPH,
            .component = &one,
            .labels = labels(),
            .pod_labels = labels(),
            .service_account = MESH_SERVICEGRAPH,
            .containers = ARRAY(ITEM_VALUE(container(env))),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = MESH_SERVICEGRAPH,
            .labels = labels(),
            .selector = labels(),
            .ports = ARRAY(ITEM_VALUE(mesh_service_port("http", PORT))),
        });
    rendered_set_apart(out, before, MESH_APART_MAPS);
}
