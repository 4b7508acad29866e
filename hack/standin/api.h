#ifndef STANDIN_API_H
#define STANDIN_API_H

#include <jansson.h>

/* Asks the API server that the pod was told of. Returns the answer's body, parsed,
 * or NULL; *status is the HTTP status, 0 where there was no answer. */
json_t *api_call(const char *method, const char *path, const char *type, const json_t *body, int *status);

/* Returns when one of the lists changed, or after some time, or immediately if a watch
 * cannot be had. Paths end in NULL. */
void api_wait(const char *const *paths);

/* The string at object.key1.key2..., or "" (keys end in NULL). */
const char *api_string(const json_t *object, const char *const *keys);

#endif
