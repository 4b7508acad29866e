#include "shared.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

/* Smaller parts cost less than their entry here. */
#define WORTH_BYTES 200
/* Parts that only we hold are dropped when there are twice as many as after the last time. */
#define PARTS_LEAST 1000

struct shared {
    struct map *parts; /* digest of the text -> json_t */
    size_t most;
};

static void destroy_part(void *part)
{
    json_decref(part);
}

struct shared *shared_new(void)
{
    struct shared *s = NEW(struct shared);

    *s = (struct shared){.parts = map_new(destroy_part), .most = PARTS_LEAST};
    return s;
}

void shared_free(struct shared *s)
{
    if (!s)
        return;
    map_free(s->parts);
    free(s);
}

static void drop_unused(struct shared *s)
{
    const char *key;
    void *part;

    for (size_t i = 0; map_next(s->parts, &i, &key, &part);)
        if (((json_t *)part)->refcount == 1)
            map_remove(s->parts, key);
    s->most = 2 * map_len(s->parts) + PARTS_LEAST;
}

/* Takes over `part`; the result is owned by the caller. */
static json_t *the_one(struct shared *s, json_t *part)
{
    _cleanup_free_ char *text = doc_text(part);
    char digest[65];
    json_t *known;

    if (strlen(text) < WORTH_BYTES)
        return part;
    str_sha256_hex(text, strlen(text), digest);
    known = map_get(s->parts, digest);
    if (!known) {
        map_put(s->parts, digest, json_incref(part));
        return part;
    }
    json_decref(part);
    return json_incref(known);
}

void shared_fold(struct shared *s, json_t *object)
{
    const char *key;
    json_t *part;

    json_object_foreach(object, key, part) {
        bool foldable = json_is_object(part) || json_is_array(part);
        if (foldable && !str_eq(key, "metadata") && !str_eq(key, "status"))
            json_object_set_new(object, key, the_one(s, json_incref(part)));
    }
    if (map_len(s->parts) > s->most)
        drop_unused(s);
}
