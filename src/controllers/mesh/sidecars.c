#include "controllers/mesh/sidecars.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

/* Namespaces that a message names. */
#define NAMED_MAX 5

/* Outdated Pods of a namespace. */
struct tally {
    const char *ns; /* borrowed */
    size_t pods;
};

/* The version that new sidecars get; NULL: none get any. Owned by the caller. */
static char *desired_version(const struct mesh_injection *how, const struct desired_set *desired)
{
    for (size_t i = 0; i < desired->len; i++) {
        const struct desired *w = &desired->items[i];
        _cleanup_json_ json_t *config = NULL;
        if (!str_eq(w->kind->kind, "ConfigMap") || !str_eq(w->name, how->config_map))
            continue;
        if (doc_parse(w->text, strlen(w->text), SIZE_MAX, &config, NULL) < 0)
            abort(); /* our own text */
        return how->version_of_config(config);
    }
    return NULL;
}

static int most_first(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->pods != y->pods)
        return x->pods > y->pods ? -1 : 1;
    return strcmp(x->ns, y->ns);
}

/* `namespaces`: to the number of their Pods, as a pointer's value. */
static char *name_most(const struct map *namespaces)
{
    size_t len = map_len(namespaces), n = 0;
    _cleanup_free_ struct tally *tallies = NEW_ARRAY(struct tally, len);
    _cleanup_buf_ struct buf text = BUF_INIT;
    void *pods;

    for (size_t i = 0; map_next(namespaces, &i, &tallies[n].ns, &pods); n++)
        tallies[n].pods = (size_t)(uintptr_t)pods;
    qsort(tallies, n, sizeof(*tallies), most_first);
    for (size_t i = 0; i < n && i < NAMED_MAX; i++)
        buf_printf(&text, "%s%s (%zu)", i ? ", " : "", tallies[i].ns, tallies[i].pods);
    if (n > NAMED_MAX)
        buf_printf(&text, " and %zu more", n - NAMED_MAX);
    return buf_take(&text);
}

static void count(struct sidecars *counted, const struct kube_cache *observed, const char *version)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    _cleanup_map_ struct map *namespaces = map_new(NULL);
    const struct kube_object *o;

    free(counted->outdated_in);
    *counted = (struct sidecars){.injected = version != NULL};
    for (size_t i = 0; (o = kube_cache_next(observed, kind, &i));) {
        if (str_eq(o->text, version)) {
            counted->current++;
            continue;
        }
        counted->outdated++;
        map_put(namespaces, o->ns, (void *)((uintptr_t)map_get(namespaces, o->ns) + 1));
    }
    if (counted->outdated)
        counted->outdated_in = name_most(namespaces);
}

const struct sidecars *sidecars_count(
    struct sidecars_memo *memo, struct kube_cache *observed, const struct mesh_injection *how,
    const struct desired_set *desired)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    uint64_t changes = kube_cache_changes(observed, kind) + 1;
    const void **reader = kube_cache_reader(observed, kind);

    if (!memo->is_read) {
        memo->version = desired_version(how, desired);
        memo->is_read = true;
    }
    if (memo->seen != changes || *reader != memo)
        count(&memo->counted, observed, memo->version);
    memo->seen = changes;
    *reader = memo;
    return &memo->counted;
}

size_t sidecars_of_revision(const struct kube_cache *observed, const char *revision)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    size_t len = strlen(revision), count = 0;
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(observed, kind, &i));)
        count += strncmp(o->text, revision, len) == 0 && o->text[len] == '/';
    return count;
}

void sidecars_memo_clear(struct sidecars_memo *memo)
{
    free(memo->version);
    free(memo->counted.outdated_in);
    *memo = (struct sidecars_memo){0};
}

const char *sidecars_reason(const struct sidecars *s)
{
    if (!s->outdated)
        return "UpToDate";
    return s->injected ? "Outdated" : "InjectorDisabled";
}

char *sidecars_text(const struct sidecars *s)
{
    size_t all = s->current + s->outdated;

    if (!s->outdated)
        return str_dup("");
    if (!s->injected)
        return str_printf(
            "%zu pods have a sidecar, and the sidecar injector is switched off: restarted, they have "
            "none; in namespaces %s",
            all,
            s->outdated_in);
    return str_printf(
        "%zu of %zu pods have an outdated sidecar until they are restarted, in namespaces %s",
        s->outdated,
        all,
        s->outdated_in);
}
