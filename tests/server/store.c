#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "server_impl.h"
#include "shared.h"

#define HISTORY_MAX 2000

static void destroy_object(void *p)
{
    json_decref(p);
}

static void change_release(struct change *c)
{
    json_decref(c->object);
    json_decref(c->before);
}

static void forget_changes(struct collection *kind, size_t count)
{
    for (size_t i = 0; i < count; i++)
        change_release(&kind->changes[i]);
    if (kind->change_count > count)
        memmove(kind->changes, kind->changes + count, (kind->change_count - count) * sizeof(*kind->changes));
    kind->change_count -= count;
    kind->dropped += count;
    if (kind->change_count)
        return;
    free(kind->changes);
    kind->changes = NULL;
    kind->change_cap = 0;
}

static void collection_free(struct collection *kind)
{
    forget_changes(kind, kind->change_count);
    free(kind->changes);
    free(kind->group);
    free(kind->plural);
    free(kind->kind);
    strv_free(kind->versions);
    json_decref(kind->schema);
    map_free(kind->objects);
    free(kind);
}

static struct collection *add_kind(struct server *s, const char *group, const char *plural, const char *name)
{
    struct collection *kind = NEW(struct collection);

    *kind = (struct collection){.group = str_dup(group),
                                .plural = str_dup(plural),
                                .kind = str_dup(name),
                                .since = s->version,
                                .objects = map_new(destroy_object)};
    ARRAY_RESERVE_ONE(s->kinds, s->kind_count, s->kind_cap);
    s->kinds[s->kind_count++] = kind;
    return kind;
}

static void add_version(struct collection *kind, const char *version)
{
    size_t len = kind->versions ? strv_len(kind->versions) : 0;

    kind->versions = mem_resize(kind->versions, len + 2, sizeof(char *));
    kind->versions[len] = str_dup(version);
    kind->versions[len + 1] = NULL;
}

/* Kinds that are served beside those of the table. */
static const struct kube_kind others[] = {
    {.kind = "Event", .plural = "events", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true},
    {.kind = "Endpoints", .plural = "endpoints", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true},
    {.kind = "Lease",
     .plural = "leases",
     .group = "coordination.k8s.io",
     .versions = {{"v1", 14, 0}},
     .namespaced = true},
};

/* Kinds without a status of their own. */
static bool is_without_status(const char *plural)
{
    static const char *const plurals[] = {"configmaps",
                                          "secrets",
                                          "serviceaccounts",
                                          "endpoints",
                                          "leases",
                                          "events",
                                          "clusterroles",
                                          "clusterrolebindings",
                                          "endpointslices",
                                          "roles",
                                          "rolebindings",
                                          "mutatingwebhookconfigurations",
                                          "validatingwebhookconfigurations"};

    for (size_t i = 0; i < ARRAY_LEN(plurals); i++)
        if (str_eq(plurals[i], plural))
            return true;
    return false;
}

static void add_builtin(struct server *s, const struct kube_kind *row)
{
    struct collection *kind;

    if (row->custom || server_find(s, row->group, row->plural) || !kube_kind_version_for(row, s->minor))
        return;
    kind = add_kind(s, row->group, row->plural, row->kind);
    kind->namespaced = row->namespaced;
    kind->has_status = !is_without_status(row->plural);
    for (size_t v = 0; v < KUBE_VERSIONS_MAX && row->versions[v].name; v++)
        if (row->versions[v].since <= s->minor && (!row->versions[v].until || s->minor <= row->versions[v].until))
            add_version(kind, row->versions[v].name);
}

struct server *server_new(const struct kube_kind_table *kinds, int minor, struct rng *rng, const struct sched *sched)
{
    struct server *s = NEW(struct server);

    *s = (struct server){.minor = minor, .rng = rng, .sched = sched, .version = 100, .compacted = 100};
    s->gone_in_answer = rng_chance(rng, 300);
    s->page_most = rng_chance(rng, 500) ? rng_between(rng, 3, 60) : 500;
    for (size_t i = 0; i < kinds->len; i++)
        add_builtin(s, &kinds->rows[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        add_builtin(s, &others[i]);
    return s;
}

struct collection *server_find(struct server *s, const char *group, const char *plural)
{
    for (size_t i = 0; i < s->kind_count; i++) {
        struct collection *kind = s->kinds[i];
        if (!kind->gone && str_eq(kind->plural, plural) && str_eq(kind->group, group))
            return kind;
    }
    return NULL;
}

struct collection *server_next_kind(struct server *s, size_t *position)
{
    while (*position < s->kind_count)
        if (!s->kinds[(*position)++]->gone)
            return s->kinds[*position - 1];
    return NULL;
}

/* Kinds that are gone stay only for streams and for the way back to a snapshot. */
static void drop_gone_kinds(struct server *s)
{
    size_t left = 0;

    for (size_t i = 0; i < s->kind_count; i++) {
        if (s->kinds[i]->gone && !s->kinds[i]->streams && !s->saved)
            collection_free(s->kinds[i]);
        else
            s->kinds[left++] = s->kinds[i];
    }
    s->kind_count = left;
}

void server_serve(struct server *s, const json_t *definition, const char *const *versions)
{
    const json_t *spec = doc_at(definition, "spec");
    const char *group = doc_string(spec, "group"), *plural = doc_string(spec, "names", "plural");
    struct collection *kind = server_find(s, group, plural);
    const json_t *first = json_array_get(doc_at(spec, "versions"), 0);
    const json_t *subresources = doc_at(first, "subresources");
    const json_t *schema = doc_at(first, "schema", "openAPIV3Schema");

    if (kind)
        return;
    drop_gone_kinds(s);
    kind = add_kind(s, group, plural, doc_string(spec, "names", "kind"));
    kind->custom = true;
    kind->namespaced = str_eq(doc_string(spec, "scope"), "Namespaced");
    kind->has_status = doc_at(subresources ? subresources : doc_at(spec, "subresources"), "status") != NULL;
    kind->schema = json_incref((json_t *)schema);
    for (; *versions; versions++)
        add_version(kind, *versions);
}

void server_unserve(struct server *s, const char *group, const char *plural)
{
    struct collection *kind = server_find(s, group, plural);

    if (kind)
        kind->gone = true;
}

static void forget_snapshot(struct server *s)
{
    for (size_t i = 0; i < s->saved_count; i++)
        map_free(s->saved[i].objects);
    free(s->saved);
    s->saved = NULL;
    s->saved_count = 0;
}

/* An object is not changed but replaced, so that both have the same. */
static struct map *copy_of(const struct map *objects)
{
    struct map *copy = map_new(destroy_object);
    const char *key;
    void *object;

    for (size_t i = 0; map_next(objects, &i, &key, &object);)
        map_put(copy, key, json_incref(object));
    return copy;
}

void server_save(struct server *s)
{
    struct collection *kind;

    forget_snapshot(s);
    s->saved = NEW_ARRAY(struct saved, s->kind_count);
    s->saved_version = s->version;
    for (size_t i = 0; (kind = server_next_kind(s, &i));)
        s->saved[s->saved_count++] = (struct saved){kind, copy_of(kind->objects)};
}

bool server_put_back(struct server *s)
{
    if (!s->saved)
        return false;
    for (size_t i = 0; i < s->kind_count; i++)
        s->kinds[i]->gone = true;
    for (size_t i = 0; i < s->saved_count; i++) {
        struct collection *kind = s->saved[i].kind;
        kind->gone = false;
        map_free(kind->objects);
        kind->objects = copy_of(s->saved[i].objects);
    }
    server_compact(s); /* of the history that is gone */
    s->version = s->compacted = s->saved_version;
    pages_free(s);
    return true;
}

void server_catch_up(struct server *s, int64_t version)
{
    if (version > s->version)
        s->version = version;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->kind_count; i++)
        collection_free(s->kinds[i]);
    free(s->kinds);
    forget_snapshot(s);
    pages_free(s);
    free(s);
}

int server_minor(const struct server *s)
{
    return s->minor;
}

int64_t server_version(const struct server *s)
{
    return s->version;
}

void server_observe(struct server *s, server_observer_fn observer, void *context)
{
    s->observer = observer;
    s->observer_context = context;
}

void server_set_admission(struct server *s, server_admit_fn admit, void *context)
{
    s->admit = admit;
    s->admit_context = context;
}

void server_set_cold(struct server *s, bool cold)
{
    s->cold = cold;
}

void server_set_calm(struct server *s)
{
    s->gone_in_answer = false;
    s->page_most = INT64_MAX;
}

void server_share(struct server *s, struct shared *shared)
{
    s->shared = shared;
}

void server_forget(struct server *s, int64_t version)
{
    s->compacted = version;
    for (size_t i = 0; i < s->kind_count; i++) {
        struct collection *kind = s->kinds[i];
        size_t count = 0;
        while (count < kind->change_count && kind->changes[count].version <= version)
            count++;
        forget_changes(kind, count);
    }
}

void server_compact(struct server *s)
{
    server_forget(s, s->version);
}

static char *key_of(const char *ns, const char *name)
{
    return str_printf("%s/%s", str_or(ns, ""), name);
}

const json_t *server_get(const struct collection *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *key = key_of(ns, name);

    return kind ? map_get(kind->objects, key) : NULL;
}

void outcome_release(struct outcome *o)
{
    json_decref(o->object);
    o->object = NULL;
}

static struct outcome refused(int status, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static struct outcome refused(int status, const char *reason, const char *fmt, ...)
{
    struct outcome o = {.status = status, .reason = reason};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(o.message, sizeof(o.message), fmt, ap);
    va_end(ap);
    return o;
}

/* The next version, for an object that is about to be stored. Other things happen in a cluster, too. */
static void stamp(struct server *s, json_t *object)
{
    s->version += rng_between(s->rng, 1, 3);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion", json_sprintf("%" PRId64, s->version));
}

static void record(struct server *s, enum who who, struct collection *kind, json_t *before, json_t *after, bool removed)
{
    ARRAY_RESERVE_ONE(kind->changes, kind->change_count, kind->change_cap);
    kind->changes[kind->change_count++] = (struct change){
        .version = s->version, .removed = removed, .object = json_incref(after), .before = json_incref(before)};
    if (kind->change_count > HISTORY_MAX) {
        s->compacted = kind->changes[HISTORY_MAX / 2].version;
        forget_changes(kind, HISTORY_MAX / 2 + 1);
    }
    if (s->observer)
        s->observer(s->observer_context, who, kind, before, removed ? NULL : after);
}

/* Takes over `object`. */
static void put(struct server *s, enum who who, struct collection *kind, const char *key, json_t *object)
{
    json_t *before = json_incref(map_get(kind->objects, key));

    stamp(s, object);
    if (s->shared)
        shared_fold(s->shared, object);
    map_put(kind->objects, key, object);
    record(s, who, kind, before, object, false);
    json_decref(before);
}

/* Removes an object, which was `last` (taken over) at its end; that, with its last version, is owned by the caller. */
static json_t *take(struct server *s, enum who who, struct collection *kind, const char *key, json_t *last)
{
    json_t *before = map_take(kind->objects, key);

    stamp(s, last);
    record(s, who, kind, before, last, true);
    json_decref(before);
    return last;
}

static void set_text(json_t *object, const char *field, const char *value)
{
    json_object_set_new(json_object_get(object, "metadata"), field, json_string(value));
}

static json_t *strip(const json_t *object)
{
    json_t *o = doc_copy(object);

    json_object_del(o, "apiVersion");
    json_object_del(o, "kind");
    json_object_del(doc_make(o, "metadata"), "managedFields");
    return o;
}

static const struct collection *namespaces(struct server *s)
{
    return server_find(s, "", "namespaces");
}

/* Whether something new may be put into this namespace. */
static bool refuse_namespace(struct server *s, const struct collection *kind, const char *ns, struct outcome *ret)
{
    const json_t *object = server_get(namespaces(s), NULL, ns ? ns : "");

    if (!kind->namespaced || !namespaces(s))
        return false;
    if (!object) {
        *ret = refused(404, "NotFound", "namespaces \"%s\" not found", ns);
        return true;
    }
    if (doc_at(object, "metadata", "deletionTimestamp")) {
        *ret = refused(403, "Forbidden", "unable to create new content in namespace %s because it is being terminated",
                       ns);
        return true;
    }
    return false;
}

static bool is_terminating(struct server *s, const struct collection *kind)
{
    _cleanup_free_ char *name = str_printf("%s.%s", kind->plural, kind->group);
    const struct collection *definitions = server_find(s, "apiextensions.k8s.io", "customresourcedefinitions");

    return kind->custom && doc_at(server_get(definitions, NULL, name), "metadata", "deletionTimestamp");
}

static void make_uid(struct server *s, char uid[64])
{
    snprintf(uid, 64, "%08" PRIx32 "-0000-4000-8000-%012" PRIx64, (uint32_t)rng_next(s->rng),
             rng_next(s->rng) & 0xffffffffffff);
}

/* As a dry run it is not stored. */
static struct outcome create(struct server *s, enum who who, struct collection *kind, const char *ns,
                             const json_t *object, bool dry_run)
{
    const char *name = doc_string(object, "metadata", "name"), *refusal;
    _cleanup_free_ char *key = name ? key_of(ns, name) : NULL;
    struct outcome ret;
    char created[32], uid[64];
    json_t *o;

    if (!name)
        return refused(422, "Invalid", "metadata.name: Required value");
    if (!defaults_may_be_named(kind, name))
        return refused(422, "Invalid", "metadata.name: Invalid value: \"%s\"", name);
    if (doc_string(object, "metadata", "resourceVersion"))
        return refused(500, "InternalError", "resourceVersion should not be set on objects to be created");
    if (refuse_namespace(s, kind, ns, &ret))
        return ret;
    if (is_terminating(s, kind))
        return refused(405, "MethodNotAllowed", "create not allowed while custom resource definition is terminating");
    if (map_has(kind->objects, key))
        return refused(409, "AlreadyExists", "%s \"%s\" already exists", kind->plural, name);
    o = strip(object);
    clock_rfc3339(SERVER_EPOCH + sched_now(s->sched), created);
    make_uid(s, uid);
    set_text(o, "uid", uid);
    set_text(o, "creationTimestamp", created);
    if (kind->namespaced)
        set_text(o, "namespace", ns);
    if (kind->has_status)
        json_object_del(o, "status");
    if (defaults_counts_generations(kind))
        json_object_set_new(json_object_get(o, "metadata"), "generation", json_integer(1));
    defaults_apply(s, kind, o);
    refusal = defaults_refuse(s, kind, NULL, o);
    if (refusal) {
        json_decref(o);
        return refused(422, "Invalid", "%s \"%s\" is invalid: %s", kind->kind, name, refusal);
    }
    if (dry_run)
        return (struct outcome){.status = 201, .object = o};
    put(s, who, kind, key, o);
    return (struct outcome){.status = 201, .object = json_incref(o)};
}

struct outcome server_create(struct server *s, enum who who, struct collection *kind, const char *ns,
                             const json_t *object)
{
    return create(s, who, kind, ns, object, false);
}

struct outcome server_try_create(struct server *s, struct collection *kind, const char *ns, const json_t *object)
{
    return create(s, WHO_OPERATOR, kind, ns, object, true);
}

/* Fields of the metadata that belong to the server. */
static void keep_identity(const json_t *before, json_t *after)
{
    static const char *const fields[] = {"uid",       "creationTimestamp",          "deletionTimestamp",
                                         "namespace", "deletionGracePeriodSeconds", "generation",
                                         "name"};
    json_t *metadata = json_object_get(after, "metadata"), *value;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        value = json_object_get(json_object_get(before, "metadata"), fields[i]);
        if (value)
            json_object_set(metadata, fields[i], value);
        else
            json_object_del(metadata, fields[i]);
    }
}

static bool same_annotations(const json_t *before, const json_t *after)
{
    const json_t *a = doc_at(before, "metadata", "annotations"), *b = doc_at(after, "metadata", "annotations");

    return json_object_size(a) + json_object_size(b) == 0 || json_equal(a, b);
}

/* Everything that a generation counts: all but metadata and, where it is apart, the status; of Deployments their
   annotations, too. */
static bool same_desire(const struct collection *kind, const json_t *before, const json_t *after)
{
    _cleanup_json_ json_t *a = json_copy((json_t *)before), *b = json_copy((json_t *)after);

    json_object_del(a, "metadata");
    json_object_del(b, "metadata");
    if (kind->has_status) {
        json_object_del(a, "status");
        json_object_del(b, "status");
    }
    return json_equal(a, b) && (!str_eq(kind->plural, "deployments") || same_annotations(before, after));
}

static bool same_but_version(const json_t *before, const json_t *after)
{
    _cleanup_json_ json_t *a = json_copy((json_t *)before);

    json_object_set_new(a, "metadata", json_copy(json_object_get(before, "metadata")));
    json_object_set(json_object_get(a, "metadata"), "resourceVersion", doc_at(after, "metadata", "resourceVersion"));
    return json_equal(a, after);
}

/* What an update makes of the object; owned by the caller. */
static json_t *updated(struct server *s, const struct collection *kind, const char *subresource, const json_t *before,
                       const json_t *object)
{
    json_t *after = strip(object);

    if (str_eq(subresource, "status")) {
        json_t *status = json_incref(json_object_get(after, "status"));
        json_decref(after);
        after = doc_copy(before);
        json_object_set_new(after, "status", status ? status : json_object());
    } else if (kind->has_status) {
        json_object_del(after, "status");
        if (json_object_get(before, "status"))
            json_object_set(after, "status", json_object_get(before, "status"));
    }
    keep_identity(before, after);
    defaults_carry(s, kind, before, after);
    defaults_apply(s, kind, after);
    if (defaults_counts_generations(kind) && !same_desire(kind, before, after))
        json_object_set_new(json_object_get(after, "metadata"), "generation",
                            json_integer(doc_int(doc_at(before, "metadata", "generation"), 0) + 1));
    return after;
}

static bool adds_finalizer(const json_t *before, const json_t *after)
{
    return doc_at(before, "metadata", "deletionTimestamp") &&
           json_array_size(doc_at(after, "metadata", "finalizers")) >
               json_array_size(doc_at(before, "metadata", "finalizers"));
}

static bool is_over(const json_t *object)
{
    return doc_at(object, "metadata", "deletionTimestamp") &&
           json_array_size(doc_at(object, "metadata", "finalizers")) == 0 &&
           json_array_size(doc_at(object, "spec", "finalizers")) == 0;
}

struct outcome server_update(struct server *s, enum who who, struct collection *kind, const char *ns, const char *name,
                             const char *subresource, const json_t *object)
{
    _cleanup_free_ char *key = key_of(ns, name);
    const json_t *before = map_get(kind->objects, key);
    const char *version = doc_string(object, "metadata", "resourceVersion"), *refusal;
    const char *uid = doc_string(object, "metadata", "uid");
    json_t *after;

    if (!before || (subresource && !kind->has_status))
        return refused(404, "NotFound", "%s \"%s\" not found", kind->plural, name);
    if (!version && kind->custom)
        return refused(422, "Invalid", "metadata.resourceVersion: must be specified for an update");
    if ((version && !str_eq(version, doc_string(before, "metadata", "resourceVersion"))) ||
        (uid && !str_eq(uid, doc_string(before, "metadata", "uid"))))
        return refused(409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": the object has been modified",
                       kind->plural, name);
    after = updated(s, kind, subresource, before, object);
    refusal = adds_finalizer(before, after) ? "no new finalizers can be added if the object is being deleted"
                                            : defaults_refuse(s, kind, before, after);
    if (refusal) {
        json_decref(after);
        return refused(422, "Invalid", "%s \"%s\" is invalid: %s", kind->kind, name, refusal);
    }
    if (same_but_version(before, after)) {
        json_decref(after);
        return (struct outcome){.status = 200, .object = json_incref((json_t *)before)};
    }
    if (is_over(after))
        return (struct outcome){.status = 200, .object = take(s, who, kind, key, after), .removed = true};
    put(s, who, kind, key, after);
    return (struct outcome){.status = 200, .object = json_incref(after)};
}

/* A definition stays until its objects are gone. */
static void add_own_finalizer(const struct collection *kind, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata"), *finalizers = json_object_get(metadata, "finalizers");

    if (!str_eq(kind->plural, "customresourcedefinitions"))
        return;
    if (!finalizers)
        json_object_set_new(metadata, "finalizers", finalizers = json_array());
    json_array_append_new(finalizers, json_string("customresourcecleanup.apiextensions.k8s.io"));
}

static bool meets(const json_t *preconditions, const json_t *object)
{
    const char *uid = doc_string(preconditions, "uid"), *version = doc_string(preconditions, "resourceVersion");

    return (!uid || str_eq(uid, doc_string(object, "metadata", "uid"))) &&
           (!version || str_eq(version, doc_string(object, "metadata", "resourceVersion")));
}

struct outcome server_delete(struct server *s, enum who who, struct collection *kind, const char *ns, const char *name,
                             const json_t *options)
{
    _cleanup_free_ char *key = key_of(ns, name);
    const json_t *before = map_get(kind->objects, key);
    _cleanup_json_ json_t *preconditions = json_deep_copy(doc_at(options, "preconditions"));
    char deleted[32];
    json_t *after;

    if (!before)
        return refused(404, "NotFound", "%s \"%s\" not found", kind->plural, name);
    if (s->minor < 14)
        json_object_del(preconditions, "resourceVersion");
    if (!meets(preconditions, before))
        return refused(409, "Conflict", "Precondition failed: UID or resourceVersion of \"%s\" is another", name);
    if (doc_at(before, "metadata", "deletionTimestamp"))
        return (struct outcome){.status = 200, .object = json_incref((json_t *)before)};
    after = doc_copy(before);
    clock_rfc3339(SERVER_EPOCH + sched_now(s->sched), deleted);
    set_text(after, "deletionTimestamp", deleted);
    add_own_finalizer(kind, after);
    if (is_over(after))
        return (struct outcome){.status = 200, .object = take(s, who, kind, key, after), .removed = true};
    if (defaults_counts_generations(kind))
        json_object_set_new(json_object_get(after, "metadata"), "generation",
                            json_integer(doc_int(doc_at(before, "metadata", "generation"), 0) + 1));
    put(s, who, kind, key, after);
    return (struct outcome){.status = 200, .object = json_incref(after)};
}

void server_put(struct server *s, enum who who, struct collection *kind, const char *ns, const json_t *object)
{
    _cleanup_free_ char *key = key_of(ns, doc_string(object, "metadata", "name"));
    const json_t *before = map_get(kind->objects, key);
    json_t *o = strip(object);
    char uid[64];

    if (before)
        snprintf(uid, sizeof(uid), "%s", doc_string(before, "metadata", "uid"));
    else
        make_uid(s, uid);
    set_text(o, "uid", uid);
    if (kind->namespaced)
        set_text(o, "namespace", ns);
    defaults_apply(s, kind, o);
    put(s, who, kind, key, o);
}

void server_erase(struct server *s, enum who who, struct collection *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *key = key_of(ns, name);

    if (map_has(kind->objects, key))
        json_decref(take(s, who, kind, key, doc_copy(map_get(kind->objects, key))));
}
