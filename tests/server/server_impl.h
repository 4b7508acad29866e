/* What the parts of the simulated server share. Nobody else includes this. */
#ifndef TESTS_SERVER_SERVER_IMPL_H
#define TESTS_SERVER_SERVER_IMPL_H

#include "server.h"

struct page;

/* A kind that is served, in a snapshot. */
struct saved {
    struct collection *kind;
    struct map *objects;
};

struct server {
    int minor;
    struct rng *rng;
    const struct sched *sched;
    int64_t version, compacted;
    bool cold;
    bool gone_in_answer;       /* 410 is the answer to a watch, and no event in it */
    int64_t page_most;         /* items of a page, whatever is asked for: the API allows fewer than the limit */
    struct collection **kinds; /* also those that are gone: streams hold on to them */
    size_t kind_count, kind_cap;
    server_observer_fn observer;
    void *observer_context;
    server_admit_fn admit;
    void *admit_context;
    struct shared *shared; /* NULL: none */
    struct page *pages;    /* rests of lists, by token */
    size_t page_count, page_cap;
    struct saved *saved; /* NULL: there is no snapshot */
    size_t saved_count;
    int64_t saved_version;
};

/* A request's path and query, taken apart. */
struct target {
    struct collection *kind; /* NULL: none that is served */
    char *version;           /* the one that was asked for */
    char *ns, *name, *subresource;
    struct map *query; /* key -> char * */
};
/* False: such a path is no object's. */
bool target_parse(struct server *s, const char *path, struct target *ret);
void target_release(struct target *t);
const char *target_query(const struct target *t, const char *key);
/* Whether a list or a watch asks for this object. */
bool target_selects(const struct target *t, const json_t *object);

/* A copy with the apiVersion asked for and the kind; owned by the caller. */
json_t *server_present(const struct collection *kind, const char *version, const json_t *object);
/* As above, or its metadata alone. */
json_t *server_present_as(const struct collection *kind, const char *version, const json_t *object, const char *accept);

/* selector.c: whether a selector, which may be empty, takes in the object. */
bool selector_labels(const char *selector, const json_t *object);
bool selector_fields(const char *selector, const json_t *object);

/* server.c */
void pages_free(struct server *s);

/* defaults.c: fills in what is left out. */
void defaults_apply(struct server *s, const struct collection *kind, json_t *object);
/* Of an update: takes over from `before` what the server itself chose there and `after` leaves out. */
void defaults_carry(const struct server *s, const struct collection *kind, const json_t *before, json_t *after);
bool defaults_may_be_named(const struct collection *kind, const char *name);
/* False: its fields are not of the types that the kind has. */
bool defaults_can_be_read(const struct collection *kind, const json_t *object);
/* A reason why `after` must not follow `before`, or NULL. */
const char *defaults_refuse(const struct server *s, const struct collection *kind, const json_t *before,
                            const json_t *after);
bool defaults_counts_generations(const struct collection *kind);

#endif
