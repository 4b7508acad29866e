/* Resources in the files of -f: reading, reviewing and reporting them, for commands; and printing documents. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <jansson.h>
#include <stdio.h>

#include "api/problem.h"
#include "api/resource.h"
#include "base/err.h"
#include "cli/files.h"

/* A resource of this operator, or a document or an item of a list that should be one. */
struct input_resource {
    const struct file *file;               /* borrowed */
    const struct yaml_document *document;  /* borrowed */
    const struct api_resource *definition; /* NULL: it is none, and input_review() says why */
    json_t *value;                         /* borrowed */
    char *at;                              /* where in the document: "items[3]"; "" is the whole; owned */
};

/* Objects of other API groups are left out. */
struct input {
    struct files files;
    struct input_resource *resources;
    size_t count, cap;
    json_t *skipped; /* the kinds that were left out, as a set; owned */
    bool strict;     /* warnings are errors */
};

/*
 * Reads what -f names, and looks into lists (List, IstioList, RemoteIstioList). A resource without a namespace gets
 * that of --namespace. A single document is read as a resource whatever its kind. Files that cannot be read have their
 * failure in `files`.
 */
int input_read(const struct invocation *inv, struct input *ret, struct err *e);
/* The same for commands that need all of it: they fail with the first failure, also if there is no resource. */
int input_read_all(const struct invocation *inv, struct input *ret, struct err *e);
void input_release(struct input *in);
#define _cleanup_input_ _cleanup_(input_release)

/* The files' name for messages. */
const char *input_name(const struct input *in);
/* Whether every file was read and there is no resource in them. */
bool input_is_empty(const struct input *in);
/* ERR_INVALID that says what is in the files instead of resources; returns -1. */
int input_fail_empty(const struct input *in, struct err *e);
/* The only Istio: *ret is NULL where there is none. ERR_INVALID where there are two. */
int input_find_mesh(const struct input *in, const struct input_resource **ret, struct err *e);
bool input_is(const struct input_resource *r, const struct api_resource *definition);

/*
 * All that is wrong with a resource. `mesh` is the Istio that a RemoteIstio joins, NULL where it is not known. `minor`
 * is that of Kubernetes 1.x, for which overlays are tried, 0 where it is not known. `ret_objects` may be NULL; the
 * resource's objects on that Kubernetes are appended to it, where there is no error.
 */
void input_review(const struct input_resource *r, const struct input_resource *mesh, int minor, json_t *ret_objects,
                  struct problems *problems);
/* With --strict turns warnings into errors; returns the exit code for the problems. */
int input_conclude(const struct input *in, struct problems *problems);
/*
 * Each problem as a line "FILE:LINE: spec.field: what is wrong" to `out`, and as {file, line, severity, field, message}
 * to `list`; both may be NULL.
 */
void input_report(const struct input_resource *r, const struct problems *problems, json_t *list, FILE *out);
/* Reports documents that should be resources and are none, for any command; returns the exit code for them. */
int input_report_strays(const struct input *in, json_t *list, FILE *out);
/* The failure of a file that could not be read. */
void input_report_failure(const struct file *file, json_t *list);
/*
 * The files that could not be read or, where there is no resource in any of them, all: to `list` as input_report()
 * does, and as lines to `out`, which may be NULL. Returns the exit code; 0: there is no such file.
 */
int input_report_unread(const struct input *in, json_t *list, FILE *out);
/* The line of a field in the file, or of what is nearest to it. */
int input_line(const struct input_resource *r, const char *path);

/* "1.20" or "v1.20.2", of an option --kube-version. */
int input_parse_kube_version(const char *text, int *ret_minor, struct err *e);

/* Whether --output is json, where the command has it. */
bool output_is_json(const struct invocation *inv);
/* YAML documents or, where `format` is "json", one JSON array, on standard output. */
void output_print(const json_t *documents, const char *format);
/* One JSON array with the error: {severity, reason, message}. */
void output_print_error(const struct err *e);

#endif
