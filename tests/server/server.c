#include "server.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "server_impl.h"

#define BODY_MAX ((size_t)8 * 1024 * 1024)
#define PAGES_MAX 64

/* The rest of a list, as it was when its first page was read. */
struct page {
    char *token;
    json_t *items;
    int64_t version;
};

static void page_release(struct page *p)
{
    free(p->token);
    json_decref(p->items);
}

void pages_free(struct server *s)
{
    for (size_t i = 0; i < s->page_count; i++)
        page_release(&s->pages[i]);
    free(s->pages);
    s->pages = NULL;
    s->page_count = s->page_cap = 0;
}

/* --- paths --- */

static int hex(char c)
{
    const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : 0;
}

static char *unescaped(const char *text, size_t len)
{
    char *copy = str_dup_n(text, len), *to = copy;

    for (const char *from = copy; *from; from++) {
        if (*from == '%' && from[1] && from[2]) {
            *to++ = (char)(16 * hex(from[1]) + hex(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return copy;
}

static struct map *parse_query(const char *query)
{
    struct map *values = map_new(free);

    while (query && *query) {
        size_t len = strcspn(query, "&"), key_len = strcspn(query, "=");
        _cleanup_free_ char *key = NULL;
        if (key_len < len) {
            key = unescaped(query, key_len);
            map_put(values, key, unescaped(query + key_len + 1, len - key_len - 1));
        }
        query += len + (query[len] == '&');
    }
    return values;
}

/* The next part of the path, owned by the caller; NULL: there is none. */
static char *take_segment(char **parts, size_t *position)
{
    const char *part = parts[*position];

    if (!part)
        return NULL;
    (*position)++;
    return unescaped(part, strlen(part));
}

static bool find_kind(struct server *s, struct target *t, const char *group, const char *plural)
{
    struct collection *kind = server_find(s, group, plural);

    if (!kind || (s->cold && kind->custom))
        return true;
    for (char **v = kind->versions; *v; v++)
        if (str_eq(*v, t->version))
            t->kind = kind;
    return true;
}

bool target_parse(struct server *s, const char *path, struct target *ret)
{
    size_t len = strcspn(path, "?"), i = 0;
    _cleanup_free_ char *bare = str_dup_n(path + 1, len - 1), *root = NULL, *group = NULL, *plural = NULL;
    _cleanup_strv_ char **parts = str_split(bare, '/');

    *ret = (struct target){.query = parse_query(path[len] ? path + len + 1 : NULL)};
    root = take_segment(parts, &i);
    group = str_eq(root, "apis") ? take_segment(parts, &i) : str_dup("");
    ret->version = take_segment(parts, &i);
    if (str_eq(parts[i], "namespaces") && parts[i + 1] && parts[i + 2]) {
        i++;
        ret->ns = take_segment(parts, &i);
    }
    plural = take_segment(parts, &i);
    ret->name = take_segment(parts, &i);
    ret->subresource = take_segment(parts, &i);
    return plural && find_kind(s, ret, group, plural);
}

void target_release(struct target *t)
{
    free(t->version);
    free(t->ns);
    free(t->name);
    free(t->subresource);
    map_free(t->query);
}

const char *target_query(const struct target *t, const char *key)
{
    return map_get(t->query, key);
}

bool target_selects(const struct target *t, const json_t *object)
{
    const char *labels = target_query(t, "labelSelector"), *fields = target_query(t, "fieldSelector");

    if (t->ns && !str_eq(t->ns, doc_string(object, "metadata", "namespace")))
        return false;
    return selector_labels(str_or(labels, ""), object) && selector_fields(str_or(fields, ""), object);
}

bool server_is_watch(const struct net_request *request)
{
    return request->method == NET_GET && strstr(request->path, "watch=true");
}

/* --- answers --- */

json_t *server_present(const struct collection *kind, const char *version, const json_t *object)
{
    json_t *copy = json_copy((json_t *)object);

    json_object_set_new(copy, "apiVersion",
                        *kind->group ? json_sprintf("%s/%s", kind->group, version) : json_string(version));
    json_object_set_new(copy, "kind", json_string(kind->kind));
    return copy;
}

static bool is_metadata_alone(const char *accept)
{
    return accept && strstr(accept, "as=PartialObjectMetadata");
}

json_t *server_present_as(const struct collection *kind, const char *version, const json_t *object, const char *accept)
{
    if (!is_metadata_alone(accept))
        return server_present(kind, version, object);
    return OBJECT(STRING("kind", "PartialObjectMetadata"), STRING("apiVersion", "meta.k8s.io/v1"),
                  VALUE("metadata", json_incref(json_object_get(object, "metadata"))));
}

struct answer server_refusal(int status, const char *reason, const char *message, int retry_after)
{
    _cleanup_json_ json_t *body =
        OBJECT(STRING("kind", "Status"), STRING("apiVersion", "v1"), MAP("metadata"), STRING("status", "Failure"),
               STRING("message", message), STRING("reason", reason),
               OPT(retry_after, MAP("details", INT("retryAfterSeconds", retry_after))), INT("code", status));

    return (struct answer){.status = status, .body = doc_text(body)};
}

static struct answer answer_with(int status, json_t *body)
{
    struct answer a = {.status = status, .body = doc_text(body)};

    json_decref(body);
    return a;
}

/* Before 1.22 the answer to the deletion of a Service is that of one that is gone, finalizers or not. */
static bool is_always_gone(const struct server *s, const struct collection *kind)
{
    return s->minor < 22 && str_eq(kind->plural, "services");
}

static struct answer answer_of(const struct server *s, const struct target *t, struct outcome *o, bool is_delete)
{
    struct answer a;

    if (o->reason)
        a = server_refusal(o->status, o->reason, o->message, 0);
    else if (is_delete && (o->removed || is_always_gone(s, t->kind)))
        a = answer_with(200, OBJECT(STRING("kind", "Status"), STRING("apiVersion", "v1"), MAP("metadata"),
                                    STRING("status", "Success"),
                                    MAP("details", STRING("name", t->name), STRING("kind", t->kind->plural),
                                        STRING("uid", doc_string(o->object, "metadata", "uid")))));
    else
        a = answer_with(o->status, server_present(t->kind, t->version, o->object));
    outcome_release(o);
    return a;
}

/* --- lists --- */

struct listed {
    const char *key; /* "namespace/name", the order of lists */
    json_t *object;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->key, ((const struct listed *)b)->key);
}

static json_t *selected(const struct target *t)
{
    _cleanup_free_ struct listed *found = NEW_ARRAY(struct listed, map_len(t->kind->objects) + 1);
    json_t *items = json_array();
    size_t count = 0;
    const char *key;
    void *object;

    for (size_t i = 0; map_next(t->kind->objects, &i, &key, &object);)
        if (target_selects(t, object))
            found[count++] = (struct listed){key, object};
    qsort(found, count, sizeof(*found), by_key);
    for (size_t i = 0; i < count; i++)
        json_array_append(items, found[i].object);
    return items;
}

/* Keeps what is left of a list behind `from`; its token is owned by the caller. */
static char *keep_rest(struct server *s, json_t *items, size_t from, int64_t version)
{
    struct page page = {.items = json_array(), .version = version};

    for (size_t i = from; i < json_array_size(items); i++)
        json_array_append(page.items, json_array_get(items, i));
    page.token = str_printf("page-%" PRIx64, rng_next(s->rng));
    if (s->page_count == PAGES_MAX) {
        page_release(&s->pages[0]);
        memmove(s->pages, s->pages + 1, --s->page_count * sizeof(*s->pages));
    }
    ARRAY_RESERVE_ONE(s->pages, s->page_count, s->page_cap);
    s->pages[s->page_count++] = page;
    return str_dup(page.token);
}

/* The items behind a token, or NULL where the server has forgotten them. */
static json_t *find_rest(struct server *s, const char *token, int64_t *ret_version)
{
    for (size_t i = 0; i < s->page_count; i++) {
        if (!str_eq(s->pages[i].token, token) || s->pages[i].version < s->compacted)
            continue;
        *ret_version = s->pages[i].version;
        return json_incref(s->pages[i].items);
    }
    return NULL;
}

static json_t *present_in_list(const struct target *t, const json_t *object, const char *accept)
{
    json_t *item = server_present_as(t->kind, t->version, object, accept);

    /* Lists of built-in kinds do not repeat what the list says. */
    if (!t->kind->custom && !is_metadata_alone(accept)) {
        json_object_del(item, "apiVersion");
        json_object_del(item, "kind");
    }
    return item;
}

static struct answer list(struct server *s, const struct target *t, const char *accept)
{
    const char *token = target_query(t, "continue"), *limit_text = target_query(t, "limit");
    int64_t version = s->version, limit = 0;
    _cleanup_json_ json_t *items = token ? find_rest(s, token, &version) : selected(t);
    _cleanup_free_ char *rest = NULL;
    json_t *shown = json_array();

    if (!items) {
        json_decref(shown);
        return server_refusal(410, "Expired", "The provided continue parameter is too old", 0);
    }
    if (!limit_text || !str_to_int64(limit_text, &limit) || limit <= 0)
        limit = INT64_MAX;
    else if (limit > s->page_most)
        limit = s->page_most;
    for (size_t i = 0; i < json_array_size(items) && (int64_t)i < limit; i++)
        json_array_append_new(shown, present_in_list(t, json_array_get(items, i), accept));
    if (json_array_size(items) > json_array_size(shown))
        rest = keep_rest(s, items, json_array_size(shown), version);
    return answer_with(
        200, OBJECT(OPT(is_metadata_alone(accept), STRING("kind", "PartialObjectMetadataList")),
                    OPT(is_metadata_alone(accept), STRING("apiVersion", "meta.k8s.io/v1")),
                    OPT(!is_metadata_alone(accept), FORMAT("kind", "%sList", t->kind->kind)),
                    OPT(!is_metadata_alone(accept),
                        FORMAT("apiVersion", "%s%s%s", t->kind->group, *t->kind->group ? "/" : "", t->version)),
                    MAP("metadata", FORMAT("resourceVersion", "%" PRId64, version), STRING("continue", rest)),
                    VALUE("items", shown)));
}

/* --- discovery --- */

static struct answer version_document(const struct server *s)
{
    return answer_with(
        200, OBJECT(STRING("major", "1"), FORMAT("minor", "%d", s->minor), FORMAT("gitVersion", "v1.%d.0", s->minor)));
}

static bool is_shown(const struct server *s, const struct collection *kind)
{
    return !kind->gone && !(kind->custom && s->cold);
}

static json_t *group_document(const struct server *s, const char *group)
{
    json_t *versions = json_array();

    for (size_t i = 0; i < s->kind_count; i++) {
        const struct collection *kind = s->kinds[i];
        if (!is_shown(s, kind) || !str_eq(kind->group, group))
            continue;
        for (char **v = kind->versions; *v; v++)
            if (!doc_find(versions, "version", *v))
                json_array_append_new(versions,
                                      OBJECT(FORMAT("groupVersion", "%s/%s", group, *v), STRING("version", *v)));
    }
    return OBJECT(STRING("name", group), VALUE("versions", versions),
                  VALUE("preferredVersion", json_incref(json_array_get(versions, 0))));
}

static struct answer groups_document(const struct server *s)
{
    json_t *groups = json_array();

    for (size_t i = 0; i < s->kind_count; i++)
        if (is_shown(s, s->kinds[i]) && *s->kinds[i]->group && !doc_find(groups, "name", s->kinds[i]->group))
            json_array_append_new(groups, group_document(s, s->kinds[i]->group));
    return answer_with(200,
                       OBJECT(STRING("kind", "APIGroupList"), STRING("apiVersion", "v1"), VALUE("groups", groups)));
}

static struct answer resources_document(const struct server *s, const char *group, const char *version)
{
    json_t *resources = json_array();

    for (size_t i = 0; i < s->kind_count; i++) {
        const struct collection *kind = s->kinds[i];
        for (char **v = is_shown(s, kind) && str_eq(kind->group, group) ? kind->versions : NULL; v && *v; v++)
            if (str_eq(*v, version))
                json_array_append_new(resources, OBJECT(STRING("name", kind->plural), STRING("kind", kind->kind),
                                                        BOOL("namespaced", kind->namespaced)));
    }
    if (!json_array_size(resources)) {
        json_decref(resources);
        return server_refusal(404, "NotFound", "the server could not find the requested resource", 0);
    }
    return answer_with(200, OBJECT(STRING("kind", "APIResourceList"), STRING("apiVersion", "v1"),
                                   FORMAT("groupVersion", "%s%s%s", group, *group ? "/" : "", version),
                                   VALUE("resources", resources)));
}

/* True where the path is one of discovery. */
static bool discover(const struct server *s, const char *path, struct answer *ret)
{
    _cleanup_strv_ char **parts = str_split(path, '/'); /* the first is empty */
    size_t len = strv_len(parts);

    if (str_eq(path, "/version"))
        *ret = version_document(s);
    else if (str_eq(path, "/api"))
        *ret = answer_with(200, OBJECT(STRING("kind", "APIVersions"), SEQ("versions", ITEM_STRING("v1"))));
    else if (str_eq(path, "/apis"))
        *ret = groups_document(s);
    else if (len == 3 && str_eq(parts[1], "api"))
        *ret = resources_document(s, "", parts[2]);
    else if (len == 4 && str_eq(parts[1], "apis"))
        *ret = resources_document(s, parts[2], parts[3]);
    else
        return false;
    return true;
}

/* --- writes --- */

void server_merge_patch(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)patch, key, value) {
        if (json_is_null(value))
            json_object_del(target, key);
        else if (json_is_object(value)) {
            if (!json_is_object(json_object_get(target, key)))
                json_object_set_new(target, key, json_object());
            server_merge_patch(json_object_get(target, key), value);
        } else
            json_object_set_new(target, key, doc_copy(value));
    }
}

static struct outcome patch(struct server *s, enum who who, const struct target *t, const json_t *body)
{
    const json_t *before = server_get(t->kind, t->ns, t->name);
    _cleanup_json_ json_t *after = before ? doc_copy(before) : json_object();

    server_merge_patch(after, body);
    return server_update(s, who, t->kind, t->ns, t->name, t->subresource, after);
}

/* What is wrong with an object for this path, or NULL. */
static const char *misplaced(const struct target *t, const json_t *body)
{
    const char *kind = doc_string(body, "kind"), *ns = doc_string(body, "metadata", "namespace");

    if (t->name && !str_eq(doc_string(body, "metadata", "name"), t->name))
        return "the name of the object does not match the name on the URL";
    if (kind && !str_eq(kind, t->kind->kind))
        return "the kind of the object is not that of the URL";
    if (ns && t->kind->namespaced && !str_eq(ns, t->ns))
        return "the namespace of the provided object does not match the namespace sent on the request";
    return NULL;
}

/* What webhooks refuse, with its answer. */
static bool refuses_pod(struct server *s, const struct target *t, json_t *body, struct answer *ret)
{
    if (!s->admit || !str_eq(t->kind->plural, "pods") || s->admit(s->admit_context, t->ns, body))
        return false;
    *ret = server_refusal(500, "InternalError", "Internal error occurred: failed calling webhook", 0);
    return true;
}

static struct answer write(struct server *s, const struct target *t, const struct net_request *request, enum who who)
{
    _cleanup_json_ json_t *body = NULL;
    struct outcome o = {0};
    struct answer refusal;
    struct err e;

    if (request->body && doc_parse(request->body, request->body_len, BODY_MAX, &body, &e) < 0)
        return server_refusal(400, "BadRequest", e.text, 0);
    if (request->method != NET_DELETE && !json_is_object(body))
        return server_refusal(400, "BadRequest", "the body is no object", 0);
    if (request->method != NET_DELETE && !defaults_can_be_read(t->kind, body))
        return request->method == NET_PATCH
                   ? server_refusal(422, "Invalid", "patch: the object has fields of wrong types", 0)
                   : server_refusal(400, "BadRequest", "the object has fields of wrong types", 0);
    if ((request->method == NET_POST || request->method == NET_PUT) && misplaced(t, body))
        return server_refusal(400, "BadRequest", misplaced(t, body), 0);
    switch (request->method) {
    case NET_POST:
        if (refuses_pod(s, t, body, &refusal))
            return refusal;
        o = str_eq(target_query(t, "dryRun"), "All") ? server_try_create(s, t->kind, t->ns, body)
                                                     : server_create(s, who, t->kind, t->ns, body);
        break;
    case NET_PUT:
        o = server_update(s, who, t->kind, t->ns, t->name, t->subresource, body);
        break;
    case NET_PATCH:
        o = patch(s, who, t, body);
        break;
    case NET_DELETE:
        o = server_delete(s, who, t->kind, t->ns, t->name, body);
        break;
    case NET_GET:
        break;
    }
    return answer_of(s, t, &o, request->method == NET_DELETE);
}

static struct answer read_one(const struct target *t)
{
    const json_t *object = server_get(t->kind, t->ns, t->name);

    if (!object)
        return server_refusal(404, "NotFound", "not found", 0);
    return answer_with(200, server_present(t->kind, t->version, object));
}

struct answer server_handle(struct server *s, const struct net_request *request, enum who who)
{
    struct target t;
    struct answer a;

    if (request->method == NET_GET && discover(s, request->path, &a))
        return a;
    if (!target_parse(s, request->path, &t) || !t.kind)
        a = server_refusal(404, "NotFound", "the server could not find the requested resource", 0);
    else if (request->method != NET_GET)
        a = write(s, &t, request, who);
    else if (t.name)
        a = read_one(&t);
    else
        a = list(s, &t, request->accept);
    target_release(&t);
    return a;
}
