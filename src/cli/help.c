/* The tables of commands and of classes of errors, as text for users. */
#include <ctype.h>

#include "base/str.h"
#include "cli/command.h"

#define ABOUT "istio-operator installs Istio into Kubernetes from one resource and keeps it as described."

static const enum err_class classes[] = {
#define X(id, name, retry, exit_code) ERR_##id,
    ERR_CLASSES(X)
#undef X
};

/* "Unauthorized, Forbidden": the classes of one exit code. */
static void add_classes(int code, struct buf *out)
{
    const char *before = "";

    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (err_class_exit_code(classes[i]) != code)
            continue;
        buf_printf(out, "%s%s", before, err_class_name(classes[i]));
        before = ", ";
    }
}

/* A line or phrase for each exit code of an error. In the table of classes those of one code are neighbours. */
static void add_exit_codes(const char *before, const char *between, const char *after, struct buf *out)
{
    int last = 0;

    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        int code = err_class_exit_code(classes[i]);
        if (code == last)
            continue;
        buf_printf(out, "%s%d%s", before, code, between);
        add_classes(code, out);
        buf_add_str(out, after);
        last = code;
    }
}

void help_print_program(FILE *out)
{
    _cleanup_buf_ struct buf codes = BUF_INIT;

    fputs(ABOUT "\n\nUsage: istio-operator COMMAND [OPTIONS]\n\nCommands:\n", out);
    for (const struct command *const *c = commands; *c; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    add_exit_codes("; ", " ", "", &codes);
    fprintf(out, "\nistio-operator COMMAND --help tells more about a command.\n\nExit codes: 0 success%s.\n",
            buf_str(&codes));
}

/* "-f, --file, --filename FILE" */
static void add_left(const struct option_row *o, struct buf *out)
{
    if (o->letter)
        buf_printf(out, "-%c, ", o->letter);
    buf_printf(out, "--%s%s%s%s%s", o->name, o->alias ? ", --" : "", str_or(o->alias, ""), o->argument ? " " : "",
               str_or(o->argument, ""));
}

/* "text or json" behind the help of an option that has choices; then its default. */
static void add_values(const struct option_row *o, struct buf *out)
{
    for (const char *const *choice = o->choices; choice && *choice; choice++)
        buf_printf(out, "%s%s", choice == o->choices ? ": " : choice[1] ? ", " : " or ", *choice);
    if (o->standard)
        buf_printf(out, " (%s)", o->standard);
}

void help_print_command(const struct command *command)
{
    printf("Usage: istio-operator %s [OPTIONS]%s%s\n\n%s\n", command->name, command->arguments ? " " : "",
           str_or(command->arguments, ""), command->summary);
    if (command->text)
        printf("\n%s\n", command->text);
    puts("\nOptions:");
    for (const struct option_row *o = command->options; o && o->name; o++) {
        _cleanup_buf_ struct buf left = BUF_INIT, values = BUF_INIT;
        add_left(o, &left);
        add_values(o, &values);
        printf("  %*s%-*s %s%s\n", o->letter ? 0 : 4, "", o->letter ? 30 : 26, buf_str(&left), o->help,
               buf_str(&values));
    }
    puts("  -h, --help                     this text");
}

static void document_command(const struct command *command, struct buf *out)
{
    buf_printf(out, "## %s\n\n```\nistio-operator %s [OPTIONS]%s%s\n```\n\n", command->name, command->name,
               command->arguments ? " " : "", str_or(command->arguments, ""));
    buf_printf(out, "%c%s.\n", toupper((unsigned char)*command->summary), command->summary + 1);
    if (command->text)
        buf_printf(out, "\n%s\n", command->text);
    buf_add_char(out, '\n');
    if (!command->options)
        return;
    buf_add_str(out, "| Option | Meaning |\n| --- | --- |\n");
    for (const struct option_row *o = command->options; o->name; o++) {
        buf_add_str(out, "| `");
        add_left(o, out);
        buf_printf(out, "` | %s", o->help);
        add_values(o, out);
        buf_add_str(out, " |\n");
    }
    buf_add_char(out, '\n');
}

void help_document(struct buf *out)
{
    buf_add_str(out, ABOUT
                "\nOptions are written as for kubectl: `--name VALUE` or `--name=VALUE`, `-f VALUE`, `-f=VALUE` or\n"
                "`-fVALUE`; one that takes a single value is given once. Behind `--` nothing is an option.\n"
                "`--help` works with every command.\n\n");
    for (const struct command *const *c = commands; *c; c++)
        document_command(*c, out);
    buf_add_str(out, "## Exit codes\n\nMessages go to standard error. What 1 means, the command says. With `-o json` "
                     "standard output\n"
                     "has an array in any case: of {severity, reason, message} where the command failed.\n\n"
                     "| Code | Class of the error |\n| --- | --- |\n| 0 | none |\n");
    add_exit_codes("| ", " | ", " |\n", out);
}
