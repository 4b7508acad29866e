/* All objects of the mesh at some moment, to be compared with those of another. */
#ifndef TESTS_CLUSTER_SHOTS_H
#define TESTS_CLUSTER_SHOTS_H

#include "base/clock.h"
#include "base/map.h"

#define ROLL_OUT SECONDS(180)

/* An object of the mesh at some moment. */
struct shot {
    char *uid;
    char *content;  /* without what the server and controllers keep for themselves */
    char *template; /* of the Pods; NULL: no Deployment */
};

/* "Kind/name" -> struct shot, of everything that carries the mesh's label. */
struct map *shots_take(void);
/*
 * Sorted lines: "+ Kind/name", "- Kind/name", "~ Kind/name" (changed), "* Deployment/name" (changed, and its Pods are
 * replaced), "! Kind/name" (deleted and created again). Owned by the caller.
 */
char *shots_compare(const struct map *before, const struct map *after);
/* Fails the test where that is something else; `name` is what was done. */
void shots_expect(const char *name, const struct map *before, const struct map *after, const char *changes);

/* The lines of a text, sorted; owned by the caller. */
char *sort_lines(const char *text);

/* What another version of Istio 1.0 changes. */
#define ALL_ROLL                                                                                                       \
    "* Deployment/istio-citadel\n"                                                                                     \
    "* Deployment/istio-egressgateway\n"                                                                               \
    "* Deployment/istio-galley\n"                                                                                      \
    "* Deployment/istio-ingressgateway\n"                                                                              \
    "* Deployment/istio-pilot\n"                                                                                       \
    "* Deployment/istio-policy\n"                                                                                      \
    "* Deployment/istio-sidecar-injector\n"                                                                            \
    "* Deployment/istio-telemetry\n"                                                                                   \
    "~ ConfigMap/istio-sidecar-injector\n"

/* Merges a patch into the mesh's spec. */
void mesh_patch_spec(const char *patch);
/* All that the mesh asks for is there, and nothing rolls any longer. */
void mesh_wait_calm(void);

/* For a group of tests that begins with a default mesh, in which all is so. */
int shots_setup(void **state);

#endif
