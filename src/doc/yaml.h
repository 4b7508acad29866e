/*
 * YAML and JSON in, YAML out, as Kubernetes uses them.
 *
 * A text holds any number of documents: YAML, with "---" between them, or JSON, which may follow each other without
 * anything between them. What begins with "{" or "[" and is not JSON is read as YAML. The text is UTF-8, or UTF-16 with
 * a byte order mark; a line that begins with such a mark begins a document, as in files that were joined.
 *
 * Unquoted scalars mean what they mean to kubectl (YAML 1.1 as Go's parser reads it): yes/no/on/off/y/n are
 * booleans as true/false are, 0420 and 0o420 are octal, 1_000 is a thousand, dates and 12:30 are text. Where that
 * would surprise, the text is refused: numbers that need more than 64 bits, infinities, and keys that are no text
 * (`on: x`; whole decimal numbers pass). Anchors, aliases and merge keys (<<, of maps and sequences of maps) are
 * accepted; what aliases expand to is at most `max_bytes` more. Tags other than the core ones, duplicate keys and
 * documents nested deeper than DOC_DEPTH_MAX are refused with file, line and column: "mesh.yaml:3:5: ...".
 * Sources: YAML 1.1 and 1.2; compared with kubectl's reading of random scalars and texts.
 */
#ifndef DOC_YAML_H
#define DOC_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * One document with the place of each of its values, for messages.
 *   places   a map from a field's path ("spec.proxy.image", "spec.ports[2].port",
 *            see doc_path_key()) to its line, counted from 1; "" is the document
 */
struct yaml_document {
    json_t *value;  /* owned */
    json_t *places; /* owned */
};

struct yaml_documents {
    struct yaml_document *items;
    size_t len, cap;
};

#define YAML_DOCUMENTS_MAX 10000

/* `name` is the file's name for messages ("-" reads as "standard input"). Empty documents are left out. */
int yaml_parse(const char *name, const char *text, size_t len, size_t max_bytes, struct yaml_documents *ret,
               struct err *e);
/* The same for a text that holds secrets: messages say the place and what is wrong, and quote nothing of the text. */
int yaml_parse_secret(const char *name, const char *text, size_t len, size_t max_bytes, struct yaml_documents *ret,
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
