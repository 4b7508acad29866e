/* Reading resources from files and printing documents, for commands. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <jansson.h>

#include "base/err.h"
#include "json/yaml.h"

#define INPUT_MAX_BYTES (4 * 1024 * 1024)

/*
 * The one resource of our kind `kind` in a file; "-" is standard input. Errors name the file. Where the
 * resource has no namespace it gets `ns`. Owned by the caller.
 */
int input_read_resource(const char *file, const char *kind, const char *ns, json_t **ret, struct err *e);

enum output_format { OUTPUT_YAML, OUTPUT_JSON };
int output_parse_format(const char *name, enum output_format *ret, struct err *e);
/* YAML documents, or one JSON array, on standard output. */
void output_print(const json_t *documents, enum output_format format);

#endif
