/*
 * Commands of the program: one row each, from which help, parsing and documentation follow.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "api/format.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * An option of a command, as kubectl's are: --name VALUE or --name=VALUE; `letter` adds -l VALUE, -lVALUE and -l=VALUE.
 * Switches take no value, or =true or =false.
 */
struct option_row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* its name in the help; NULL: a switch */
    const char *standard; /* the value where it is not given; NULL: none */
    const char *help;
    const char *const *choices;        /* the values that are allowed, ends with NULL; NULL: others decide */
    const struct field_format *format; /* what the value must look like; may be NULL */
    const char *alias;                 /* another long name; NULL: none */
    bool repeats; /* every value counts, see invocation.repeated; other options may be given once */
};

#define OPTIONS_MAX 16

struct invocation {
    const struct command *command;
    const char *values[OPTIONS_MAX]; /* by the row's place; switches: "" where given, NULL where not */
    bool given[OPTIONS_MAX];         /* whether it was on the command line */
    const char **repeated;           /* all values of the option that repeats, of which a command has one; owned */
    size_t repeated_len, repeated_cap;
    char *const *arguments; /* what is no option */
    size_t argument_count;
    bool help; /* --help was given; then nothing else was read */
};

struct command {
    const char *name;
    const char *arguments; /* "FILE..." for the help; NULL: it takes none */
    const char *summary;
    const char *text;                 /* further paragraphs for --help */
    const struct option_row *options; /* ends with a NULL name */
    /* The exit code, or -1 with the error filled. */
    int (*run)(const struct invocation *inv, struct err *e);
};

/* All of them, in the order of the help; ends with NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

/*
 * Reads a command line without the program's and the command's name; what is no option is moved to the front of `argv`.
 * ERR_USAGE names the first option that is wrong and what is allowed; the others are still read. *ret is to be released
 * in either case.
 */
int invocation_parse(const struct command *command, int argc, char **argv, struct invocation *ret, struct err *e);
void invocation_release(struct invocation *inv);
/* The value of an option by its name. */
const char *invocation_value(const struct invocation *inv, const char *name);
bool invocation_has(const struct invocation *inv, const char *name);

/* Help for users at a terminal: of all commands, and of one. */
void help_print_program(FILE *out);
void help_print_command(const struct command *command);
/* The same as a page in Markdown, with the exit codes. */
void help_document(struct buf *out);

/* Options that several commands have. */
#define OPTION_KUBECONFIG                                                                                              \
    {                                                                                                                  \
        "kubeconfig", 0, "FILE", NULL, "kubeconfig to use; otherwise KUBECONFIG, the Pod's account, or ~/.kube/config" \
    }
#define OPTION_CONTEXT                                                                                                 \
    {                                                                                                                  \
        "context", 0, "NAME", NULL, "context of the kubeconfig; otherwise its current one"                             \
    }
/* Of commands that ask a cluster and end; credentials_timeout() reads it. */
#define OPTION_TIMEOUT                                                                                                 \
    {                                                                                                                  \
        "timeout", 0, "SECONDS", "30", "how long all that is asked of the cluster may take together"                   \
    }
/* Of commands that read resources from files (cli/input.h). */
#define OPTIONS_FILE                                                                                                   \
    {"file",                                                                                                           \
     'f',                                                                                                              \
     "FILE",                                                                                                           \
     NULL,                                                                                                             \
     "a file or folder with resources; - is standard input; it may be given several times",                            \
     .alias = "filename",                                                                                              \
     .repeats = true},                                                                                                 \
        {"recursive", 'R', NULL, NULL, "read the folders in a folder, too"},                                           \
    {                                                                                                                  \
        "strict", 0, NULL, NULL, "warnings are errors"                                                                 \
    }
#define OPTION_NAMESPACE(help)                                                                                         \
    {                                                                                                                  \
        "namespace", 'n', "NAMESPACE", "istio-system", help, .format = &format_dns_label                               \
    }
#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
