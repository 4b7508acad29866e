/* The reference page of a table: one section a table, one line a field. */
#include <ctype.h>
#include <string.h>

#include "api/field.h"
#include "base/str.h"

/* Sections already asked for, in the order in which they are written. */
struct sections {
    const struct field_table **items;
    size_t len, cap;
};

static void ask_for(struct sections *s, const struct field_table *table)
{
    for (size_t i = 0; i < s->len; i++)
        if (s->items[i] == table)
            return;
    ARRAY_RESERVE_ONE(s->items, s->len, s->cap);
    s->items[s->len++] = table;
}

/* The anchor that Markdown viewers give to a heading. */
static void add_anchor(const char *heading, struct buf *out)
{
    buf_add_char(out, '#');
    for (; *heading; heading++) {
        if (*heading == ' ')
            buf_add_char(out, '-');
        else if (isalnum((unsigned char)*heading) || *heading == '-')
            buf_add_char(out, (char)tolower((unsigned char)*heading));
    }
}

/* Text in a cell of a table. */
static void add_cell(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (strchr("|*<\\", *text))
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static void add_link(const struct field_table *table, struct sections *s, struct buf *out)
{
    ask_for(s, table);
    buf_printf(out, "[%s](", table->name);
    add_anchor(table->name, out);
    buf_add_char(out, ')');
}

static void add_type(const struct field *field, struct sections *s, struct buf *out)
{
    switch (field->type) {
    case FIELD_FLAG:
        buf_add_str(out, "boolean");
        return;
    case FIELD_INTEGER:
        buf_printf(out, "integer, %.0f to %.0f", field->least, field->most);
        return;
    case FIELD_NUMBER:
        buf_printf(out, "number, %g to %g", field->least, field->most);
        return;
    case FIELD_TEXT:
        add_cell(field->format->noun, out);
        return;
    case FIELD_CHOICE:
        for (const char *const *choice = field->choices; *choice; choice++)
            buf_printf(out, "%s`%s`", choice == field->choices ? "" : ", ", *choice);
        return;
    case FIELD_QUANTITY:
        buf_add_str(out, format_quantity.noun);
        return;
    case FIELD_TIME:
        buf_add_str(out, "time");
        return;
    case FIELD_PORTION:
        buf_printf(out, "integer or %s", field->format->noun);
        return;
    case FIELD_ANY:
        buf_add_str(out, "any value");
        return;
    case FIELD_UNSUPPORTED:
        buf_add_str(out, "not supported");
        return;
    case FIELD_GROUP:
    case FIELD_DOCUMENT:
        add_link(field->table, s, out);
        return;
    case FIELD_LIST:
        buf_add_str(out, "list of ");
        add_type(field->items, s, out);
        if (field->items->type == FIELD_TEXT)
            buf_add_char(out, 's');
        return;
    case FIELD_MAP:
        buf_printf(out, "map from %s to ", field->format->noun);
        add_type(field->items, s, out);
    }
}

static void add_default(const struct field *field, struct buf *out)
{
    if (field->type == FIELD_UNSUPPORTED)
        return;
    if (field->implied)
        add_cell(field->implied, out);
    else if (field->otherwise)
        buf_printf(out, "`%s`%s", *field->otherwise ? field->otherwise : "\"\"", field->floating ? ", not stored" : "");
    else if (field->required)
        buf_add_str(out, "required");
}

static void add_meaning(const struct field *field, struct buf *out)
{
    _cleanup_buf_ struct buf words = BUF_INIT;

    if (field->alias_of) {
        add_cell(field_alias_words(field, &words), out);
        return;
    }
    if (field->type == FIELD_UNSUPPORTED)
        buf_printf(&words, "%s: %s.", field->refused ? "Refused" : "Has no effect", field->instead);
    add_cell(words.len ? buf_str(&words) : str_or(field->doc, ""), out);
}

static void add_section(const struct field_table *table, const char *title, int level, struct sections *s,
                        struct buf *out)
{
    for (int i = 0; i < level; i++)
        buf_add_char(out, '#');
    buf_printf(out, " %s\n\n", title);
    if (table->doc)
        buf_printf(out, "%s\n\n", table->doc);
    if (!table->len)
        return;
    buf_add_str(out, "| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        buf_printf(out, "| `%s` | ", field->name);
        add_type(field, s, out);
        buf_add_str(out, " | ");
        add_default(field, out);
        buf_add_str(out, " | ");
        add_meaning(field, out);
        buf_add_str(out, " |\n");
    }
    buf_add_char(out, '\n');
}

void field_markdown(const struct field_table *table, const char *title, int level, struct buf *out)
{
    struct sections s = {0};

    ask_for(&s, table);
    for (size_t i = 0; i < s.len; i++)
        add_section(s.items[i], i ? s.items[i]->name : title, i ? level + 1 : level, &s, out);
    free(s.items);
}
