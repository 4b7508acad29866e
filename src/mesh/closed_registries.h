/*
 * Registries of Istio's images that close in December 2026.
 *
 * Source: istio.io, blog of 2026 on the retirement of gcr.io/istio-release and registry.istio.io, upgrade notes
 * of 1.31.
 */
#ifndef MESH_CLOSED_REGISTRIES_H
#define MESH_CLOSED_REGISTRIES_H

/* What to pull from instead. */
#define OPEN_REGISTRY "docker.io/istio"
#define REGISTRIES_CLOSE "December 2026"

/* The one that this image, or hub, is in; static. NULL: it is in none of them. `image` may be NULL. */
const char *closed_registry_of(const char *image);
/*
 * The first that a document's text names at the beginning of a string, as images and hubs are written; in a string that
 * holds a document itself, too. Static; NULL: it names none.
 */
const char *closed_registry_in(const char *text);

#endif
