/* What the tests of this room share. */
#ifndef TESTS_API_SUPPORT_H
#define TESTS_API_SUPPORT_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/v1_0/v1_0.h"

/* One YAML document, owned by the caller; a test that cannot read its own input fails. */
json_t *from_yaml(const char *text);
/* A whole file below the root of the sources; owned by the caller. */
char *read_source(const char *path);

/* As istio_parse(), remote_istio_parse() and mesh_joining.follow, into a struct of the caller's. */
int parse_istio(const json_t *resource, const struct api_context *context, struct v1_spec *ret,
                struct problems *problems);
int parse_remote(const json_t *resource, const struct api_context *context, struct v1_spec *ret,
                 struct problems *problems);
void release(struct v1_spec *spec);

/* Fails with both texts where the problems of one severity are not these, one a line. */
void assert_problems(const char *name, const struct problems *problems, enum problem_severity severity,
                     const char *expected);

#endif
