/*
 * Commands of the program: one row each, from which help, parsing and documentation follow.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* An option of a command. Options are long ones: --name VALUE or --name=VALUE; `letter` adds a short form. */
struct option_row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* its name in the help; NULL: a switch */
    const char *standard; /* the value where it is not given; NULL: none */
    const char *help;
};

#define OPTIONS_MAX 16

struct invocation {
    const struct command *command;
    const char *values[OPTIONS_MAX]; /* by the row's place; switches: "" where given, NULL where not */
    char *const *arguments;          /* what is no option */
    size_t argument_count;
};

struct command {
    const char *name;
    const char *arguments; /* "FILE..." for the help; NULL: it takes none */
    const char *summary;
    const char *text; /* further paragraphs for --help */
    const struct option_row *options; /* ends with a NULL name */
    /* The exit code, or -1 with the error filled. */
    int (*run)(const struct invocation *inv, struct err *e);
};

/* The value of an option by its name. */
const char *invocation_value(const struct invocation *inv, const char *name);
bool invocation_has(const struct invocation *inv, const char *name);

extern const struct command command_run, command_render, command_diff, command_manifests, command_crds,
    command_version;

/* Options that several commands have. */
#define OPTION_KUBECONFIG                                                                                              \
    {"kubeconfig", 0, "FILE", NULL, "kubeconfig to use; otherwise KUBECONFIG, the Pod's account, or ~/.kube/config"}
#define OPTION_CONTEXT {"context", 0, "NAME", NULL, "context of the kubeconfig; otherwise its current one"}
#define OPTION_FILE {"file", 'f', "FILE", NULL, "the Istio resource; - is standard input"}
#define OPTION_NAMESPACE(help) {"namespace", 'n', "NAMESPACE", "istio-system", help}

#endif
