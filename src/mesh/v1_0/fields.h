/* What the tables of Istio and of RemoteIstio share in releases 1.0. Only for files that hold tables. */
#ifndef MESH_V1_0_FIELDS_H
#define MESH_V1_0_FIELDS_H

#include "mesh/v1/fields.h"

extern const struct field_table v1_0_injector_table;

#endif
