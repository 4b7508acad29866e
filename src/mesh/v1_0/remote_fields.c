/* The fields of a RemoteIstio in releases 1.0. */
#include "mesh/v1/remote_fields.h"
#include "mesh/v1_0/fields.h"
#include "mesh/v1_0/v1_0.h"

#define OWNER struct v1_spec

/* Those of Istio 1.0, as its remote chart has them. */
#define SERVICES                                                                                                       \
    "[{\"name\":\"istio-pilot\",\"labelSelector\":\"istio=pilot\"},"                                                   \
    "{\"name\":\"istio-policy\",\"labelSelector\":\"istio-mixer-type=policy\"},"                                       \
    "{\"name\":\"istio-statsd\",\"labelSelector\":\"statsd-prom-bridge\"},"                                            \
    "{\"name\":\"istio-telemetry\",\"labelSelector\":\"istio-mixer-type=telemetry\"},"                                 \
    "{\"name\":\"zipkin\",\"labelSelector\":\"app=jaeger\"}]"

static const struct field spec_rows[] = {
    V1_REMOTE_ROWS(SERVICES, v1_0_injector_table),
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc = V1_REMOTE_DOC,
    FIELD_ROWS(spec_rows),
};

const struct api_form v1_0_remote_form = {
    .name = "1.0",
    .spec = &spec_table,
    .size = sizeof(struct v1_spec),
    .complete = v1_remote_complete,
    .rules = v1_remote_rules,
    .filled = &v1_0_form,
};
