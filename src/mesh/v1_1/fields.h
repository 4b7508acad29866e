/* What the tables of Istio and of RemoteIstio share in releases 1.1. Only for files that hold tables. */
#ifndef MESH_V1_1_FIELDS_H
#define MESH_V1_1_FIELDS_H

#include "mesh/v1/fields.h"

extern const struct field_table v1_1_init_table;

/* clang-format off */
#define V1_1_INJECTOR_ROWS()                                                                                           \
    V1_INJECTOR_ROWS(),                                                                                                \
    {"init", GROUP(v1_1_init_table), .doc = "The init container of injected pods."},                                   \
    {"rewriteAppHTTPProbe", FLAG_AT(rewrite_probes), .otherwise = "false", .floating = true,                           \
     .doc = "Whether the kubelet's HTTP probes of an application go to its proxy's agent, so that they need no "       \
            "certificate."}
/* clang-format on */

#endif
