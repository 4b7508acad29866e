#include "serve/access.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define KEPT_MAX 64
#define UNDER_WAY_MAX 16
#define ANSWER_MAX_BYTES (256 * 1024)
#define REVIEW_TIMEOUT SECONDS(5)

static const char scheme[] = "Bearer ";

/* One that was answered lately. */
struct kept {
    char key[65]; /* "": free */
    int status;
    msec_t until; /* monotonic */
};

struct question {
    LIST_ENTRY(question) link;
    struct access *access;
    struct net_call *call;
    char *path;
    char key[65];
    access_done_fn done;
    void *context;
};

struct access {
    struct net_client *client;
    struct kept kept[KEPT_MAX];
    LIST_HEAD(, question) questions;
    size_t under_way;
};

static const char *why(int status)
{
    switch (status) {
    case 200:
        return "";
    case 401:
        return "send a bearer token that the cluster's API server knows: Authorization: Bearer TOKEN";
    case 403:
        return "this user may not get this path: see nonResourceURLs in RBAC's ClusterRoles";
    default:
        return "the API server cannot be asked now whether this is allowed";
    }
}

struct access *access_new(struct net_client *client)
{
    struct access *a = NEW(struct access);

    a->client = client;
    LIST_INIT(&a->questions);
    return a;
}

static void keep(struct access *a, const char *key, int status)
{
    struct kept *place = &a->kept[0];

    for (size_t i = 0; i < KEPT_MAX; i++)
        if (a->kept[i].until < place->until)
            place = &a->kept[i];
    memcpy(place->key, key, sizeof(place->key));
    place->status = status;
    place->until = clock_now_monotonic() + (status == 200 ? ACCESS_YES_KEPT : ACCESS_NO_KEPT);
}

/* Answers, and frees it. */
static void answer(struct question *q, int status)
{
    struct access *a = q->access;

    if (status != 503)
        keep(a, q->key, status);
    LIST_REMOVE(q, link);
    a->under_way--;
    q->done(q->context, status, why(status));
    free(q->path);
    free(q);
}

void access_free(struct access *a)
{
    struct question *q;

    if (!a)
        return;
    while ((q = LIST_FIRST(&a->questions))) {
        if (q->call)
            net_call_cancel(q->call);
        answer(q, 503);
    }
    free(a);
}

static void ask(struct question *q, const char *path, json_t *review, net_done_fn done)
{
    char *text = doc_text(review);
    struct net_request request = net_request_new(NET_POST, path, text);

    request.secret = true;
    request.timeout = REVIEW_TIMEOUT;
    q->call = net_client_send(q->access->client, &request, NULL, done, q);
    mem_free_secret(text, strlen(text));
    json_decref(review);
}

/* The status of the review's answer; NULL, and the question is answered, where there is none. */
static json_t *
read_review(struct question *q, const struct net_response *response, const struct err *e, json_t **ret_review)
{
    q->call = NULL;
    if (e || doc_parse(response->body, response->body_len, ANSWER_MAX_BYTES, ret_review, NULL) < 0) {
        answer(q, 503);
        return NULL;
    }
    return *ret_review;
}

static void on_access_review(void *context, const struct net_response *response, const struct err *e)
{
    _cleanup_json_ json_t *review = NULL;
    struct question *q = context;

    if (read_review(q, response, e, &review))
        answer(q, doc_bool(doc_at(review, "status", "allowed"), false) ? 200 : 403);
}

static void on_token_review(void *context, const struct net_response *response, const struct err *e)
{
    _cleanup_json_ json_t *review = NULL;
    struct question *q = context;
    const json_t *user;

    if (!read_review(q, response, e, &review))
        return;
    user = doc_at(review, "status", "user");
    if (!doc_bool(doc_at(review, "status", "authenticated"), false) || !doc_string(user, "username")) {
        answer(q, 401);
        return;
    }
    ask(q,
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        OBJECT(
            STRING("apiVersion", "authorization.k8s.io/v1"),
            STRING("kind", "SubjectAccessReview"),
            MAP("spec",
                STRING("user", doc_string(user, "username")),
                STRING("uid", doc_string(user, "uid")),
                VALUE("groups", json_incref(doc_at(user, "groups"))),
                VALUE("extra", json_incref(doc_at(user, "extra"))),
                MAP("nonResourceAttributes", STRING("path", q->path), STRING("verb", "get")))),
        on_access_review);
}

/* RFC 6750: letters, digits and a few signs; other characters would have to be escaped in JSON. */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("-._~+/=", c)))
            return false;
    }
    return len > 0;
}

static const struct kept *find_kept(const struct access *a, const char *key)
{
    msec_t now = clock_now_monotonic();

    for (size_t i = 0; i < KEPT_MAX; i++)
        if (a->kept[i].until > now && str_eq(a->kept[i].key, key))
            return &a->kept[i];
    return NULL;
}

static void
review_token(struct access *a, const char *token, const char *key, const char *path, access_done_fn done, void *context)
{
    struct question *q = NEW(struct question);

    *q = (struct question){.access = a, .path = str_dup(path), .done = done, .context = context};
    memcpy(q->key, key, sizeof(q->key));
    LIST_INSERT_HEAD(&a->questions, q, link);
    a->under_way++;
    ask(q,
        "/apis/authentication.k8s.io/v1/tokenreviews",
        OBJECT(
            STRING("apiVersion", "authentication.k8s.io/v1"),
            STRING("kind", "TokenReview"),
            MAP("spec", STRING("token", token))),
        on_token_review);
}

void access_check(
    struct access *a, struct http_span authorization, const char *path, access_done_fn done, void *context)
{
    const size_t skip = sizeof(scheme) - 1;
    const struct kept *kept;
    char key[65], *token, *named;

    if (!authorization.at || authorization.len <= skip || strncasecmp(authorization.at, scheme, skip) != 0 ||
        !is_token(authorization.at + skip, authorization.len - skip)) {
        done(context, 401, why(401));
        return;
    }
    token = str_dup_n(authorization.at + skip, authorization.len - skip);
    named = str_printf("%s %s", path, token);
    str_sha256_hex(named, strlen(named), key);
    kept = find_kept(a, key);
    if (kept)
        done(context, kept->status, why(kept->status));
    else if (a->under_way >= UNDER_WAY_MAX)
        done(context, 503, why(503));
    else
        review_token(a, token, key, path, done, context);
    mem_free_secret(named, strlen(named));
    mem_free_secret(token, strlen(token));
}
