/* Istio 1.1. What it is made of is in mesh/v1/. */
#ifndef MESH_V1_1_V1_1_H
#define MESH_V1_1_V1_1_H

#include "mesh/v1/v1.h"

extern const struct mesh_line v1_1_line;
extern const struct api_form v1_1_form, v1_1_remote_form;

#endif
