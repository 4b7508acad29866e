/* What the tables of Istio and of RemoteIstio share in releases 1.0. Only for files that hold tables. */
#ifndef MESH_V1_0_FIELDS_H
#define MESH_V1_0_FIELDS_H

#include "api/istio_parts.h"

extern const struct field_table v1_0_citadel_table, v1_0_injector_table, v1_0_tracing_table, v1_0_proxy_init_table;

/* clang-format off */
#define V1_0_CITADEL_ROW()                                                                                             \
    {"citadel", STRUCT_AT(citadel, v1_0_citadel_table), .doc = "Signs the certificates of workloads."}
#define V1_0_INJECTOR_ROW()                                                                                            \
    {"sidecarInjector", GROUP(v1_0_injector_table), .doc = "Puts the sidecar into new pods."}
/* clang-format on */

#define V1_0_INJECTOR_RULE                                                                                             \
    {                                                                                                                  \
        "A warning: `autoInjectionNamespaces` has no effect without the sidecar injector.", v1_0_check_injector        \
    }
void v1_0_check_injector(const struct api_check *c);

#endif
