/*
 * YAML in and out, as Kubernetes uses it: the JSON schema of YAML 1.2 with the
 * booleans that Kubernetes' own parser takes (true/false, also yes/no/on/off in
 * YAML 1.1 fashion when unquoted). Anchors and aliases are accepted within a limit
 * on the size of what they expand to; tags other than the core ones, merge keys
 * beyond maps, and duplicate keys are refused with file, line and column.
 */
#ifndef JSON_YAML_H
#define JSON_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * One document with the place of each of its values, for messages.
 *   places   a map from a field's path ("spec.proxy.image", "spec.ports[2].port")
 *            to its line, counted from 1
 */
struct yaml_document {
    json_t *value;  /* owned */
    json_t *places; /* owned */
};

struct yaml_documents {
    struct yaml_document *items;
    size_t len;
};

/* `name` is the file's name for messages ("-" reads as "standard input"). Empty documents are left out. */
int yaml_parse(const char *name, const char *text, size_t len, size_t max_bytes, struct yaml_documents *ret,
               struct err *e);
void yaml_documents_release(struct yaml_documents *docs);
/* The line of a path, or of its nearest known parent; 0 where nothing is known. */
int yaml_line(const struct yaml_document *doc, const char *path);

/*
 * Block style, two spaces, sequences not indented under their key, keys sorted;
 * strings quoted where a YAML 1.1 parser would read something else; texts of
 * several lines as literal blocks (|) where that keeps them byte for byte.
 * What yaml_parse() reads back is equal to `value`.
 */
void yaml_print(const json_t *value, struct buf *out);
/* The same with the keys of maps in the order in which they were set. */
void yaml_print_ordered(const json_t *value, struct buf *out);

#endif
