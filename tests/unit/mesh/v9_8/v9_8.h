/*
 * A line of releases for tests: Istio 9.8, of which there is none. A Deployment that configures, a DaemonSet that
 * redirects the traffic of nodes, a field of its own of which releases have different defaults, and any number of
 * control planes.
 */
#ifndef TESTS_MESH_V9_8_H
#define TESTS_MESH_V9_8_H

#include "mesh/mesh.h"

extern const struct mesh_line v9_8_line;
extern const struct api_form v9_8_form;

struct v9_8_spec {
    struct istio_spec common; /* the first member */
    struct component_spec net;
    char *net_mode;    /* "plain" or "chained" */
    char *policy;      /* in another line this is a component */
    json_t *revisions; /* a sequence of names; NULL: one without a name */
};

#define V9_8_INJECTION_LABEL "v9-8.example.com/inject"

#endif
