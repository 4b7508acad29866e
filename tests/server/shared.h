/*
 * Equal parts of objects, kept once for many servers in one process: a thousand clusters hold the same definitions.
 * What is shared must not be changed in place; the store replaces objects as a whole.
 */
#ifndef TESTS_SERVER_SHARED_H
#define TESTS_SERVER_SHARED_H

#include <jansson.h>

struct shared;

struct shared *shared_new(void);
void shared_free(struct shared *s);
/* Replaces parts of the object, other than its metadata and status, by equal ones that are there already. */
void shared_fold(struct shared *s, json_t *object);

#endif
