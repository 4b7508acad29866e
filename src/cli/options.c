#include <string.h>

#include "base/str.h"
#include "cli/command.h"

static size_t option_count(const struct command *command)
{
    size_t n = 0;

    while (command->options && command->options[n].name)
        n++;
    return n;
}

/* "--name", "--name=value", "-n" or "-nvalue"; the value's place is NULL where it is not in the same word. */
static const struct option_row *find_option(const struct command *command, const char *word, const char **ret_value)
{
    bool is_long = str_starts(word, "--");
    const char *name = word + (is_long ? 2 : 1), *end = is_long ? strchrnul(name, '=') : name + 1;

    *ret_value = is_long ? (*end ? end + 1 : NULL) : (*end ? end : NULL);
    for (size_t i = 0; i < option_count(command); i++) {
        const struct option_row *o = &command->options[i];
        if (is_long ? strlen(o->name) == (size_t)(end - name) && strncmp(o->name, name, strlen(o->name)) == 0
                    : o->letter && o->letter == *name)
            return o;
    }
    return NULL;
}

static bool is_choice(const struct option_row *o, const char *value)
{
    for (const char *const *choice = o->choices; *choice; choice++)
        if (str_eq(*choice, value))
            return true;
    return false;
}

static int check_choice(const struct option_row *o, const char *value, struct err *e)
{
    _cleanup_buf_ struct buf allowed = BUF_INIT;

    if (is_choice(o, value))
        return 0;
    for (const char *const *choice = o->choices; *choice; choice++)
        buf_printf(&allowed, "%s%s", choice == o->choices ? "" : choice[1] ? ", " : " and ", *choice);
    return err_set(e, ERR_USAGE, "--%s \"%s\": allowed are %s", o->name, value, buf_str(&allowed));
}

static int check_value(const struct option_row *o, const char *value, struct err *e)
{
    _cleanup_buf_ struct buf why = BUF_INIT;

    if (!value || !*value)
        return err_set(e, ERR_USAGE, "--%s needs a value: %s", o->name, o->help);
    if (o->choices)
        return check_choice(o, value, e);
    if (o->format && !format_matches(o->format, value, &why))
        return err_set(e, ERR_USAGE, "--%s must be %s, but is \"%s\"", o->name, o->format->words, value);
    return 0;
}

/* One option at argv[*i]; moves on over its value. */
static int parse_option(struct invocation *inv, int argc, char **argv, int *i, struct err *e)
{
    const struct command *command = inv->command;
    const char *value;
    const struct option_row *o = find_option(command, argv[*i], &value);

    if (!o)
        return err_set(e, ERR_USAGE, "no option %s; see istio-operator %s --help", argv[*i], command->name);
    if (!o->argument && value)
        return err_set(e, ERR_USAGE, "--%s takes no value", o->name);
    if (o->argument && !value)
        value = ++*i < argc ? argv[*i] : NULL;
    if (o->argument && check_value(o, value, e) < 0)
        return -1;
    inv->values[o - command->options] = o->argument ? value : "";
    return 0;
}

int invocation_parse(const struct command *command, int argc, char **argv, struct invocation *ret, struct err *e)
{
    bool options = true;
    size_t kept = 0;

    *ret = (struct invocation){.command = command, .arguments = argv};
    for (size_t i = 0; i < option_count(command); i++)
        ret->values[i] = command->options[i].standard;
    for (int i = 0; i < argc; i++) {
        if (!options || argv[i][0] != '-' || str_eq(argv[i], "-")) {
            argv[kept++] = argv[i];
        } else if (str_eq(argv[i], "--")) {
            options = false;
        } else if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h")) {
            ret->help = true;
            return 0;
        } else if (parse_option(ret, argc, argv, &i, e) < 0) {
            return -1;
        }
    }
    ret->argument_count = kept;
    if (kept && !command->arguments)
        return err_set(e, ERR_USAGE, "takes no argument such as \"%s\"; see istio-operator %s --help", argv[0],
                       command->name);
    return 0;
}

const char *invocation_value(const struct invocation *inv, const char *name)
{
    for (size_t i = 0; i < option_count(inv->command); i++)
        if (str_eq(inv->command->options[i].name, name))
            return inv->values[i];
    abort(); /* a command asks for an option that its table does not have */
}

bool invocation_has(const struct invocation *inv, const char *name)
{
    return invocation_value(inv, name) != NULL;
}
