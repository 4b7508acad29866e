#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/terminal.h"

extern const struct command command_canary, command_run, command_validate, command_render, command_diff,
    command_upgrade, command_status, command_manifests, command_crds, command_docs, command_version;

const struct command *const commands[] = {
    &command_run,    &command_validate,  &command_render, &command_diff, &command_upgrade, &command_status,
    &command_canary, &command_manifests, &command_crds,   &command_docs, &command_version, NULL,
};

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (str_eq((*c)->name, name))
            return *c;
    return NULL;
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "istio-operator: no command \"%s\"\n\n", name);
    help_print_program(stderr);
    return err_class_exit_code(ERR_USAGE);
}

static int print_help(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;

    if (name && !command)
        return unknown_command(name);
    if (command)
        help_print_command(command);
    else
        help_print_program(stdout);
    return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct invocation inv;
    struct err e = {0};
    int r = invocation_parse(command, argc, argv, &inv, &e);

    if (r == 0 && inv.help)
        r = print_help(command->name);
    else if (r == 0)
        r = command->run(&inv, &e);
    if (r < 0) {
        if (output_is_json(&inv))
            output_print_error(&e);
        fflush(stdout);
        terminal_print_line(stderr, "istio-operator %s: %s", command->name, e.text);
        r = err_class_exit_code(e.class);
    }
    invocation_release(&inv);
    return r;
}

static int dispatch(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        help_print_program(stderr);
        return err_class_exit_code(ERR_USAGE);
    }
    if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help"))
        return print_help(argc > 2 ? argv[2] : NULL);
    command = command_find(str_eq(argv[1], "--version") ? "version" : argv[1]);
    return command ? run(command, argc - 2, argv + 2) : unknown_command(argv[1]);
}

/* One that has seen enough (head) is no failure. */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

int main(int argc, char **argv)
{
    int r = dispatch(argc, argv);

    if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_is_gone())
        return r;
    perror("istio-operator: standard output");
    return err_class_exit_code(ERR_IO);
}
