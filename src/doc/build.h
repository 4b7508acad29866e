/*
 * Documents, described in code so that they read like their YAML.
 *
 *   OBJECT(
 *       STRING("kind", "Service"),
 *       MAP("metadata",
 *           STRING("name", "istio-pilot")),
 *       MAP("spec",
 *           SEQ("ports",
 *               ITEM(
 *                   STRING("name", "http-monitoring"),
 *                   INT("port", 9093)))))
 *
 * is
 *
 *   kind: Service
 *   metadata:
 *     name: istio-pilot
 *   spec:
 *     ports:
 *     - name: http-monitoring
 *       port: 9093
 *
 * Absent, false and zero are three different things: STRING() with NULL and VALUE() with
 * NULL leave the field out, BOOL(..., false) says false, INT(..., 0) says zero, STRING(..., "")
 * says the empty string. MAP("emptyDir") is `emptyDir: {}`, SEQ("args") is `args: []`.
 * OPT(condition, row) leaves the row out where the condition does not hold, and
 * does not evaluate it. ROWS(document) splices the fields of a map (or the items
 * of a sequence) in place. Of two rows with the same key the later counts. In text that is no UTF-8 (as
 * doc_new_string()) the bytes that are none become '?'.
 *
 * Ownership: every value passed in is taken over; the result belongs to the caller.
 */
#ifndef DOC_BUILD_H
#define DOC_BUILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* One row of a map or of a sequence. Made by the macros below, consumed by json_build_*(). */
struct row {
    enum { ROW_END, ROW_ABSENT, ROW_VALUE, ROW_SPLICE } type;
    const char *key; /* borrowed; NULL in a sequence */
    json_t *value;   /* owned until consumed */
};

json_t *json_build_map(const struct row *rows);
json_t *json_build_seq(const struct row *rows);

struct row row_value(const char *key, json_t *value); /* NULL: absent */
struct row row_string(const char *key, const char *value);
struct row row_format(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct row row_splice(json_t *container);

#define ROW_LIST(...) ((const struct row[]){__VA_ARGS__ __VA_OPT__(, ){ROW_END, NULL, NULL}})

/* Whole documents. */
#define OBJECT(...) json_build_map(ROW_LIST(__VA_ARGS__))
#define ARRAY(...) json_build_seq(ROW_LIST(__VA_ARGS__))

/* key: value */
#define STRING(key, value) row_string((key), (value))
#define FORMAT(key, ...) row_format((key), __VA_ARGS__)
#define INT(key, value) row_value((key), json_integer(value))
#define REAL(key, value) row_value((key), json_real(value))
#define BOOL(key, value) row_value((key), json_boolean(value))
#define NIL(key) row_value((key), json_null())
#define VALUE(key, value) row_value((key), (value))
#define MAP(key, ...) row_value((key), OBJECT(__VA_ARGS__))
#define SEQ(key, ...) row_value((key), ARRAY(__VA_ARGS__))

/* - value */
#define ITEM(...) row_value(NULL, OBJECT(__VA_ARGS__))
#define ITEM_STRING(value) row_string(NULL, (value))
#define ITEM_FORMAT(...) row_format(NULL, __VA_ARGS__)
#define ITEM_INT(value) row_value(NULL, json_integer(value))
#define ITEM_VALUE(value) row_value(NULL, (value))

/* A sequence of strings: STRINGS("verbs", "get", "list", "watch") */
json_t *json_build_strings(const char *const *values);
#define STRINGS(key, ...) row_value((key), json_build_strings((const char *const[]){__VA_ARGS__, NULL}))

#define ABSENT ((struct row){ROW_ABSENT, NULL, NULL})
#define OPT(condition, row) ((condition) ? (row) : ABSENT)
#define ROWS(container) row_splice(container)

#endif
