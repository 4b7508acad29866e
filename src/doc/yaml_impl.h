/*
 * What the readers of documents share. No other file includes this.
 *
 *   yaml_stream.c   cuts a text into pieces and has each read as what it is
 *   yaml_parse.c    a piece as YAML
 *   json_parse.c    a piece as JSON
 *   yaml_piece.c    what both readers use: positions in a piece, messages, the documents that were read
 */
#ifndef DOC_YAML_IMPL_H
#define DOC_YAML_IMPL_H

#include <stdbool.h>

#include "doc/yaml.h"

/* A part of a text, from the start of a line to the start of another one, without a byte order mark before it. */
struct doc_piece {
    const char *name; /* of the file, for messages */
    bool secret;      /* messages must quote nothing */
    const char *text; /* UTF-8; borrowed */
    size_t len;
    size_t line; /* how many lines are before it */
};

/* Counted from 1; columns in characters. */
struct doc_position {
    size_t line, column;
};

/* The position of a byte of the piece. */
struct doc_position doc_piece_position(const struct doc_piece *p, size_t offset);

/* Fills `e` with "NAME:LINE:COLUMN: ...", and returns -1. */
int doc_piece_fail(const struct doc_piece *p, struct doc_position at, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int doc_piece_fail_duplicate(const struct doc_piece *p, struct doc_position at, const char *key, size_t first_line,
                             struct err *e);

/* Notes the line of a path. Places serve messages only: deep paths and late fields fall back to their parents. */
void doc_note_place(json_t *places, const struct buf *path, size_t line);
/* Takes over both. ERR_LIMIT where there are too many. */
int yaml_documents_add(const struct doc_piece *p, struct yaml_documents *docs, json_t *value, json_t *places,
                       struct err *e);
/* Drops all but the first `len` documents. */
void yaml_documents_truncate(struct yaml_documents *docs, size_t len);

/*
 * Whether a piece begins as JSON does, behind comments: JSON_SURE where its first value could not be YAML that a user
 * wrote by hand. It may be YAML all the same.
 */
enum json_likeness { JSON_NOT, JSON_MAYBE, JSON_SURE };
enum json_likeness json_likeness(const struct doc_piece *p);

/*
 * They add the documents of a piece, some of them before an error, too. `expansion_left` is how many bytes the aliases
 * of the whole text may still copy; *ret_line is where the reader stopped.
 */
int json_read_piece(const struct doc_piece *p, struct yaml_documents *docs, struct err *e);
int yaml_read_piece(const struct doc_piece *p, size_t *expansion_left, struct yaml_documents *docs, size_t *ret_line,
                    struct err *e);

#endif
