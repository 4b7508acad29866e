/*
 * A list's page and a watch's stream as a server may send them: the events are the same however the stream is cut, and
 * the cache takes them whatever is in their objects.
 *
 * The input: a byte that chooses the kind, one for the sizes of pieces, the page, a form feed, the stream.
 */
#include "fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "doc/doc.h"
#include "kube/cache.h"
#include "kube/watch.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

#define LINE_MAX ((size_t)1 << 20)

struct run {
    struct kube_watch *watch;
    struct kube_cache *cache;
    const struct kube_kind *kind;
    struct buf told; /* all that it told, in words */
};

static void note(struct run *r, const struct kube_event *event)
{
    _cleanup_free_ char *text = event->object ? doc_text(event->object) : NULL;

    buf_printf(&r->told, "%d %s ", event->type, event->resource_version ? event->resource_version : "-");
    buf_add_str(&r->told, text ? text : "");
    buf_add_char(&r->told, '\n');
}

static void keep(struct run *r, const struct kube_event *event)
{
    const char *name = doc_string(event->object, "metadata", "name");
    bool changed, rewound;

    switch (event->type) {
    case KUBE_EVENT_BEGIN:
        kube_cache_replace_begin(r->cache, r->kind, event->resource_version, event->rewound);
        break;
    case KUBE_EVENT_LISTED:
        kube_cache_replace_put(r->cache, r->kind, event->object);
        break;
    case KUBE_EVENT_END:
        kube_cache_replace_end(r->cache, r->kind, event->resource_version, &changed, &rewound);
        break;
    case KUBE_EVENT_PUT:
        kube_cache_put(r->cache, r->kind, event->object);
        break;
    case KUBE_EVENT_REMOVE:
        if (name)
            kube_cache_remove(r->cache, r->kind, doc_string(event->object, "metadata", "namespace"), name,
                              event->resource_version);
        break;
    case KUBE_EVENT_SEEN:
        kube_cache_seen(r->cache, r->kind, event->resource_version);
        break;
    case KUBE_EVENT_FORGET:
        kube_cache_clear(r->cache, r->kind);
        break;
    }
}

static void pull(struct run *r)
{
    struct kube_event event;
    size_t budget = SIZE_MAX;

    while (kube_watch_next(r->watch, 2, 0, &budget, &event)) {
        note(r, &event);
        keep(r, &event);
    }
    MUST(!kube_watch_has_more(r->watch));
}

/* Up to the first thing that makes no sense, after which nothing more is fed. */
static void feed(struct run *r, const char *stream, size_t len, size_t piece)
{
    for (size_t at = 0; at < len; at += piece) {
        kube_watch_feed(r->watch, 2, stream + at, len - at < piece ? len - at : piece);
        pull(r);
        if (kube_watch_step(r->watch, 2, 0) != KUBE_STEP_WAIT)
            return;
    }
    kube_watch_ended(r->watch, 3, 0);
    pull(r);
}

static char *play(const struct kube_kind *kind, const char *page, size_t page_len, const char *stream, size_t len,
                  size_t piece, uint64_t *ret_cache)
{
    const struct kube_watch_options options = {.custom = kind->custom, .line_max = LINE_MAX};
    struct run r = {.watch = kube_watch_new(&options), .cache = kube_cache_new(&mesh_kinds, MARK_OWNER), .kind = kind};
    const struct kube_object *o;

    kube_watch_start(r.watch, 1, "v1", kind->kind);
    MUST(kube_watch_step(r.watch, 1, 0) == KUBE_STEP_LIST);
    kube_watch_page(r.watch, 1, 0, page, page_len);
    pull(&r);
    if (kube_watch_step(r.watch, 1, 0) == KUBE_STEP_OPEN)
        feed(&r, stream, len, piece);
    *ret_cache = kube_cache_count(r.cache, kind);
    for (size_t i = 0; (o = kube_cache_next(r.cache, kind, &i));) {
        json_t *parsed = kind->digest ? NULL : kube_object_parse(o);
        MUST(o->name && (kind->digest || parsed));
        *ret_cache = *ret_cache * 31 + o->text_len;
        json_decref(parsed);
    }
    kube_watch_free(r.watch);
    kube_cache_free(r.cache);
    return buf_take(&r.told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    const struct kube_kind *kind = &mesh_kinds.rows[fuzz_choose(&in, (unsigned)mesh_kinds.len)];
    size_t piece = fuzz_choose(&in, 64) + 1, page_len;
    _cleanup_free_ char *page = fuzz_next(&in, &page_len);
    uint64_t cached, cached_whole;
    _cleanup_free_ char *cut = play(kind, page, page_len, in.at, in.left, piece, &cached);
    _cleanup_free_ char *whole = play(kind, page, page_len, in.at, in.left, in.left, &cached_whole);

    MUST(strcmp(cut, whole) == 0 && cached == cached_whole);
    return 0;
}
