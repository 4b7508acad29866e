/*
 * Whether Kiali is there, as spec.kiali asks for it: are its objects written, and is it ready. They are planned apart
 * (apart.h): a mesh is Ready without. Pure.
 */
#ifndef CONTROLLERS_MESH_KIALI_H
#define CONTROLLERS_MESH_KIALI_H

#include "controllers/mesh/apart.h"
#include "controllers/mesh/mesh_desired.h"

/* What is known. Zeroed: nothing is asked for. */
struct kiali {
    const char *mode;    /* ISTIO_KIALI_...; borrowed; NULL: none */
    const char *version; /* of Kiali, where the operator installs it; static */
    struct finding finding;
    struct finding servicegraph; /* what Istio 1.0 and 1.1 have instead */
    char *unwritten;             /* of apart_plan(); owned */
};

/* The watches (controllers/watches.h) that bring Kialis, as far as the resource or its status tells of some. */
unsigned kiali_watches(const struct reconcile *r);
/* Adds the writes of the objects to `plan`. */
void kiali_plan(const struct reconcile *r, const struct mesh_desired *desired, struct kiali *k, struct plan *plan);
/* Asks for the watches; finds out what is to be said. After kiali_plan(). */
void kiali_read(struct reconcile *r, const struct mesh_desired *desired, struct kiali *k);
void kiali_release(struct kiali *k);
/* Adds to status.monitoring. */
void kiali_add_status(const struct reconcile *r, const struct kiali *k, json_t *status);

#endif
