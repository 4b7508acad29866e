/* Reading resources from files, judging them, and printing documents, for commands. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <jansson.h>
#include <stdio.h>

#include "api/problem.h"
#include "base/err.h"
#include "controllers/mesh/mesh_wanted.h"
#include "doc/yaml.h"

#define INPUT_MAX_BYTES (4 * 1024 * 1024)

/* The resources of ours in a file; what else is in it is left aside. */
struct input {
    const char *name; /* of the file, for messages; borrowed */
    struct yaml_documents docs;
    const struct yaml_document **resources; /* at least one */
    size_t count;
};

/*
 * `file` NULL is an error that asks for one, "-" standard input. A resource without a namespace gets `ns`. A file
 * with a single document is meant to be a resource of ours whatever it says: judging it tells what is wrong.
 */
int input_read(const char *file, const char *ns, struct input *ret, struct err *e);
/* The same for Istio resources alone; more than one of them is an error. */
int input_read_one(const char *file, const char *ns, struct input *ret, struct err *e);
void input_release(struct input *in);
#define _cleanup_input_ _cleanup_(input_release)

/* Whether it is a RemoteIstio. */
bool input_is_remote(const struct input *in, size_t i);
/* All that is wrong with a RemoteIstio that joins the mesh in `mesh_ns`, NULL where that is not known. */
int input_judge_remote(const struct input *in, size_t i, const char *mesh_ns, struct problems *problems);
/*
 * All that is wrong with an Istio resource. With `ret`, its objects on Kubernetes 1.`minor` besides, for which its
 * overlays are tried; else `minor` may be 0, not known. Below zero where there are errors: then `ret` was not written.
 */
int input_judge(const struct input *in, size_t i, int minor, struct mesh_wanted **ret, struct problems *problems);

/* The line of a field in the file, or of what is nearest to it; 0: not known. */
int input_line(const struct input *in, size_t i, const char *path);
/* "FILE:LINE: spec.field: what is wrong", a line each; returns the exit code for them. */
int input_report(const struct input *in, size_t i, const struct problems *problems, FILE *out);

/* "1.20" or "v1.20.2", of an option --kube-version. */
int input_parse_kube_version(const char *text, int *ret_minor, struct err *e);

/* YAML documents or, where `format` is "json", one JSON array, on standard output. */
void output_print(const json_t *documents, const char *format);

#endif
