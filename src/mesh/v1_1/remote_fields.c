/* The fields of a RemoteIstio in releases 1.1. */
#include "mesh/v1/remote_fields.h"
#include "mesh/v1_1/fields.h"
#include "mesh/v1_1/v1_1.h"

#define OWNER struct v1_spec

/* Those of Istio 1.1, as its chart has them for a remote cluster. */
#define SERVICES                                                                                                       \
    "[{\"name\":\"istio-pilot\",\"labelSelector\":\"istio=pilot\"},"                                                   \
    "{\"name\":\"istio-policy\",\"labelSelector\":\"istio-mixer-type=policy\"},"                                       \
    "{\"name\":\"istio-telemetry\",\"labelSelector\":\"istio-mixer-type=telemetry\"},"                                 \
    "{\"name\":\"zipkin\",\"labelSelector\":\"app=jaeger\"}]"

static const struct field injector_rows[] = {
    V1_1_INJECTOR_ROWS(),
    {"initCNIConfiguration",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead =
         "the operator installs the CNI plugin in the central cluster alone, and in a remote one an init container "
         "redirects the traffic of pods; leave it out"},
};

static const struct field_table injector_table = {
    .name = "Sidecar injector",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(injector_rows),
};

static const struct field spec_rows[] = {
    V1_REMOTE_ROWS(SERVICES, injector_table),
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc = V1_REMOTE_DOC,
    FIELD_ROWS(spec_rows),
};

static void complete(void *spec, const char *version)
{
    ((struct v1_spec *)spec)->is_1_1 = true;
    v1_remote_complete(spec, version);
}

const struct api_form v1_1_remote_form = {
    .name = "1.1",
    .spec = &spec_table,
    .size = sizeof(struct v1_spec),
    .complete = complete,
    .rules = v1_remote_rules,
    .filled = &v1_1_form,
};
