/* A mesh to look at: a resource and the objects that it asks for. */
#ifndef TESTS_MESH_FIXTURE_H
#define TESTS_MESH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/v1_0/v1_0.h"

struct fixture {
    struct v1_spec own; /* not of today's Istio; to be changed before fixture_render(); owns nothing */
    struct istio_spec *parsed;
    const char *versions[KIND_COUNT];
    struct mesh_env env;
    struct rendered_list objects;
};

void fixture_init(struct fixture *f);
/* `spec` is that of the resource, in YAML. */
void fixture_init_spec(struct fixture *f, const char *spec);
/* As Kubernetes 1.`minor` is asked for it; may be repeated. */
void fixture_render(struct fixture *f, int minor);
void fixture_release(struct fixture *f);
#define _cleanup_fixture_ _cleanup_(fixture_release)

/* One YAML document, owned by the caller. */
json_t *from_yaml(const char *text);

/* The Istio whose spec this is, in YAML; owned by the caller. */
json_t *fixture_resource(const char *spec);
/* It has so many errors and warnings; the errors, or where there are none the warnings, have the text `says`. */
void fixture_expect_problems(const char *spec, int errors, int warnings, const char *says);

/* NULL where there is none. Borrowed. */
const struct rendered *fixture_find(const struct fixture *f, const char *kind, const char *name);
/* Of one that must be there. */
const json_t *fixture_object(const struct fixture *f, const char *kind, const char *name);
/* The container of this name in a Deployment. */
const json_t *fixture_container(const struct fixture *f, const char *deployment, const char *container);

/* "Kind/name". Owned by the caller. */
char *kind_and_name(const json_t *object);

/*
 * What differs between two meshes, as sorted lines "- Kind/name" (only in the first), "+ Kind/name" (only in the
 * second) and "~ Kind/name". Owned by the caller.
 */
char *fixture_compare(const struct fixture *before, const struct fixture *after);

/* Whether a sequence of strings holds `text`. */
bool has_string(const json_t *seq, const char *text);
/* Whether every field of `part` is in `whole` with the same value. */
bool is_subset(const json_t *part, const json_t *whole);

#endif
