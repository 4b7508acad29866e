/*
 * Posts documents to webhooks and alerts, with the credentials of a Secret. Nothing of a Secret is in a message.
 */
#include <string.h>

#include "api/field.h"
#include "base/base64.h"
#include "controllers/canary/canary_impl.h"
#include "doc/doc.h"

/* What base64 makes of the longest credential. */
#define ENCODED_MAX (CANARY_CREDENTIAL_MAX / 3 * 4 + 4)

/* Only the status of an answer counts. */
#define ANSWER_MAX ((size_t)4 * 1024)

/* Zeroed: nowhere. */
struct address {
    char *url, *authorization; /* owned, secret; `authorization` NULL: none */
    bool is_secret;            /* the URL is of the Secret */
};

enum address_state { ADDRESS_KNOWN, ADDRESS_AWAITED, ADDRESS_MISSING };

struct credential {
    char *text; /* owned, secret; NULL: the Secret has none of that key */
    size_t len;
};

static void credential_release(struct credential *c)
{
    mem_free_secret(c->text, c->len);
}

/* False: it is there, and cannot be sent; `why` says so. */
static bool read_credential(const json_t *secret, const char *key, struct credential *ret, struct buf *why)
{
    const char *encoded = doc_string(secret, "data", key);

    *ret = (struct credential){0};
    if (!encoded)
        return true;
    if (strlen(encoded) > ENCODED_MAX || !base64_decode(encoded, strlen(encoded), &ret->text, &ret->len)) {
        buf_printf(
            why,
            "Secret %s: data.%s: must be base64 of at most %zu bytes",
            doc_string(secret, "metadata", "name"),
            key,
            CANARY_CREDENTIAL_MAX);
        return false;
    }
    while (ret->len && strchr("\r\n", ret->text[ret->len - 1]))
        ret->text[--ret->len] = '\0';
    return true;
}

static char *basic(const struct credential *user, const struct credential *password)
{
    char *pair = str_printf("%s:%s", user->text, str_or(password->text, ""));
    char *encoded = base64_encode(pair, strlen(pair)), *value = str_printf("Basic %s", encoded);

    str_free_secret(pair);
    str_free_secret(encoded);
    return value;
}

static bool read_secret(const json_t *secret, struct address *a, struct buf *why)
{
    struct credential address, token, user, password;
    bool is_good = read_credential(secret, "address", &address, why);

    is_good = read_credential(secret, "token", &token, why) && is_good;
    is_good = read_credential(secret, "username", &user, why) && is_good;
    is_good = read_credential(secret, "password", &password, why) && is_good;
    if (is_good && !a->url && address.text && format_matches(&format_http_url, address.text, NULL)) {
        a->url = str_dup(address.text);
        a->is_secret = true;
    }
    if (is_good && !a->url)
        buf_printf(
            why, "Secret %s: data.address: must be %s", doc_string(secret, "metadata", "name"), format_http_url.words);
    if (is_good && token.text)
        a->authorization = str_printf("Bearer %s", token.text);
    else if (is_good && user.text)
        a->authorization = basic(&user, &password);
    credential_release(&address);
    credential_release(&token);
    credential_release(&user);
    credential_release(&password);
    return is_good && a->url;
}

static enum address_state find_address(const struct canary *c, const json_t *item, struct address *ret, struct buf *why)
{
    const char *name = canary_secret_name(item), *url = doc_string(item, "url");
    const struct kube_object *o;
    _cleanup_json_ json_t *secret = NULL;

    *ret = (struct address){.url = url ? str_dup(url) : NULL};
    if (!name)
        return ADDRESS_KNOWN;
    c->re->plan->central.watch |= PLAN_WATCH_CANARY_SECRETS;
    if (c->in->failing & PLAN_WATCH_CANARY_SECRETS) {
        _cleanup_free_ char *text = canary_unreadable(c, PLAN_WATCH_CANARY_SECRETS, "Secrets");
        buf_printf(why, "Secret %s/%s: %s", c->ns, name, text);
        return ADDRESS_MISSING;
    }
    if (!(c->in->synced & PLAN_WATCH_CANARY_SECRETS))
        return ADDRESS_AWAITED;
    o = kube_cache_get(c->in->observed, mesh_kind(KIND_CANARY_SECRET), c->ns, name);
    secret = o && !o->deleting ? kube_object_parse(o) : NULL;
    if (!secret) {
        buf_printf(why, "there is no Secret %s/%s with the label " CANARY_CREDENTIALS "=true", c->ns, name);
        return ADDRESS_MISSING;
    }
    return read_secret(secret, ret, why) ? ADDRESS_KNOWN : ADDRESS_MISSING;
}

static void address_release(struct address *a)
{
    str_free_secret(a->url);
    str_free_secret(a->authorization);
}

/* How long an answer takes at most, with all retries. */
static msec_t patience(const struct canary_post *post)
{
    return post->timeout * (post->retries + 1) + SECONDS(((msec_t)1 << post->retries) - 1);
}

static enum canary_reply without_address(struct canary *c, const struct canary_post *post, enum address_state state)
{
    const msec_t until = post->since + patience(post);

    if (state == ADDRESS_AWAITED)
        canary_look_again(c, c->in->now + CANARY_LOOK_AGAIN);
    else if (!post->since || c->in->now >= until)
        return REPLY_SILENT;
    else
        canary_look_again(c, until);
    return REPLY_NONE;
}

static enum canary_reply read_answer(const struct canary *c, const char *key, bool is_secret, struct buf *why)
{
    const struct query_answer *answer = query_answers_find(&c->re->world->answers, key);

    if (!answer)
        return REPLY_NONE;
    if (!answer->error && answer->status >= 200 && answer->status < 300)
        return REPLY_YES;
    if (!answer->error)
        buf_printf(why, "HTTP %d", answer->status);
    else
        /* It names the server. */
        buf_add_str(why, is_secret ? "there is no answer" : answer->error);
    return answer->error ? REPLY_SILENT : REPLY_NO;
}

enum canary_reply canary_post(struct canary *c, const struct canary_post *post, struct buf *why)
{
    struct address address;
    enum address_state state = find_address(c, post->item, &address, why);
    enum canary_reply reply;

    if (state == ADDRESS_KNOWN) {
        _cleanup_free_ char *body = doc_text(post->document);
        queries_add(
            &c->re->plan->queries,
            &(struct query){
                .key = post->key,
                .url = address.url,
                .post = body,
                .authorization = address.authorization,
                .timeout = post->timeout,
                .retries = post->retries,
                .body_max = ANSWER_MAX,
                .max_age = post->max_age,
            });
        reply = read_answer(c, post->key, address.is_secret, why);
    } else {
        reply = without_address(c, post, state);
    }
    address_release(&address);
    return reply;
}
