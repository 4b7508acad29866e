#include "doc/patch.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

/* What the copies of one patch may add up to (see doc_weight()): a copy of a copy doubles with each operation. */
#define COPIED_MAX ((size_t)4 << 20)

/* As many as Kubernetes' API server takes. */
#define OPERATIONS_MAX 10000

enum op { OP_ADD, OP_REMOVE, OP_REPLACE, OP_MOVE, OP_COPY, OP_TEST, OP_LAST = OP_TEST };

static const struct {
    const char *name;
    bool value, from; /* members that it needs besides `path` */
} ops[] = {
    [OP_ADD] = {"add", true, false},   [OP_REMOVE] = {"remove", false, false}, [OP_REPLACE] = {"replace", true, false},
    [OP_MOVE] = {"move", false, true}, [OP_COPY] = {"copy", false, true},      [OP_TEST] = {"test", true, false},
};
ARRAY_COVERS(ops, OP_LAST);

struct patch {
    json_t *document; /* owned; what the operations so far made of the target */
    size_t copied;
    size_t position; /* of the operation */
    struct err *e;
};

/* Fails with the operation's position and member in front: "[2].path: ...". */
__attribute__((format(printf, 3, 4))) static int fail(struct patch *p, const char *member, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return err_set(p->e, ERR_INVALID, "[%zu]%s%s: %s", p->position, *member ? "." : "", member, buf_str(&text));
}

/* "" or /key/key, where ~ comes only as ~0 (for ~) and ~1 (for /). */
static bool is_pointer(const char *s)
{
    if (*s && *s != '/')
        return false;
    for (; (s = strchr(s, '~')); s++)
        if (s[1] != '0' && s[1] != '1')
            return false;
    return true;
}

static int check_pointer(struct patch *p, const json_t *operation, const char *member)
{
    const json_t *value = json_object_get(operation, member);
    const char *pointer = json_string_value(value);

    if (!value)
        return fail(p, member, "missing");
    if (!pointer || strlen(pointer) != json_string_length(value) || !is_pointer(pointer))
        return fail(p, member,
                    "not a JSON Pointer: it is empty or begins with \"/\"; \"~\" is written \"~0\", \"/\" in a "
                    "key \"~1\"");
    return 0;
}

static int find_op(struct patch *p, const json_t *operation, enum op *ret)
{
    const char *name = doc_string(operation, "op");

    for (size_t i = 0; name && i < ARRAY_LEN(ops); i++) {
        if (str_eq(name, ops[i].name)) {
            *ret = (enum op)i;
            return 0;
        }
    }
    return fail(p, "op", "%s; allowed are add, remove, replace, move, copy, test",
                json_object_get(operation, "op") ? "unknown" : "missing");
}

static int check_operation(struct patch *p, const json_t *operation, enum op *ret)
{
    if (!json_is_object(operation))
        return fail(p, "", "an operation must be a map");
    if (find_op(p, operation, ret) < 0 || check_pointer(p, operation, "path") < 0)
        return -1;
    if (ops[*ret].from && check_pointer(p, operation, "from") < 0)
        return -1;
    if (ops[*ret].value && !json_object_get(operation, "value"))
        return fail(p, "value", "missing");
    return 0;
}

int patch_check(const json_t *operations, struct err *e)
{
    struct patch p = {.e = e};
    json_t *operation;
    enum op op;

    if (!json_is_array(operations))
        return err_set(e, ERR_INVALID, "a patch must be a sequence of operations");
    if (json_array_size(operations) > OPERATIONS_MAX)
        return err_set(e, ERR_LIMIT, "a patch of %zu operations, at most %d are allowed", json_array_size(operations),
                       OPERATIONS_MAX);
    json_array_foreach(operations, p.position, operation)
        if (check_operation(&p, operation, &op) < 0)
            return -1;
    return 0;
}

/* The next key of a pointer, unescaped; *pointer is moved behind it. Owned by the caller. */
static char *next_key(const char **pointer)
{
    const char *s = *pointer + 1;
    size_t len = strcspn(s, "/"), n = 0;
    char *key = str_dup_n(s, len);

    for (size_t i = 0; i < len; i++) {
        if (key[i] == '~')
            key[n++] = key[++i] == '0' ? '~' : '/';
        else
            key[n++] = key[i];
    }
    key[n] = '\0';
    *pointer = s + len;
    return key;
}

/* An index as RFC 6901 has it, digits without leading zeros; "-" is the place behind the last element. */
static bool parse_index(const char *key, size_t len, size_t *ret)
{
    int64_t n;

    if (str_eq(key, "-")) {
        *ret = len;
        return true;
    }
    if (*key == '-' || (*key == '0' && key[1]) || !str_to_int64(key, &n))
        return false;
    *ret = (size_t)n;
    return true;
}

/* A place in the document: a field or element of `parent`, existing or not; or the document where parent is NULL. */
struct target {
    json_t *parent;
    char *key; /* owned */
    size_t index;
    json_t *value; /* borrowed; NULL: there is nothing */
    int depth;     /* containers around it */
};

static void target_release(struct target *t)
{
    free(t->key);
}
#define _cleanup_target_ _cleanup_(target_release)

/* One step down to a field or element; -1 where the place cannot be. */
static int step(struct target *t, const char **pointer)
{
    free(t->key);
    t->key = next_key(pointer);
    t->parent = t->value;
    t->depth++;
    if (json_is_object(t->parent)) {
        t->value = json_object_get(t->parent, t->key);
        return 0;
    }
    if (!json_is_array(t->parent) || !parse_index(t->key, json_array_size(t->parent), &t->index))
        return -1;
    t->value = json_array_get(t->parent, t->index);
    return t->index > json_array_size(t->parent) ? -1 : 0;
}

/* The place of a pointer, whose parent has to exist; the place itself only if it `must_exist`. */
static int locate(struct patch *p, const char *member, const char *pointer, bool must_exist, struct target *t)
{
    const char *rest = pointer;

    *t = (struct target){.value = p->document};
    while (*rest)
        if (!t->value || step(t, &rest) < 0)
            return fail(p, member, "\"%.*s\" does not exist", (int)(rest - pointer), pointer);
    if (must_exist && !t->value)
        return fail(p, member, "\"%s\" does not exist", pointer);
    return 0;
}

/* Puts a value, which is taken over, in a place: fields are replaced, elements move up. */
static int insert(struct patch *p, const char *pointer, json_t *value)
{
    _cleanup_target_ struct target t = {0};
    _cleanup_json_ json_t *owned = value;
    int depth;

    if (locate(p, "path", pointer, false, &t) < 0)
        return -1;
    doc_weight(value, &depth);
    if (t.depth + depth > DOC_DEPTH_MAX)
        return fail(p, "path", "the document would be nested deeper than %d", DOC_DEPTH_MAX);
    if (!t.parent) {
        json_decref(p->document);
        p->document = TAKE_PTR(owned);
    } else if (json_is_object(t.parent)) {
        json_object_set_new(t.parent, t.key, TAKE_PTR(owned));
    } else {
        json_array_insert_new(t.parent, t.index, TAKE_PTR(owned));
    }
    return 0;
}

/* Takes a value, which then belongs to the caller, out of its place. */
static int take(struct patch *p, const char *member, const char *pointer, json_t **ret)
{
    _cleanup_target_ struct target t = {0};

    if (locate(p, member, pointer, true, &t) < 0)
        return -1;
    if (!t.parent)
        return fail(p, member, "the whole document cannot be removed");
    *ret = json_incref(t.value);
    if (json_is_object(t.parent))
        json_object_del(t.parent, t.key);
    else
        json_array_remove(t.parent, t.index);
    return 0;
}

static int replace(struct patch *p, const char *pointer, const json_t *value)
{
    _cleanup_target_ struct target t = {0};

    if (locate(p, "path", pointer, true, &t) < 0)
        return -1;
    if (json_is_array(t.parent))
        json_array_remove(t.parent, t.index);
    return insert(p, pointer, doc_copy(value));
}

static int move(struct patch *p, const char *from, const char *to)
{
    _cleanup_target_ struct target t = {0};
    json_t *value;

    if (locate(p, "from", from, true, &t) < 0)
        return -1;
    if (str_eq(from, to))
        return 0;
    if (str_starts(to, from) && to[strlen(from)] == '/')
        return fail(p, "path", "\"%s\" cannot be moved into itself", from);
    return take(p, "from", from, &value) < 0 ? -1 : insert(p, to, value);
}

static int copy(struct patch *p, const char *from, const char *to)
{
    _cleanup_target_ struct target t = {0};

    if (locate(p, "from", from, true, &t) < 0)
        return -1;
    p->copied += doc_weight(t.value, NULL);
    if (p->copied > COPIED_MAX)
        return err_set(p->e, ERR_LIMIT, "[%zu]: the patch copies more than %zu bytes", p->position, COPIED_MAX);
    return insert(p, to, doc_copy(t.value));
}

/* The values may be secrets: the error names the place alone. */
static int test(struct patch *p, const char *pointer, const json_t *value)
{
    _cleanup_target_ struct target t = {0};

    if (locate(p, "path", pointer, true, &t) < 0)
        return -1;
    return doc_equal(t.value, value) ? 0 : fail(p, "value", "\"%s\" has another value", pointer);
}

static int apply_operation(struct patch *p, const json_t *operation)
{
    const char *path = doc_string(operation, "path"), *from = doc_string(operation, "from");
    const json_t *value = json_object_get(operation, "value");
    _cleanup_json_ json_t *removed = NULL;
    enum op op;

    if (find_op(p, operation, &op) < 0)
        return -1;
    switch (op) {
    case OP_ADD:
        return insert(p, path, doc_copy(value));
    case OP_REMOVE:
        return take(p, "path", path, &removed);
    case OP_REPLACE:
        return replace(p, path, value);
    case OP_MOVE:
        return move(p, from, path);
    case OP_COPY:
        return copy(p, from, path);
    case OP_TEST:
        return test(p, path, value);
    }
    return 0;
}

int patch_apply(const json_t *target, const json_t *operations, json_t **ret, struct err *e)
{
    struct patch p = {.e = e};
    json_t *operation;

    if (patch_check(operations, e) < 0)
        return -1;
    p.document = doc_copy(target);
    json_array_foreach(operations, p.position, operation) {
        if (apply_operation(&p, operation) < 0) {
            json_decref(p.document);
            return -1;
        }
    }
    *ret = p.document;
    return 0;
}

void patch_merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)patch, key, value) {
        if (json_is_null(value))
            json_object_del(target, key);
        else if (json_is_object(value))
            patch_merge(doc_make(target, key), value);
        else
            json_object_set_new(target, key, doc_copy(value));
    }
}
