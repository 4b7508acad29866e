/*
 * Kiali, as spec.kiali asks for it: each line has a part that adds it (mesh_parts.shared), in the version that fits
 * (mesh_release.kiali).
 */
#ifndef MESH_COMMON_KIALI_H
#define MESH_COMMON_KIALI_H

#include "mesh/mesh.h"

/* The name of its Deployment, Service, ConfigMap and ClusterRole. */
#define MESH_KIALI "kiali"

/* That of what Istio 1.0 and 1.1 have instead. */
#define MESH_SERVICEGRAPH "servicegraph"

/* What the lines have of their own. Every json_t * is taken over. */
struct kiali_server {
    const char *account, *binding; /* the names of its ServiceAccount and its ClusterRoleBinding */
    const char *image;             /* where the resource names none */
    json_t *labels;                /* of all objects */
    json_t *selector;              /* of the Pods; cannot change later */
    json_t *pod_labels;            /* with those of the selector */
    json_t *pod_annotations;
    json_t *rules;
    json_t *config;    /* its file config.yaml */
    json_t *container; /* without name, image and command */
    json_t *volumes;   /* besides that of the file */
    json_t *ports;     /* of the Service */
};

/* Adds its objects, which are planned apart (MESH_APART_MAPS). */
void mesh_kiali_server(const struct mesh_env *env, struct rendered_list *out, struct kiali_server what);
/* What the container of each has among its volumeMounts: the file. */
json_t *mesh_kiali_mount(void);

#endif
