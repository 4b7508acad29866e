#include "base/str.h"
#include "mesh/mesh.h"
#include "mesh/v1_0/v1_0.h"

/*
 * Kubernetes: 1.10 is the oldest that serves what we speak, and 1.22 removed APIs that Istio 1.0 itself asks for
 * (admissionregistration v1beta1 by Galley and the injector, extensions v1beta1 Ingresses by Pilot).
 */
const struct mesh_release mesh_releases[] = {
    {"1.0.6", &v1_0_line, "1.0.6", 10, 21},
    {"1.0.5", &v1_0_line, "1.0.5", 10, 21},
    {NULL},
};

const struct mesh_release *mesh_release_find(const char *version)
{
    for (const struct mesh_release *r = mesh_releases; r->version; r++) {
        if (str_eq(r->version, version))
            return r;
    }
    return NULL;
}
