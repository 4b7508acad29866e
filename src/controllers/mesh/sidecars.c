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

char *sidecars_desired_version(const struct mesh_injection *how, const struct desired_set *desired)
{
    for (size_t i = 0; i < desired->len; i++) {
        const struct desired *w = &desired->items[i];
        _cleanup_json_ json_t *config = NULL;
        if (!str_eq(w->kind->kind, "ConfigMap") || !str_eq(w->name, how->config_map))
            continue;
        config = doc_parse_own(w->text);
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

static void add_all(struct map *counts, const struct map *more)
{
    const char *name;
    void *pods;

    for (size_t i = 0; map_next(more, &i, &name, &pods);)
        add(counts, name, (uintptr_t)pods);
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

/* The first ones, in order, without sorting all of them; how many these are. */
static size_t first_of(const struct map *counts, struct tally *ret, size_t max)
{
    struct tally t;
    size_t n = 0;
    void *pods;

    for (size_t i = 0; map_next(counts, &i, &t.name, &pods);) {
        size_t at = n;
        t.pods = (uintptr_t)pods;
        for (; at && most_first(&t, &ret[at - 1]) < 0; at--)
            if (at < max)
                ret[at] = ret[at - 1];
        if (at == max)
            continue;
        ret[at] = t;
        n += n < max;
    }
    return n;
}

static char *name_most(const struct map *namespaces)
{
    struct tally first[NAMED_MAX];
    _cleanup_buf_ struct buf text = BUF_INIT;
    size_t n = first_of(namespaces, first, NAMED_MAX);

    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s (%zu)", i ? ", " : "", first[i].name, first[i].pods);
    if (map_len(namespaces) > n)
        buf_printf(&text, " and %zu more", map_len(namespaces) - n);
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

static void count_alike(struct sidecars *counted, const struct kube_cache *observed, const char *version)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    _cleanup_map_ struct map *namespaces = map_new(NULL), *versions = map_new(NULL), *registries = map_new(NULL);
    const struct kube_alike *alike;

    sidecars_release(counted);
    *counted = (struct sidecars){.injected = version != NULL};
    for (size_t i = 0; (alike = kube_cache_next_alike(observed, kind, &i));) {
        _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(alike->text);
        bool current = str_eq(sidecar.configuration, version);
        if (sidecar.is_ending)
            continue;
        *(current ? &counted->current : &counted->outdated) += alike->objects;
        add(versions, sidecar.version, alike->objects);
        if (sidecar.registry)
            add(registries, sidecar.registry, alike->objects);
        if (!current)
            add_all(namespaces, alike->namespaces);
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
        memo->version = sidecars_desired_version(how, desired);
        memo->is_read = true;
    }
    if (memo->seen != changes || *reader != memo)
        count_alike(&memo->counted, observed, memo->version);
    memo->seen = changes;
    *reader = memo;
    return &memo->counted;
}

void sidecars_count_workloads(
    const struct kube_cache *observed, const char *version, size_t *ret_done, size_t *ret_left)
{
    _cleanup_map_ struct map *all = map_new(NULL), *outdated = map_new(NULL);
    const struct kube_alike *alike;

    for (size_t i = 0; (alike = kube_cache_next_alike(observed, mesh_kind(KIND_SIDECAR_POD), &i));) {
        _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(alike->text);
        const char *ns;
        if (sidecar.is_ending)
            continue;
        for (size_t k = 0; map_next(alike->namespaces, &k, &ns, NULL);) {
            _cleanup_free_ char *key = STR_JOIN(' ', ns, sidecar.owner);
            map_put(str_eq(sidecar.configuration, version) ? all : outdated, key, all);
            map_put(all, key, all);
        }
    }
    *ret_left = map_len(outdated);
    *ret_done = map_len(all) - *ret_left;
}

size_t sidecars_of_revision(const struct kube_cache *observed, const char *revision)
{
    const struct kube_kind *kind = mesh_kind(KIND_SIDECAR_POD);
    size_t len = strlen(revision), count = 0;
    const struct kube_alike *alike;

    for (size_t i = 0; (alike = kube_cache_next_alike(observed, kind, &i));)
        if (strncmp(alike->text, revision, len) == 0 && alike->text[len] == '/')
            count += alike->objects;
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
