/* What the tests of this room share. */
#ifndef TESTS_API_SUPPORT_H
#define TESTS_API_SUPPORT_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/problem.h"

/* One YAML document, owned by the caller; a test that cannot read its own input fails. */
json_t *from_yaml(const char *text);
/* A whole file below the root of the sources; owned by the caller. */
char *read_source(const char *path);

/* Fails with both texts where the problems of one severity are not these, one a line. */
void assert_problems(const char *name, const struct problems *problems, enum problem_severity severity,
                     const char *expected);

#endif
