/* Istio 1.0. What it is made of is in mesh/v1/. */
#ifndef MESH_V1_0_V1_0_H
#define MESH_V1_0_V1_0_H

#include "mesh/v1/v1.h"

extern const struct mesh_line v1_0_line;
extern const struct api_form v1_0_form, v1_0_remote_form;

#endif
