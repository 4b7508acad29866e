/*
 * What is wrong with a resource: a list, so that its author sees everything together.
 *
 * A text says what must hold and what was given, and reads behind its path:
 * "spec.mtls: must be true or false, but is the string "yes"". Values are quoted up
 * to a limit; resources hold no secrets. The list is bounded: a resource that is
 * nothing but mistakes does not become a status of megabytes.
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define PROBLEMS_MAX 100     /* further ones are only counted */
#define PROBLEM_PATH_MAX 512 /* bytes of a path; further ones are cut */

enum problem_severity {
    PROBLEM_ERROR,   /* the resource is refused */
    PROBLEM_WARNING, /* it is accepted, and does something else than its author may think */
};

struct problem {
    enum problem_severity severity;
    char *path; /* "spec.overlays[0].kind"; owned */
    char *text; /* owned */
};

struct problems {
    struct problem *items;
    size_t len, cap;
    size_t errors;   /* all of them, also those beyond PROBLEMS_MAX */
    size_t left_out; /* errors and warnings beyond PROBLEMS_MAX */
};

#define PROBLEMS_INIT                                                                                                  \
    {                                                                                                                  \
        0                                                                                                              \
    }

void problems_add(struct problems *p, enum problem_severity severity, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* An error in the field `field` of what is at `path`, which may be ""; NULL: at `path` itself. */
void problems_refuse(struct problems *p, const char *path, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void problems_release(struct problems *p);
#define _cleanup_problems_ _cleanup_(problems_release)

/*
 * The place of a mistake whose text begins with a place below `path`, as patch_check() says it: of "[2].value:
 * missing" the path with "[2].value" behind it, and "missing" in `ret_rest` (within `text`). Owned by the caller.
 */
char *problems_place(const char *path, const char *text, const char **ret_rest);

/* Whether an error was found at this path or below it. */
bool problems_error_at(const struct problems *p, const char *path);

/* Joins problems where they stand in one line. */
#define PROBLEMS_SEPARATOR "; "
/* "spec.mtls: must be ...", those of one severity, joined by `separator`; for a status or a terminal. */
void problems_text(const struct problems *p, enum problem_severity severity, const char *separator, struct buf *out);
/* The errors as one ERR_INVALID; returns -1, or 0 and leaves `e` alone where there are only warnings. */
int problems_err(const struct problems *p, struct err *e);

/* `"text"` with at most 64 bytes of it, control characters as "?"; for keys and values in messages. */
void problems_quote(const char *text, struct buf *out);
/* What a value is, in words: `the string "x"`, `5`, `an object`; NULL: "missing". Without a URL's user and password. */
void problems_describe(const json_t *value, struct buf *out);
/* A string without a zero byte inside, which C would cut. */
bool problems_is_text(const json_t *value);
/* Why a value is no text, where it looks like one: ": write it in quotes"; nothing where it does not. */
void problems_explain(const json_t *value, struct buf *out);

#endif
