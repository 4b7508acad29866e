#include "controllers/mesh/sidecars.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

/* Namespaces that a message names. */
#define NAMED_MAX 5

/* How many Pods have something in common. */
struct tally {
    const char *name; /* borrowed */
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
    return strcmp(x->name, y->name);
}

/* Counts of Pods are values of the map, as pointers. */
static void add(struct map *counts, const char *name, size_t pods)
{
    map_put(counts, name, (void *)((uintptr_t)map_get(counts, name) + pods));
}

/* Owned by the caller. */
static struct tally *tallies_of(const struct map *counts)
{
    struct tally *tallies = NEW_ARRAY(struct tally, map_len(counts) + 1);
    size_t n = 0;
    void *pods;

    for (size_t i = 0; map_next(counts, &i, &tallies[n].name, &pods); n++)
        tallies[n].pods = (size_t)(uintptr_t)pods;
    qsort(tallies, n, sizeof(*tallies), most_first);
    return tallies;
}

static char *name_most(const struct map *namespaces)
{
    _cleanup_free_ struct tally *tallies = tallies_of(namespaces);
    _cleanup_buf_ struct buf text = BUF_INIT;
    size_t n = map_len(namespaces);

    for (size_t i = 0; i < n && i < NAMED_MAX; i++)
        buf_printf(&text, "%s%s (%zu)", i ? ", " : "", tallies[i].name, tallies[i].pods);
    if (n > NAMED_MAX)
        buf_printf(&text, " and %zu more", n - NAMED_MAX);
    return buf_take(&text);
}

/* What does not fit any more is counted together in the last row. */
static json_t *list_versions(const struct map *versions)
{
    _cleanup_free_ struct tally *tallies = tallies_of(versions);
    json_t *list = json_array();
    size_t n = map_len(versions), rest = 0;

    for (size_t i = n; n > SIDECAR_VERSIONS_MAX && i-- > SIDECAR_VERSIONS_MAX - 1;)
        rest += tallies[i].pods;
    for (size_t i = 0; i < n && i < SIDECAR_VERSIONS_MAX - (rest ? 1 : 0); i++)
        json_array_append_new(
            list, OBJECT(STRING("version", tallies[i].name), INT("pods", (json_int_t)tallies[i].pods)));
    if (rest)
        json_array_append_new(list, OBJECT(STRING("version", "others"), INT("pods", (json_int_t)rest)));
    return list;
}

static char *name_closed(const struct map *registries)
{
    _cleanup_free_ struct tally *tallies = tallies_of(registries);
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (size_t i = 0; i < map_len(registries); i++)
        buf_printf(&text, "%s%zu from %s", i ? ", " : "", tallies[i].pods, tallies[i].name);
    return text.len ? buf_take(&text) : NULL;
}

static void sidecars_release(struct sidecars *s)
{
    free(s->outdated_in);
    free(s->closed);
    json_decref(s->versions);
}

/* Pods whose sidecars are the same. There are few such sets of many Pods: what a digest says is read once for each. */
struct alike {
    bool current;
    size_t pods;
};

static struct alike *alike_of(struct map *all, const char *digest, const char *version)
{
    struct alike *alike = map_get(all, digest);

    if (!alike) {
        _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(digest);
        alike = NEW(struct alike);
        alike->current = str_eq(sidecar.configuration, version);
        map_put(all, digest, alike);
    }
    return alike;
}

static void count(struct sidecars *counted, const struct kube_cache *observed, const char *version)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    _cleanup_map_ struct map *all = map_new(free), *namespaces = map_new(NULL);
    _cleanup_map_ struct map *versions = map_new(NULL), *registries = map_new(NULL);
    const struct kube_object *o;
    const char *digest;
    void *value;

    sidecars_release(counted);
    *counted = (struct sidecars){.injected = version != NULL};
    for (size_t i = 0; (o = kube_cache_next(observed, kind, &i));) {
        struct alike *alike = alike_of(all, o->text, version);
        alike->pods++;
        if (!alike->current)
            add(namespaces, o->ns, 1);
    }
    for (size_t i = 0; map_next(all, &i, &digest, &value);) {
        const struct alike *alike = value;
        _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(digest);
        *(alike->current ? &counted->current : &counted->outdated) += alike->pods;
        add(versions, sidecar.version, alike->pods);
        if (sidecar.registry)
            add(registries, sidecar.registry, alike->pods);
    }
    if (counted->outdated)
        counted->outdated_in = name_most(namespaces);
    counted->versions = list_versions(versions);
    counted->closed = name_closed(registries);
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
    sidecars_release(&memo->counted);
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
