#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/command.h"

static const struct command *const commands[] = {
    &command_run, &command_render, &command_diff, &command_manifests, &command_crds, &command_version,
};

static void print_usage(FILE *out)
{
    fputs("istio-operator installs Istio into Kubernetes from one resource and keeps it as described.\n\n"
          "Usage: istio-operator COMMAND [OPTIONS]\n\nCommands:\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nistio-operator COMMAND --help tells more about a command.\n", out);
}

static void print_command_help(const struct command *command)
{
    printf("Usage: istio-operator %s [OPTIONS]%s%s\n\n%s\n", command->name, command->arguments ? " " : "",
           str_or(command->arguments, ""), command->summary);
    if (command->text)
        printf("\n%s\n", command->text);
    puts("\nOptions:");
    for (const struct option_row *o = command->options; o && o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->argument ? " " : "", str_or(o->argument, ""));
        printf("  %-30s %s", left, o->help);
        if (o->standard)
            printf(" (%s)", o->standard);
        putchar('\n');
    }
    puts("      --help                     this text");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq(commands[i]->name, name))
            return commands[i];
    return NULL;
}

/* The place of an option by "--name", "--name=value" or "-n"; -1 where there is none. */
static int find_option(const struct command *command, const char *text, const char **ret_value)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);

    *ret_value = equals ? equals + 1 : NULL;
    for (int i = 0; command->options && command->options[i].name; i++) {
        const struct option_row *o = &command->options[i];
        if (str_starts(text, "--") && strlen(o->name) == len - 2 && strncmp(text + 2, o->name, len - 2) == 0)
            return i;
        if (o->letter && len == 2 && text[1] == o->letter)
            return i;
    }
    return -1;
}

static int parse(const struct command *command, int argc, char **argv, struct invocation *inv, struct err *e)
{
    int kept = 0;

    *inv = (struct invocation){.command = command, .arguments = argv};
    for (int i = 0; command->options && command->options[i].name; i++)
        inv->values[i] = command->options[i].standard;
    for (int i = 0; i < argc; i++) {
        const char *value;
        int place;
        if (argv[i][0] != '-' || str_eq(argv[i], "-")) {
            argv[kept++] = argv[i];
            continue;
        }
        place = find_option(command, argv[i], &value);
        if (place < 0)
            return err_set(e, ERR_USAGE, "%s: no option %s; see istio-operator %s --help", command->name, argv[i],
                           command->name);
        if (!command->options[place].argument) {
            if (value)
                return err_set(e, ERR_USAGE, "%s: --%s takes no value", command->name, command->options[place].name);
            inv->values[place] = "";
            continue;
        }
        if (!value && ++i == argc)
            return err_set(e, ERR_USAGE, "%s: --%s needs a value", command->name, command->options[place].name);
        inv->values[place] = value ? value : argv[i];
    }
    inv->argument_count = (size_t)kept;
    if (kept && !command->arguments)
        return err_set(e, ERR_USAGE, "%s takes no argument such as \"%s\"; see istio-operator %s --help", command->name,
                       argv[0], command->name);
    return 0;
}

const char *invocation_value(const struct invocation *inv, const char *name)
{
    for (size_t i = 0; inv->command->options[i].name; i++)
        if (str_eq(inv->command->options[i].name, name))
            return inv->values[i];
    abort(); /* a command asks for an option that its table does not have */
}

bool invocation_has(const struct invocation *inv, const char *name)
{
    return invocation_value(inv, name) != NULL;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct invocation inv;
    struct err e = {0};
    int r;

    if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help")) {
        print_usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? err_class_exit_code(ERR_USAGE) : 0;
    }
    command = find_command(str_eq(argv[1], "--version") ? "version" : argv[1]);
    if (!command) {
        fprintf(stderr, "istio-operator: no command \"%s\"\n\n", argv[1]);
        print_usage(stderr);
        return err_class_exit_code(ERR_USAGE);
    }
    for (int i = 2; i < argc; i++) {
        if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h")) {
            print_command_help(command);
            return 0;
        }
    }
    r = parse(command, argc - 2, argv + 2, &inv, &e);
    if (r == 0)
        r = command->run(&inv, &e);
    if (r < 0) {
        fprintf(stderr, "istio-operator %s: %s\n", command->name, e.text);
        return err_class_exit_code(e.class);
    }
    if (fflush(stdout) != 0) {
        perror("istio-operator: standard output");
        return err_class_exit_code(ERR_IO);
    }
    return r;
}
