/*
 * The fields of a RemoteIstio, as far as Istio 1.0 and Istio 1.1 have the same. Only for files that hold tables; OWNER
 * is struct v1_spec.
 */
#ifndef MESH_V1_REMOTE_FIELDS_H
#define MESH_V1_REMOTE_FIELDS_H

#include "mesh/v1/fields.h"

/* Rows with these words are taken from the mesh where the resource does not give them: see v1_follow(). */
extern const char v1_as_the_mesh[];
#define V1_AS_THE_MESH .implied = v1_as_the_mesh

/* Of enabledServices. */
extern const struct field v1_enabled_service;

/* clang-format off */
/* With the services that the remote chart of the line has, as JSON, and the line's table of the injector. */
#define V1_REMOTE_ROWS(services, injector_table)                                                                       \
    ISTIO_TRAFFIC_ROWS(common.),                                                                                       \
    {"enabledServices", LIST_AT(common.enabled_services, v1_enabled_service, 0, 64), .otherwise = services,            \
     .floating = true, .doc = "Services of the central cluster that the remote one reaches."},                         \
    V1_SECURITY_ROW(V1_AS_THE_MESH),                                                                                   \
    ISTIO_IMAGE_ROWS(common., V1_AS_THE_MESH, V1_AS_THE_MESH, V1_AS_THE_MESH, V1_AS_THE_MESH),                         \
    {"pause", FLAG_AT(common.pause), .otherwise = "false",                                                             \
     .doc = "Writes nothing to the remote cluster; the status lists what the operator would change."},                 \
    ISTIO_DEFAULT_RESOURCES_ROW(common.),                                                                              \
    {"defaultPodDisruptionBudget", GROUP(istio_disruption_budget_table), V1_AS_THE_MESH,                               \
     .doc = "PodDisruptionBudgets."},                                                                                  \
    ISTIO_OVERLAYS_ROW(common.),                                                                                       \
    {"proxy", GROUP(istio_proxy_table), V1_AS_THE_MESH,                                                                \
     .doc = "The sidecars of the remote cluster. It replaces the mesh's as a whole."},                                 \
    {"proxyInit", GROUP(v1_proxy_init_table), V1_AS_THE_MESH,                                                          \
     .doc = "The init container of injected pods. It replaces the mesh's as a whole."},                                \
    V1_CITADEL_ROW(),                                                                                                  \
    V1_INJECTOR_ROW(injector_table)

#define V1_REMOTE_DOC                                                                                                  \
    "Every field may be left out. The version of Istio, `mtls`, `tracing` and the rest that is no field here "         \
    "are\nthe mesh's, and so are the fields that say so. An image that the mesh names by itself is taken over "        \
    "only where\nneither `imageHub` nor `imageTag` is given."
/* clang-format on */

/* What must hold between the fields. */
extern const struct api_rule v1_remote_rules[];

/* api_form.complete of a RemoteIstio; its version is filled in with the mesh. */
void v1_remote_complete(void *spec, const char *version);

#endif
