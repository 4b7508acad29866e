/*
 * A custom resource described once: a table of fields, a row each.
 *
 *   #define OWNER struct istio_spec
 *   {"mtls", FLAG_AT(mtls), .otherwise = "false",
 *    .doc = "Encrypts the traffic inside the mesh with mutual TLS."},
 *   {"concurrency", INTEGER_AT(concurrency, 0, 256), .otherwise = "0",
 *    .doc = "Worker threads of a proxy; 0 is one per core."},
 *
 * From the table come the parser into the C struct with defaults and validation
 * (field_parse), its destructor (field_release), the OpenAPI schema (field_schema)
 * and the reference page (field_markdown). To add a field, add a member to the struct
 * and a row to its table; the code that uses it reads the member. The macros are in api/rows.h, for
 * the files that hold tables.
 *
 * A field is kept in one of two ways. The forms ..._AT(member) are stored in a member
 * of OWNER, and do not compile where the member has another type. The forms without
 * _AT describe what lies inside a document that a member keeps as a whole
 * (DOCUMENT_AT, LIST_AT, MAP_AT): they are validated, and stay JSON.
 *
 * Names that earlier releases of an operator gave to fields have rows, too, so that the API server keeps them:
 *
 *   {"traceSampling", NUMBER(0, 100), ALIAS("tracing.sampling")},
 *   {"useMCP", UNSUPPORTED("false"), .instead = "Istio 1.0 reads its configuration from the API server"},
 *
 * What is given under an alias is given to each field that it stands for; two names with different values are an
 * error. What is not supported is a problem that says what to write instead, unless it asks for nothing. Both have no
 * member. An alias stands in the table that is parsed or in one of its groups, not inside documents.
 *
 * Pure: no I/O, no clock. Tables are constants; nothing here has an owner.
 */
#ifndef API_FIELD_H
#define API_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/format.h"
#include "api/problem.h"
#include "base/buf.h"

enum field_type {
    FIELD_FLAG,        /* bool */
    FIELD_INTEGER,     /* int */
    FIELD_NUMBER,      /* double */
    FIELD_TEXT,        /* char *, owned */
    FIELD_CHOICE,      /* char *, owned */
    FIELD_QUANTITY,    /* only inside documents */
    FIELD_TIME,        /* RFC 3339; only inside documents */
    FIELD_PORTION,     /* a number or a text, Kubernetes' IntOrString; only inside documents */
    FIELD_ANY,         /* any JSON; only inside documents */
    FIELD_GROUP,       /* an object whose fields are members of a struct; a default needs no parent */
    FIELD_DOCUMENT,    /* json_t *, owned: an object that is validated and kept as JSON */
    FIELD_LIST,        /* json_t *, owned: a sequence */
    FIELD_MAP,         /* json_t *, owned: an object with any keys */
    FIELD_UNSUPPORTED, /* any JSON, not kept: asks for what this release does not have */
    FIELD_TYPE_LAST = FIELD_UNSUPPORTED,
};

struct field {
    const char *name;
    enum field_type type;
    const char *doc; /* one line for the schema and the reference page */
    /*
     * The default as one would write it: "false", "1", "docker.io/istio", "[]". NULL: none, the member is zero
     * or NULL.
     */
    const char *otherwise;
    /* What holds instead of a default, in words: "the version". For readers only. */
    const char *implied;
    /*
     * The default is the operator's own and may be another one in its next release. It stays out of the schema,
     * for the API server writes the schema's defaults into the stored resource, where they would stay for good.
     */
    bool floating;
    /*
     * Another name of these fields: their paths from the table that field_parse() is given, such as "tracing.sampling".
     * They have the same type and limits, and no default in the schema: the API server would store it beside the alias.
     * Ends with NULL.
     */
    const char *const *alias_of;
    /* FIELD_UNSUPPORTED: why, and what to write; a clause without a full stop. `otherwise` is what asks for nothing. */
    const char *instead;
    bool refused; /* FIELD_UNSUPPORTED: an error, because a mesh without it would be dangerous */
    bool required;
    bool unique; /* FIELD_LIST: no two equal elements */
    /* FIELD_INTEGER, FIELD_NUMBER, FIELD_PORTION: the value; FIELD_LIST, FIELD_MAP: how many; texts of Kubernetes' own
       objects: least 1 where "" is not the same as none. */
    double least, most;
    const char *const *choices;        /* FIELD_CHOICE; ends with NULL */
    const struct field_format *format; /* FIELD_TEXT, FIELD_PORTION: of the text; FIELD_MAP: of the keys */
    const struct field *items;         /* FIELD_LIST, FIELD_MAP: the row of every element; its name is not used */
    const struct field_table *table;   /* FIELD_GROUP, FIELD_DOCUMENT */
    size_t offset;                     /* of the member in its struct, where there is one */
    /*
     * Of Kubernetes' own types: the minor versions of 1.x that know the field; 0: all known ones. Where they hold it to
     * different rules, it has several rows, one behind the other; for any Kubernetes the last one counts.
     */
    short since, until;
};

struct field_table {
    const char *name; /* heading of its section in the reference page: "Component" */
    const char *doc;  /* the text below it */
    const struct field *rows;
    size_t len;
    bool open; /* further fields are kept as they are, and not validated */
    /* A type of Kubernetes' own: what has no row is an error, because the API server would drop it. */
    bool exact;
    /* Values are held to this table instead: schema and reference page have only the outline. NULL: to this one. */
    const struct field_table *full;
    /* What must hold between the fields of an object at `path`; asked where each is right by itself. NULL: nothing. */
    void (*check)(const json_t *object, const char *path, struct problems *problems);
};

/* A default that holds instead of the one in the row at this path. */
struct field_default {
    const char *path;  /* "spec.proxy.logLevel"; NULL ends a list */
    const char *value; /* as field.otherwise */
};

/*
 * Reads an object (NULL: absent) into the struct at `base`, which is overwritten: every member has the field's
 * value, or its default where the field is absent, null or wrong. All mistakes are added to `problems` with
 * their paths below `path`; fields without a row are warnings. Documents are copied without the fields in them that
 * are null.
 * Without `base` the object is only validated.
 */
void field_parse(const struct field_table *table, const json_t *object, void *base, const char *path,
                 struct problems *problems);
/*
 * The same for Kubernetes 1.`minor`, where fields of Kubernetes' own types may not be known; 0: any. `defaults` may be
 * NULL.
 */
void field_parse_for(const struct field_table *table, const json_t *object, void *base, const char *path, int minor,
                     const struct field_default *defaults, struct problems *problems);
/*
 * Validates an object of Kubernetes' own, whose table is exact, for Kubernetes 1.`minor` (0: any): there null, "" and
 * an absent field are the same.
 */
void field_check(const struct field_table *table, const json_t *object, int minor, struct problems *problems);
/* Frees what the members own. A zeroed struct is fine. */
void field_release(const struct field_table *table, void *base);

/*
 * Copies the member of a row from one struct to another of the same type, or of one that begins with it. What the
 * member owned before is freed.
 */
void field_copy(const struct field *field, const void *from, void *to);

/* The default as JSON, owned by the caller; NULL where there is none. */
json_t *field_default(const struct field *field);

/* The forms of the schema. */
enum schema_form {
    SCHEMA_V1,      /* CustomResourceDefinition v1: structural, with defaults */
    SCHEMA_V1BETA1, /* what Kubernetes 1.10 takes: no defaults, no x-kubernetes-... */
};
/* The OpenAPI v3 schema of an object with these fields; owned by the caller. */
json_t *field_schema(const struct field_table *table, const char *doc, enum schema_form form);

/*
 * Markdown: a section for the table, titled `title`, and one for every table below it, each once. `level` is
 * the number of # before the headings.
 */
void field_markdown(const struct field_table *table, const char *title, int level, struct buf *out);

/* What a value of this field must be: "true or false", "a whole number from 1 to 1000". */
void field_words(const struct field *field, struct buf *out);

/* Of an alias: "Another name of `policy` and `telemetry`." Returns the text of `out`. */
const char *field_alias_words(const struct field *field, struct buf *out);

#endif
