/*
 * What is odd in what a server sends. An object is so in one version of it, in the same place for all that read it;
 * what is around objects is so in one answer.
 */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "net_impl.h"
#include "odd.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

/* The same numbers for the same version of the same object. */
static struct rng dice_of(const struct faults *f, const json_t *object)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "%" PRIu64 " %s %s", f->odd_seed, doc_string(object, "metadata", "uid"),
               str_or(doc_string(object, "metadata", "resourceVersion"), ""));
    return (struct rng){buf_take_hash(&text)};
}

static bool is_chosen(const struct faults *f, const json_t *object, struct rng *ret_dice)
{
    if (!f->odd_object || !doc_string(object, "metadata", "uid"))
        return false;
    *ret_dice = dice_of(f, object);
    return rng_chance(ret_dice, f->odd_object);
}

bool net_is_odd(const struct faults *f, const json_t *object)
{
    struct rng dice;

    return is_chosen(f, object, &dice);
}

static json_t *made_odd(const json_t *document, struct rng *dice)
{
    size_t place = rng_below(dice, odd_places(document));

    return odd_document(document, place, (enum odd)rng_below(dice, ODD_COUNT), NULL);
}

static bool has_another(const json_t *odd, const json_t *object, const char *field)
{
    const char *text = doc_string(odd, "metadata", field);

    return text && *text && !str_eq(text, doc_string(object, "metadata", field));
}

/* NULL: it is shown as it is. With another name or uid it would be another object, and nobody could see that it is not.
 */
static json_t *odd_object(const struct net *n, const json_t *object)
{
    struct rng dice;
    json_t *odd = is_chosen(n->o.faults, object, &dice) ? made_odd(object, &dice) : NULL;

    if (!has_another(odd, object, "uid") && !has_another(odd, object, "name") && !has_another(odd, object, "namespace"))
        return odd;
    json_decref(odd);
    return NULL;
}

static void tell(const struct net_call *call)
{
    const struct net *n = call->net;

    call->net->faults++;
    if (n->o.odd)
        n->o.odd(n->o.context, call->title);
}

/* True where one is odd. */
static bool change_items(const struct net_call *call, json_t *items)
{
    bool changed = false;
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        json_t *odd = odd_object(call->net, item);
        if (!odd)
            continue;
        json_array_set_new(items, i, odd);
        changed = true;
    }
    return changed;
}

static bool is_chosen_now(const struct net *n, unsigned permille)
{
    return permille && rng_chance(n->o.odd_dice, permille);
}

/* What a list holds: objects, or what discovery finds. */
static const char *key_of_items(const json_t *list)
{
    static const char *const keys[] = {"items", "groups", "resources"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_is_array(json_object_get(list, keys[i])))
            return keys[i];
    return NULL;
}

/*
 * A list whose end is cut off without a word, or that is empty, is no odd list but another one; and so is one that
 * leaves out, or calls otherwise, what the server has.
 */
static json_t *odd_list(const struct net *n, const json_t *list, const char *key)
{
    static const enum odd others[] = {ODD_MAP, ODD_EMPTY, ODD_TEXT, ODD_ZERO, ODD_TRUE};
    const char *token = doc_string(list, "metadata", "continue");
    json_t *shell = json_copy((json_t *)list), *items = json_object_get(list, key), *odd;

    json_object_del(shell, key);
    if (rng_chance(n->o.odd_dice, 200)) {
        odd = shell;
        items = odd_value(others[rng_below(n->o.odd_dice, ARRAY_LEN(others))], items);
    } else {
        odd = made_odd(shell, n->o.odd_dice);
        json_incref(items);
        json_decref(shell);
    }
    if (json_is_object(odd) && items)
        json_object_set(odd, key, items);
    json_decref(items);
    if (token && json_is_object(odd) && !json_is_string(doc_at(odd, "metadata", "continue")))
        json_object_set_new(doc_make(odd, "metadata"), "continue", json_string(token));
    return odd;
}

static json_t *odd_answer(const struct net_call *call, json_t *answer)
{
    const struct net *n = call->net;
    const char *key = key_of_items(answer);
    json_t *odd = NULL;
    bool changed;

    if (!key) {
        if (doc_string(answer, "metadata", "uid"))
            return odd_object(n, answer);
        /* Another version of the server is none that is odd. */
        if (doc_string(answer, "gitVersion") || !is_chosen_now(n, n->o.faults->odd_answer))
            return NULL;
        return made_odd(answer, n->o.odd_dice);
    }
    changed = change_items(call, json_object_get(answer, key));
    if (is_chosen_now(n, n->o.faults->odd_answer))
        odd = odd_list(n, answer, key);
    return odd || !changed ? odd : json_incref(answer);
}

char *net_odd_body(const struct net_call *call, char *body)
{
    const struct faults *f = call->net->o.faults;
    _cleanup_json_ json_t *answer = NULL, *odd = NULL;

    if ((!f->odd_object && !f->odd_answer) || doc_parse(body, strlen(body), TEXT_MAX, &answer, NULL) < 0)
        return body;
    odd = odd_answer(call, answer);
    if (!odd)
        return body;
    tell(call);
    free(body);
    return doc_text(odd);
}

/* Odd around its object. */
static json_t *odd_event(const struct net *n, const json_t *event)
{
    _cleanup_json_ json_t *shell =
        OBJECT(VALUE("type", json_incref(json_object_get(event, "type"))), STRING("object", "?"));
    json_t *odd = made_odd(shell, n->o.odd_dice);

    if (str_eq(doc_string(odd, "object"), "?"))
        json_object_set(odd, "object", json_object_get(event, "object"));
    return odd;
}

char *net_odd_line(const struct net_call *call, const char *line, size_t len)
{
    const struct net *n = call->net;
    const struct faults *f = n->o.faults;
    _cleanup_json_ json_t *event = NULL, *odd = NULL;
    _cleanup_free_ char *text = NULL;
    json_t *object;

    if ((!f->odd_object && !f->odd_watch) || doc_parse(line, len, TEXT_MAX, &event, NULL) < 0)
        return NULL;
    object = odd_object(n, json_object_get(event, "object"));
    if (object)
        json_object_set_new(event, "object", object);
    if (is_chosen_now(n, f->odd_watch))
        odd = odd_event(n, event);
    if (!object && !odd)
        return NULL;
    tell(call);
    text = doc_text(odd ? odd : event);
    return str_printf("%s\n", text);
}
