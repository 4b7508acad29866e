#include <stdio.h>

#include "base/version.h"
#include "cli/command.h"
#include "mesh/mesh.h"

static int run(const struct invocation *inv, struct err *e)
{
    (void)inv, (void)e;
    printf("istio-operator %s\n", VERSION_TEXT);
    for (const struct mesh_release *r = mesh_releases; r->version; r++)
        printf("Istio %s on Kubernetes 1.%d to 1.%d\n", r->version, r->kubernetes_min, r->kubernetes_max);
    return 0;
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version of the operator and the releases of Istio that it knows",
    .run = run,
};
