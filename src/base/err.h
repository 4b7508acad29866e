/*
 * Errors as values.
 *
 * A function that can fail returns int and takes a `struct err *` last. Below
 * zero means the error is filled and no `ret_` argument was written. Errors gain
 * context on their way up (err_wrap) and are logged once, at the top. Library
 * code does not log.
 *
 * The text is bounded; what does not fit is cut and ends in "...". It is valid
 * UTF-8, whatever went into it ('?' stands for what is not), so that it can stand
 * in JSON. It never holds a secret: the code that builds it names the place of a value, not the value,
 * wherever the value may be one.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/*
 * The classes of errors. What follows from a class is in its row:
 *   name     the word in logs, metrics and conditions
 *   retry    whether the same request may succeed later without a user's help
 *   exit     exit code of a command that ends with it
 */
#define ERR_CLASSES(X)                                                                                                 \
    X(NONE, "None", false, 0)                                                                                          \
    X(INVALID, "Invalid", false, 2) /* input that only its author can correct */                                       \
    X(USAGE, "Usage", false, 2)     /* a command line */                                                               \
    X(NOT_FOUND, "NotFound", false, 3)                                                                                 \
    X(ALREADY_EXISTS, "AlreadyExists", true, 4)                                                                        \
    X(CONFLICT, "Conflict", true, 4)         /* the object changed since it was read */                                \
    X(GONE, "Gone", true, 4)                 /* a resource version too old to go on from */                            \
    X(UNAUTHORIZED, "Unauthorized", true, 5) /* credentials may rotate */                                              \
    X(FORBIDDEN, "Forbidden", true, 5)       /* rights may be granted */                                               \
    X(THROTTLED, "Throttled", true, 6)                                                                                 \
    X(UNAVAILABLE, "Unavailable", true, 6) /* network, 5xx */                                                          \
    X(TIMEOUT, "Timeout", true, 6)                                                                                     \
    X(CANCELLED, "Cancelled", true, 6)                                                                                 \
    X(UNSUPPORTED, "Unsupported", false, 7) /* this Kubernetes cannot do it */                                         \
    X(LIMIT, "LimitExceeded", false, 8)     /* larger than the limit for reading */                                    \
    X(IO, "IO", true, 9)                    /* files and processes of this machine */                                  \
    X(INTERNAL, "Internal", false, 70)      /* a bug of the operator */

enum err_class {
#define X(id, name, retry, exit_code) ERR_##id,
    ERR_CLASSES(X)
#undef X
};

#define ERR_TEXT_MAX 1024

struct err {
    enum err_class class;
    char text[ERR_TEXT_MAX];
};

/* Fills `e` and returns -1, so that a caller can `return err_set(...)`. `e` may be NULL. */
int err_set(struct err *e, enum err_class class, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text, keeps the class, returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Like err_set, with ": " and the system's words for `errnum` behind the text. */
int err_errno(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void err_clear(struct err *e);

const char *err_class_name(enum err_class class);
bool err_class_retries(enum err_class class);
int err_class_exit_code(enum err_class class);

#endif
