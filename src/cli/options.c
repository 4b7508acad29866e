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

static bool is_named(const char *option, const char *name, size_t len)
{
    return option && strlen(option) == len && strncmp(option, name, len) == 0;
}

static const struct option_row *find_long(const struct command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < option_count(command); i++) {
        const struct option_row *o = &command->options[i];
        if (is_named(o->name, name, len) || is_named(o->alias, name, len))
            return o;
    }
    return NULL;
}

static const struct option_row *find_short(const struct command *command, char letter)
{
    for (size_t i = 0; i < option_count(command); i++)
        if (command->options[i].letter == letter)
            return &command->options[i];
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

static int unknown_option(const struct invocation *inv, const char *word, struct err *e)
{
    return err_set(e, ERR_USAGE, "no option %s; see istio-operator %s --help", word, inv->command->name);
}

/* `value` is NULL where none was given. */
static int set_switch(struct invocation *inv, const struct option_row *o, const char *value, struct err *e)
{
    if (value && !str_eq(value, "true") && !str_eq(value, "false"))
        return err_set(e, ERR_USAGE, "--%s takes no value but true and false", o->name);
    inv->values[o - inv->command->options] = str_eq(value, "false") ? NULL : "";
    return 0;
}

static int set_option(struct invocation *inv, const struct option_row *o, const char *value, struct err *e)
{
    size_t place = (size_t)(o - inv->command->options);

    if (check_value(o, value, e) < 0)
        return -1;
    if (inv->given[place] && !o->repeats)
        return err_set(e, ERR_USAGE, "--%s is given twice: \"%s\" and \"%s\"", o->name, inv->values[place], value);
    inv->given[place] = true;
    inv->values[place] = value;
    if (o->repeats) {
        ARRAY_RESERVE_ONE(inv->repeated, inv->repeated_len, inv->repeated_cap);
        inv->repeated[inv->repeated_len++] = value;
    }
    return 0;
}

/* --name, --name=VALUE or --name VALUE: skips its value. */
static int parse_long(struct invocation *inv, int argc, char **argv, int *i, struct err *e)
{
    const char *name = argv[*i] + 2, *end = strchrnul(name, '='), *value = *end ? end + 1 : NULL;
    const struct option_row *o = find_long(inv->command, name, (size_t)(end - name));

    if (!o)
        return unknown_option(inv, argv[*i], e);
    if (!o->argument)
        return set_switch(inv, o, value, e);
    if (!value && ++*i < argc)
        value = argv[*i];
    return set_option(inv, o, value, e);
}

/* -l VALUE, -lVALUE or -l=VALUE; switches may precede it: -RfVALUE. */
static int parse_short(struct invocation *inv, int argc, char **argv, int *i, struct err *e)
{
    const char *word = argv[*i];

    for (const char *letter = word + 1; *letter; letter++) {
        const struct option_row *o = find_short(inv->command, *letter);
        const char *rest = letter[1] ? letter + 1 + (letter[1] == '=') : NULL;
        if (!o)
            return unknown_option(inv, word, e);
        if (!o->argument && letter[1] == '=')
            return set_switch(inv, o, rest, e);
        if (!o->argument) {
            set_switch(inv, o, NULL, e);
            continue;
        }
        if (!rest && ++*i < argc)
            rest = argv[*i];
        return set_option(inv, o, rest, e);
    }
    return 0;
}

int invocation_parse(const struct command *command, int argc, char **argv, struct invocation *ret, struct err *e)
{
    bool options = true;
    size_t kept = 0;
    int r = 0;

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
        } else if ((str_starts(argv[i], "--") ? parse_long : parse_short)(ret, argc, argv, &i, r < 0 ? NULL : e) < 0) {
            r = -1;
        }
    }
    ret->argument_count = kept;
    if (r == 0 && kept && !command->arguments)
        r = err_set(e, ERR_USAGE, "takes no argument such as \"%s\"; see istio-operator %s --help", argv[0],
                    command->name);
    return r;
}

void invocation_release(struct invocation *inv)
{
    free(inv->repeated);
    inv->repeated = NULL;
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
