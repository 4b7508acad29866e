#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "server_impl.h"

/* Since when servers send bookmarks (1.16 by default), and since when every minute (1.19). */
#define BOOKMARKS_SINCE 16

struct stream {
    struct server *server;
    struct target target;
    char *accept;
    uint64_t next; /* change to tell next, counted from the collection's first */
    int64_t from;  /* version it began at */
    bool over, counted;
    char *last_words; /* an ERROR line; NULL: none */
};

/* The number of the first change behind a version. */
static uint64_t first_behind(const struct collection *kind, int64_t version)
{
    size_t i = kind->change_count;

    while (i > 0 && kind->changes[i - 1].version > version)
        i--;
    return kind->dropped + i;
}

static char *error_line(const struct answer *refusal)
{
    return str_printf("{\"type\":\"ERROR\",\"object\":%s}\n", refusal->body);
}

struct stream *stream_open(struct server *s, const struct net_request *request, struct answer *ret_refusal)
{
    struct stream *w = NEW(struct stream);
    const char *version;

    w->server = s;
    w->accept = str_dup(request->accept);
    if (!target_parse(s, request->path, &w->target) || !w->target.kind) {
        *ret_refusal = server_refusal(404, "NotFound", "the server could not find the requested resource", 0);
        stream_free(w);
        return NULL;
    }
    version = target_query(&w->target, "resourceVersion");
    if (!version || !str_to_int64(version, &w->from)) {
        *ret_refusal = server_refusal(400, "Invalid", "resourceVersion: invalid", 0);
        stream_free(w);
        return NULL;
    }
    if (w->from < s->compacted || w->from < w->target.kind->since) {
        *ret_refusal = server_refusal(410, "Expired", "too old resource version", 0);
        if (s->gone_in_answer) {
            stream_free(w);
            return NULL;
        }
        /* Others open the watch and say so in its stream. */
        w->last_words = error_line(ret_refusal);
        free(ret_refusal->body);
    }
    w->next = first_behind(w->target.kind, w->from);
    w->counted = true;
    w->target.kind->streams++;
    return w;
}

void stream_free(struct stream *w)
{
    if (!w)
        return;
    if (w->counted)
        w->target.kind->streams--;
    target_release(&w->target);
    free(w->accept);
    free(w->last_words);
    free(w);
}

static void add_line(const struct stream *w, const char *type, const json_t *object, int64_t version, struct buf *lines)
{
    json_t *shown = server_present_as(w->target.kind, w->target.version, object, w->accept);
    _cleanup_json_ json_t *line = NULL;
    _cleanup_free_ char *text = NULL;

    json_object_set_new(shown, "metadata", json_copy(json_object_get(shown, "metadata")));
    json_object_set_new(json_object_get(shown, "metadata"), "resourceVersion", json_sprintf("%" PRId64, version));
    line = OBJECT(STRING("type", type), VALUE("object", shown));
    text = doc_text(line);
    buf_add_str(lines, text);
    buf_add_char(lines, '\n');
}

/* A watch sees an object come and go also where only its labels did. */
static void add_change(const struct stream *w, const struct change *c, struct buf *lines)
{
    bool was = c->before && target_selects(&w->target, c->before);
    bool is = !c->removed && target_selects(&w->target, c->object);

    if (is)
        add_line(w, was ? "MODIFIED" : "ADDED", c->object, c->version, lines);
    else if (was)
        add_line(w, "DELETED", c->removed ? c->object : c->before, c->version, lines);
}

bool stream_read(struct stream *w, struct buf *lines)
{
    const struct collection *kind = w->target.kind;

    if (w->last_words) {
        buf_add_str(lines, w->last_words);
        w->over = true;
    }
    if (w->next < kind->dropped)
        w->over = true; /* it is behind what the server remembers */
    for (; !w->over && w->next < kind->dropped + kind->change_count; w->next++) {
        const struct change *change = &kind->changes[w->next - kind->dropped];
        /* Whoever asks for a version of the future hears nothing before it. */
        if (change->version > w->from)
            add_change(w, change, lines);
    }
    if (kind->gone)
        w->over = true;
    return !w->over;
}

bool stream_has_more(const struct stream *w)
{
    const struct collection *kind = w->target.kind;

    return w->last_words || kind->gone || w->next < kind->dropped + kind->change_count;
}

void stream_bookmark(struct stream *w, struct buf *lines)
{
    int64_t version = w->server->version;
    _cleanup_json_ json_t *line = NULL;
    _cleanup_free_ char *text = NULL;

    if (w->server->minor < BOOKMARKS_SINCE || !target_query(&w->target, "allowWatchBookmarks") || stream_has_more(w) ||
        version <= w->from)
        return;
    line = OBJECT(
        STRING("type", "BOOKMARK"),
        MAP("object", STRING("kind", w->target.kind->kind),
            FORMAT("apiVersion", "%s%s%s", w->target.kind->group, *w->target.kind->group ? "/" : "", w->target.version),
            MAP("metadata", FORMAT("resourceVersion", "%" PRId64, version), NIL("creationTimestamp"))));
    text = doc_text(line);
    buf_add_str(lines, text);
    buf_add_char(lines, '\n');
}

int stream_seconds(const struct stream *w)
{
    const char *text = target_query(&w->target, "timeoutSeconds");
    int64_t seconds;

    return text && str_to_int64(text, &seconds) ? (int)seconds : 0;
}
