/*
 * The CustomResourceDefinitions of Istio's own configuration in today's releases: networking.istio.io,
 * security.istio.io, telemetry.istio.io, extensions.istio.io. Pure.
 *
 * They are data: a file for each API group, in the notation of schema.h, and common.yaml with what several of them use.
 * All served versions of a definition have one schema. There are no descriptions and no messages: a server that refuses
 * an object by a rule quotes the rule.
 *
 * There is one set, that of the newest release that the operator knows, for all releases of the line: from 1.28 on
 * a release has only added fields and values, and an older istiod ignores the fields that it does not know. So that
 * this operator never replaces the definitions of a release that it does not know yet, they are rendered with
 * `newest_wins`. istiod watches for them, and starts without: they are `created_last`.
 *
 * Source of the facts: the Go module istio.io/api, kubernetes/customresourcedefinitions.gen.yaml, which
 * hack/import-definitions reads.
 */
#ifndef MESH_ISTIOD_DEFINITIONS_H
#define MESH_ISTIOD_DEFINITIONS_H

#include "mesh/line.h"

/* None where the server has no apiextensions.k8s.io/v1. */
void istiod_definitions(const struct mesh_env *env, struct rendered_list *out);

/* The files, by their names ("networking.yaml"); ends with a NULL name. */
struct istiod_definitions_file {
    const char *name, *text;
};
extern const struct istiod_definitions_file istiod_definitions_files[];

/* The documents of the files, in their order; an array, owned by the caller. */
json_t *istiod_definitions_documents(void);
/* The types of all of them; owned by the caller. */
json_t *istiod_definitions_types(const json_t *documents);

#endif
