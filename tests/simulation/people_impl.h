/* What the parts of the people share. Nobody else includes this. */
#ifndef TESTS_SIMULATION_PEOPLE_IMPL_H
#define TESTS_SIMULATION_PEOPLE_IMPL_H

#include "people.h"

/* A thing that somebody has in hand. */
struct pick {
    struct collection *kind;
    json_t *object; /* owned; a copy, or NULL: there was none */
};

/* One of those that are accepted. */
struct pick people_pick(struct people *p, bool (*accept)(const struct collection *kind, const json_t *o));
void people_put(struct people *p, const struct pick *x);
void people_put_status(struct people *p, const struct pick *x);
void people_remove(struct people *p, const struct pick *x);
/* Takes over `object`; `kind` NULL: nothing happens. */
void people_create(struct people *p, struct collection *kind, const char *ns, json_t *object);
/* One of the merge patches is applied to the resource's spec. */
void people_patch_spec(struct people *p, json_t *resource, const char *const *from, size_t count);

/* people_remote.c: deeds. */
void change_pod(struct people *p);
void remake_signing(struct people *p);
void create_remote(struct people *p);
void change_remote(struct people *p);
void delete_remote(struct people *p);
void abandon_remote(struct people *p);
void force_remote(struct people *p);
void change_kubeconfig(struct people *p);
void move_kubeconfig(struct people *p);
void change_token(struct people *p);
void precede(struct people *p);

#endif
