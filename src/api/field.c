#include "api/field.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "api/kubernetes.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

#define WHOLE_MAX 9007199254740992. /* 2^53: a larger real has no fraction that could be lost */
#define NEAR_MAX 64 /* names longer than this are not compared for likeness; the operator's are shorter */

struct parse {
    struct problems *problems;
    struct buf path;
    size_t root_len; /* of the path of the object that is parsed */
    int minor;
    const struct field_default *defaults; /* NULL: none */
    bool exact;                           /* the table that is being read is */
    bool object;                          /* of Kubernetes' own, see field_check() */
};

static void parse_table(struct parse *p, const struct field_table *table, const json_t *object, void *base);
static void parse_field(struct parse *p, const struct field *field, const json_t *value, void *base);
static void check(struct parse *p, const struct field *field, const json_t *value);

void field_words(const struct field *field, struct buf *out)
{
    switch (field->type) {
    case FIELD_FLAG:
        buf_add_str(out, "true or false");
        return;
    case FIELD_INTEGER:
        buf_printf(out, "a whole number from %.0f to %.0f", field->least, field->most);
        return;
    case FIELD_NUMBER:
        buf_printf(out, "a number from %g to %g", field->least, field->most);
        return;
    case FIELD_TEXT:
        buf_add_str(out, field->format->words);
        return;
    case FIELD_CHOICE:
        buf_add_str(out, "one of ");
        for (const char *const *choice = field->choices; *choice; choice++)
            buf_printf(out, "%s%s", choice == field->choices ? "" : ", ", *choice);
        return;
    case FIELD_QUANTITY:
        buf_add_str(out, format_quantity.words);
        return;
    case FIELD_PORTION:
        buf_printf(out, "a whole number from %.0f to %.0f or %s", field->least, field->most, field->format->words);
        return;
    case FIELD_TIME:
        buf_add_str(out, "a time such as 2006-01-02T15:04:05Z");
        return;
    case FIELD_ANY:
        buf_add_str(out, "anything");
        return;
    case FIELD_UNSUPPORTED:
        buf_add_str(out, "left out");
        return;
    case FIELD_GROUP:
    case FIELD_DOCUMENT:
    case FIELD_MAP:
        buf_add_str(out, "an object");
        return;
    case FIELD_LIST:
        buf_add_str(out, "a list");
    }
}

const char *field_alias_words(const struct field *field, struct buf *out)
{
    buf_add_str(out, "Another name of ");
    for (const char *const *target = field->alias_of; *target; target++)
        buf_printf(out, "%s`%s`", target == field->alias_of ? "" : target[1] ? ", " : " and ", *target);
    buf_add_char(out, '.');
    return buf_str(out);
}

/* "must be ..., but is ..."; `why` may add a reason. */
static void complain(struct parse *p, const struct field *field, const json_t *value, const char *why)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_str(&text, "must be ");
    field_words(field, &text);
    buf_add_str(&text, ", but is ");
    problems_describe(value, &text);
    if (*why)
        buf_printf(&text, ": %s", why);
    else if (field->type == FIELD_TEXT || field->type == FIELD_CHOICE || json_is_string(value))
        problems_explain(value, &text);
    problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "%s", buf_str(&text));
}

static bool is_whole(const json_t *value)
{
    double number = json_real_value(value);

    return json_is_integer(value) ||
           (json_is_real(value) && fabs(number) < WHOLE_MAX && (double)(json_int_t)number == number);
}

static bool is_within(const struct field *field, const json_t *value)
{
    double number = json_number_value(value);

    return number >= field->least && number <= field->most;
}

static bool is_choice(const struct field *field, const char *text)
{
    for (const char *const *choice = field->choices; *choice; choice++)
        if (str_eq(*choice, text))
            return true;
    return false;
}

static bool is_quantity(const json_t *value, struct buf *why)
{
    if (json_is_integer(value))
        return json_integer_value(value) >= 0;
    if (json_is_real(value))
        return buf_add_str(why, "write it in quotes"), false;
    return problems_is_text(value) && format_matches(&format_quantity, json_string_value(value), why);
}

static bool is_valid_scalar(const struct parse *p, const struct field *field, const json_t *value, struct buf *why)
{
    msec_t instant;

    switch (field->type) {
    case FIELD_FLAG:
        return json_is_boolean(value);
    case FIELD_INTEGER:
        return (p->exact ? json_is_integer(value) : is_whole(value)) && is_within(field, value);
    case FIELD_NUMBER:
        return json_is_number(value) && is_within(field, value);
    case FIELD_PORTION:
        return json_is_integer(value)
                   ? is_within(field, value)
                   : problems_is_text(value) && format_matches(field->format, json_string_value(value), why);
    case FIELD_TEXT:
        return problems_is_text(value) && format_matches(field->format, json_string_value(value), why);
    case FIELD_CHOICE:
        return problems_is_text(value) && is_choice(field, json_string_value(value));
    case FIELD_QUANTITY:
        return is_quantity(value, why);
    case FIELD_TIME:
        return problems_is_text(value) && clock_parse_rfc3339(json_string_value(value), &instant);
    default:
        return true;
    }
}

/* An element of a list, or a value of a map: null stands for nothing in them, as the API server has it. */
static void check_item(struct parse *p, const struct field *items, const json_t *value)
{
    if (json_is_null(value) && items->type != FIELD_ANY)
        complain(p, items, value, "");
    else
        check(p, items, value);
}

static void check_unique(struct parse *p, const json_t *list)
{
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) {
        _cleanup_free_ char *text = doc_text(item);
        size_t mark = p->path.len;
        doc_path_index(&p->path, i);
        if (map_has(seen, text)) {
            _cleanup_buf_ struct buf shown = BUF_INIT;
            if (json_is_string(item))
                problems_quote(json_string_value(item), &shown);
            else
                problems_describe(item, &shown);
            problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path),
                         "must be in the list once, but %s is there before", buf_str(&shown));
        }
        buf_truncate(&p->path, mark);
        map_put(seen, text, (void *)list);
    }
}

static void check_list(struct parse *p, const struct field *field, const json_t *list)
{
    size_t len = json_array_size(list), i;
    json_t *item;

    if ((double)len < field->least || (double)len > field->most) {
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "must have from %.0f to %.0f entries, but has %zu",
                     field->least, field->most, len);
        return;
    }
    json_array_foreach(list, i, item) {
        size_t mark = p->path.len;
        doc_path_index(&p->path, i);
        check_item(p, field->items, item);
        buf_truncate(&p->path, mark);
    }
    if (field->unique)
        check_unique(p, list);
}

static void check_map(struct parse *p, const struct field *field, const json_t *map)
{
    size_t len = json_object_size(map);
    const char *key;
    json_t *value;

    if ((double)len > field->most) {
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "must have at most %.0f entries, but has %zu",
                     field->most, len);
        return;
    }
    json_object_foreach((json_t *)map, key, value) {
        _cleanup_buf_ struct buf why = BUF_INIT;
        size_t mark = p->path.len;
        doc_path_key(&p->path, key);
        if (!format_matches(field->format, key, &why))
            problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "the key must be %s", field->format->words);
        check_item(p, field->items, value);
        buf_truncate(&p->path, mark);
    }
}

/* Whether `value` has no other value at what `nothing` has. */
static bool asks_for_nothing(const json_t *value, const json_t *nothing)
{
    const char *key;
    json_t *expected;

    if (json_is_object(value) && (json_object_size(nothing) || json_object_size(value) == 0)) {
        json_object_foreach((json_t *)nothing, key, expected) {
            const json_t *given = json_object_get(value, key);
            if (given && !asks_for_nothing(given, expected))
                return false;
        }
        return true;
    }
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) || (nothing && doc_equal(value, nothing));
}

static void check_unsupported(struct parse *p, const struct field *field, const json_t *value)
{
    _cleanup_json_ json_t *nothing = field_default(field);

    if (asks_for_nothing(value, nothing))
        return;
    if (!field->refused)
        problems_add(p->problems, PROBLEM_WARNING, buf_str(&p->path), "has no effect: %s", field->instead);
    else if (field->otherwise)
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "must be left out or %s: %s", field->otherwise,
                     field->instead);
    else
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "must be left out: %s", field->instead);
}

/* What is wrong with a value that is given. */
static void check(struct parse *p, const struct field *field, const json_t *value)
{
    _cleanup_buf_ struct buf why = BUF_INIT;

    if (field->type == FIELD_LIST && json_is_array(value))
        check_list(p, field, value);
    else if (field->type == FIELD_MAP && json_is_object(value))
        check_map(p, field, value);
    else if ((field->type == FIELD_GROUP || field->type == FIELD_DOCUMENT) && json_is_object(value))
        parse_table(p, field->table, value, NULL);
    else if (field->type == FIELD_UNSUPPORTED)
        check_unsupported(p, field, value);
    else if (field->type >= FIELD_GROUP || !is_valid_scalar(p, field, value, &why))
        complain(p, field, value, buf_str(&why));
}

/* --- how a value is kept in the member of a struct --- */

static void store_flag(void *member, const json_t *value)
{
    *(bool *)member = doc_bool(value, false);
}

static void store_integer(void *member, const json_t *value)
{
    *(int *)member = (int)json_number_value(value);
}

static void store_number(void *member, const json_t *value)
{
    *(double *)member = json_number_value(value);
}

static void store_text(void *member, const json_t *value)
{
    *(char **)member = str_dup(json_string_value(value));
}

static void own_text(void *member)
{
    *(char **)member = str_dup(*(char **)member);
}

static void release_text(void *member)
{
    free(TAKE_PTR(*(char **)member));
}

/* A null means no field: the client that wrote the resource may have left it out, as kubectl apply does. */
static void store_json(void *member, const json_t *value)
{
    json_t *copy = value ? doc_copy(value) : NULL;

    doc_drop_nulls(copy);
    *(json_t **)member = copy;
}

static void own_json(void *member)
{
    store_json(member, *(json_t **)member);
}

static void release_json(void *member)
{
    json_decref(TAKE_PTR(*(json_t **)member));
}

/* A row for every type that has a member of its own; a group's fields have theirs, and an alias has none. */
static const struct member {
    size_t size;
    void (*store)(void *member, const json_t *value); /* a valid value, or zero for NULL */
    void (*own)(void *member);                        /* replaces what another member owns by a copy */
    void (*release)(void *member);                    /* NULL, as `own`: the member owns nothing */
} members[] = {
    [FIELD_FLAG] = {sizeof(bool), store_flag},
    [FIELD_INTEGER] = {sizeof(int), store_integer},
    [FIELD_NUMBER] = {sizeof(double), store_number},
    [FIELD_TEXT] = {sizeof(char *), store_text, own_text, release_text},
    [FIELD_CHOICE] = {sizeof(char *), store_text, own_text, release_text},
    [FIELD_DOCUMENT] = {sizeof(json_t *), store_json, own_json, release_json},
    [FIELD_LIST] = {sizeof(json_t *), store_json, own_json, release_json},
    [FIELD_MAP] = {sizeof(json_t *), store_json, own_json, release_json},
    [FIELD_UNSUPPORTED] = {0},
};
ARRAY_COVERS(members, FIELD_TYPE_LAST);

static const struct member *member_of(const struct field *field)
{
    static const struct member none;

    return field->alias_of ? &none : &members[field->type];
}

static void store(const struct field *field, const json_t *value, void *base)
{
    const struct member *how = member_of(field);

    if (how->store)
        how->store((char *)base + field->offset, value);
}

json_t *field_default(const struct field *field)
{
    struct err e;
    json_t *value = NULL;

    if (!field->otherwise)
        return NULL;
    if (field->type == FIELD_TEXT || field->type == FIELD_CHOICE)
        return json_string(field->otherwise);
    if (doc_parse(field->otherwise, strlen(field->otherwise), SIZE_MAX, &value, &e) < 0)
        abort(); /* defaults are constants of the tables */
    return value;
}

/* A null is as good as an absent field, as it is for the API server. */
static const json_t *present(const json_t *value)
{
    return json_is_null(value) ? NULL : value;
}

/* In an object of Kubernetes' own, an empty text is, too. */
static const json_t *given(const struct parse *p, const struct field *field, const json_t *value)
{
    bool text = (field->type == FIELD_TEXT || field->type == FIELD_CHOICE) && !field->least;

    return p->object && text && json_is_string(value) && !json_string_length(value) ? NULL : present(value);
}

/* The row's, or the one that holds instead of it at this path. */
static json_t *default_of(const struct parse *p, const struct field *field)
{
    struct field other = *field;

    for (const struct field_default *d = p->defaults; d && d->path; d++)
        if (str_eq(d->path, p->path.len ? p->path.data : ""))
            other.otherwise = d->value;
    return field_default(&other);
}

static void parse_field(struct parse *p, const struct field *field, const json_t *value, void *base)
{
    size_t errors = p->problems->errors;
    _cleanup_json_ json_t *otherwise = NULL;

    value = field->type == FIELD_ANY ? value : given(p, field, value);
    if (field->type == FIELD_GROUP && base && (!value || json_is_object(value))) {
        parse_table(p, field->table, value, (char *)base + field->offset);
        return;
    }
    if (value)
        check(p, field, value);
    else if (field->required)
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "is required");
    if (!base)
        return;
    if (field->type == FIELD_GROUP) { /* it is no object: its fields have their defaults */
        parse_table(p, field->table, NULL, (char *)base + field->offset);
        return;
    }
    otherwise = default_of(p, field);
    store(field, value && p->problems->errors == errors ? value : otherwise, base);
}

static const struct field *find_row(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->len; i++)
        if (str_eq(table->rows[i].name, name))
            return &table->rows[i];
    return NULL;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters to add, drop, change or swap with their neighbour to get from a to b, without regard to case. */
static size_t distance(const char *a, const char *b)
{
    size_t d[NEAR_MAX + 1][NEAR_MAX + 1], a_len = strlen(a), b_len = strlen(b);

    for (size_t i = 0; i <= a_len; i++)
        for (size_t j = 0; j <= b_len; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = d[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]);
            d[i][j] = smaller(d[i][j], smaller(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a_len][b_len];
}

/* The field that was probably meant: at most one slip in three letters. */
static const char *nearest(const struct field_table *table, const char *name)
{
    const char *best = NULL;
    size_t least = strlen(name) / 3 + 1;

    if (strlen(name) > NEAR_MAX)
        return NULL;
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        size_t d = distance(name, field->name);
        if (d < least && !field->alias_of && field->type != FIELD_UNSUPPORTED) {
            best = field->name;
            least = d;
        }
    }
    return best;
}

static void refuse_unknown(struct parse *p, const struct field_table *table, const char *name)
{
    const char *meant = nearest(table, name);

    if (table->exact && p->minor > KUBERNETES_NEWEST)
        problems_add(p->problems, PROBLEM_WARNING, buf_str(&p->path), "is no known field of %s%s%s%s", table->name,
                     meant ? "; did you mean " : "", str_or(meant, ""), meant ? "?" : "");
    else if (table->exact)
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "is no field of %s and would be dropped%s%s%s",
                     table->name, meant ? "; did you mean " : "", str_or(meant, ""), meant ? "?" : "");
    else
        problems_add(p->problems, PROBLEM_WARNING, buf_str(&p->path), "is no known field and is ignored%s%s%s",
                     meant ? "; did you mean " : "", str_or(meant, ""), meant ? "?" : "");
}

static void find_unknown(struct parse *p, const struct field_table *table, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value) {
        size_t mark = p->path.len;
        if (find_row(table, name))
            continue;
        doc_path_key(&p->path, name);
        refuse_unknown(p, table, name);
        buf_truncate(&p->path, mark);
    }
}

/* Whether this Kubernetes knows the field. */
static bool is_known(struct parse *p, const struct field *field)
{
    if (p->minor && field->since && p->minor < field->since)
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path),
                     "is known to Kubernetes 1.%d and later, and 1.%d would drop it", field->since, p->minor);
    else if (p->minor && field->until && p->minor > field->until)
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path),
                     "is known to Kubernetes up to 1.%d, and 1.%d would drop it", field->until, p->minor);
    else
        return true;
    return false;
}

static void parse_row(struct parse *p, const struct field *field, const json_t *value, void *base)
{
    size_t mark = p->path.len;

    doc_path_key(&p->path, field->name);
    if (!value || json_is_null(value) || is_known(p, field))
        parse_field(p, field, value, base);
    buf_truncate(&p->path, mark);
}

/* Whether another row of the field holds for this Kubernetes. */
static bool is_replaced(const struct parse *p, const struct field_table *table, size_t i)
{
    const struct field *row = &table->rows[i];

    if (i + 1 < table->len && str_eq(row[1].name, row->name) && (!p->minor || p->minor >= row[1].since))
        return true;
    return i && str_eq(row[-1].name, row->name) && p->minor && p->minor < row->since;
}

static void parse_table(struct parse *p, const struct field_table *table, const json_t *object, void *base)
{
    size_t errors = p->problems->errors;
    bool exact = p->exact;

    if (table->full)
        table = table->full;
    p->exact = table->exact;
    for (size_t i = 0; i < table->len; i++)
        if (!is_replaced(p, table, i))
            parse_row(p, &table->rows[i], json_object_get(object, table->rows[i].name), base);
    if (!table->open)
        find_unknown(p, table, object);
    if (table->check && object && p->problems->errors == errors)
        table->check(object, buf_str(&p->path), p->problems);
    p->exact = exact;
}

/* --- aliases: what is given under them moves to the fields that they stand for --- */

/* The table of the fields of an object with this row; NULL: there is none. */
static const struct field_table *group_of(const struct field *field)
{
    return field && field->type == FIELD_GROUP ? field->table : NULL;
}

static void add_conflict(struct parse *p, const json_t *value, const char *target, const json_t *other)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(&text, "is another name of %s and must have the same value, but is ", target);
    problems_describe(value, &text);
    buf_printf(&text, ", and %s is ", target);
    problems_describe(other, &text);
    problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "%s", buf_str(&text));
}

/* Puts a valid value where the row's field is in `parent`; of a group field by field. `target` is its path. */
static void give(struct parse *p, const struct field *row, json_t *parent, const json_t *value, struct buf *target)
{
    json_t *there = json_object_get(parent, row->name), *item;
    const struct field_table *group = group_of(row);
    const char *key;

    if (!present(value))
        return;
    if (!present(there)) {
        there = group ? json_object() : doc_copy(value);
        json_object_set_new(parent, row->name, there);
        if (!group)
            return;
    }
    if (!group) {
        if (!doc_equal(there, value))
            add_conflict(p, value, buf_str(target), there);
        return;
    }
    if (!json_is_object(there))
        return; /* that is a problem of its own */
    json_object_foreach((json_t *)value, key, item) {
        const struct field *field = find_row(group, key);
        size_t mark = p->path.len, target_mark = target->len;
        if (!field || field->type == FIELD_UNSUPPORTED || field->alias_of)
            continue;
        doc_path_key(&p->path, key);
        doc_path_key(target, key);
        give(p, field, there, item, target);
        buf_truncate(&p->path, mark);
        buf_truncate(target, target_mark);
    }
}

/* `target` is a path from `table`; `root` the object with that table's fields. */
static void give_to(struct parse *p, const struct field_table *table, json_t *root, const char *target,
                    const json_t *value)
{
    _cleanup_buf_ struct buf path = BUF_INIT;
    const char *rest = target;

    buf_add(&path, buf_str(&p->path), p->root_len);
    for (;;) {
        size_t len = strcspn(rest, ".");
        _cleanup_free_ char *name = str_dup_n(rest, len);
        const struct field *row = find_row(table, name);
        doc_path_key(&path, name);
        if (!rest[len]) {
            give(p, row, root, value, &path);
            return;
        }
        if (!present(json_object_get(root, name)))
            json_object_set_new(root, name, json_object());
        root = json_object_get(root, name);
        if (!json_is_object(root))
            return; /* that is a problem of its own */
        table = row->table;
        rest += len + 1;
    }
}

static bool has_alias(const struct field_table *table, const json_t *object)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        const json_t *value = json_object_get(object, field->name);
        if (value && (field->alias_of || (group_of(field) && has_alias(field->table, value))))
            return true;
    }
    return false;
}

/* Takes what is given under aliases out of `object`, which lies in `root`. Mistakes are reported and given to none. */
static void resolve(struct parse *p, const struct field_table *root_table, json_t *root,
                    const struct field_table *table, json_t *object)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        _cleanup_json_ json_t *value = json_incref(json_object_get(object, field->name));
        size_t mark = p->path.len, errors = p->problems->errors;
        bool valid;

        doc_path_key(&p->path, field->name);
        if (group_of(field) && json_is_object(value) && !field->alias_of)
            resolve(p, root_table, root, field->table, value);
        if (value && field->alias_of) {
            json_object_del(object, field->name);
            parse_field(p, field, value, NULL);
            valid = p->problems->errors == errors;
            for (const char *const *target = field->alias_of; *target && valid; target++)
                give_to(p, root_table, root, *target, value);
        }
        buf_truncate(&p->path, mark);
    }
}

/* An object is whole or refused: also where a mark is in a value that is kept as it is. */
static void refuse_marks(struct parse *p, const json_t *value)
{
    const char *says = doc_mark(value), *key;
    size_t mark = p->path.len, i;
    json_t *item;

    /* Once, where several tables describe one object. */
    if (says && !problems_error_at(p->problems, buf_str(&p->path)))
        problems_add(p->problems, PROBLEM_ERROR, buf_str(&p->path), "%s", says);
    json_array_foreach(value, i, item) {
        doc_path_index(&p->path, i);
        refuse_marks(p, item);
        buf_truncate(&p->path, mark);
    }
    json_object_foreach((json_t *)value, key, item) {
        doc_path_key(&p->path, key);
        refuse_marks(p, item);
        buf_truncate(&p->path, mark);
    }
}

void field_parse_for(const struct field_table *table, const json_t *object, void *base, const char *path, int minor,
                     const struct field_default *defaults, struct problems *problems)
{
    struct parse p = {.problems = problems, .minor = minor, .defaults = defaults};
    _cleanup_json_ json_t *resolved = has_alias(table, object) ? doc_copy(object) : NULL;

    buf_add_str(&p.path, path);
    p.root_len = p.path.len;
    refuse_marks(&p, object);
    if (resolved)
        resolve(&p, table, resolved, table, resolved);
    parse_table(&p, table, resolved ? resolved : object, base);
    buf_release(&p.path);
}

void field_parse(const struct field_table *table, const json_t *object, void *base, const char *path,
                 struct problems *problems)
{
    field_parse_for(table, object, base, path, 0, NULL, problems);
}

void field_check(const struct field_table *table, const json_t *object, int minor, struct problems *problems)
{
    struct parse p = {.problems = problems, .minor = minor, .object = true};

    parse_table(&p, table, object, NULL);
    buf_release(&p.path);
}

static void release_member(const struct field *field, void *base)
{
    const struct member *how = member_of(field);
    void *member = (char *)base + field->offset;

    if (field->type == FIELD_GROUP)
        field_release(field->table, member);
    else if (how->release)
        how->release(member);
}

void field_release(const struct field_table *table, void *base)
{
    for (size_t i = 0; i < table->len; i++)
        release_member(&table->rows[i], base);
}

static void copy_members(const struct field_table *table, const void *from, void *to)
{
    for (size_t i = 0; i < table->len; i++)
        field_copy(&table->rows[i], from, to);
}

void field_copy(const struct field *field, const void *from, void *to)
{
    const struct member *how = member_of(field);
    const void *source = (const char *)from + field->offset;
    void *member = (char *)to + field->offset;

    if (field->type == FIELD_GROUP) {
        copy_members(field->table, source, member);
        return;
    }
    release_member(field, to);
    if (how->size)
        memcpy(member, source, how->size);
    if (how->own)
        how->own(member);
}
