/* What the parts of the users share. Nobody else includes this. */
#ifndef TESTS_SIMULATION_USERS_IMPL_H
#define TESTS_SIMULATION_USERS_IMPL_H

#include "users.h"

/* An object that a user works on. */
struct pick {
    struct collection *kind;
    json_t *object; /* owned; a copy, or NULL: there was none */
};

/* One of those that are accepted. */
struct pick users_pick(struct users *p, bool (*accept)(const struct collection *kind, const json_t *o));
void users_put(struct users *p, const struct pick *x);
void users_put_status(struct users *p, const struct pick *x);
void users_remove(struct users *p, const struct pick *x);
/* Takes over `object`; `kind` NULL: nothing happens. */
void users_create(struct users *p, struct collection *kind, const char *ns, json_t *object);
/* One of the merge patches is applied to the resource's spec. */
void users_patch_spec(struct users *p, json_t *resource, const char *const *from, size_t count);

/* What users do, and how often. */
struct users_deed {
    const char *name;
    unsigned weight;
    void (*act)(struct users *p);
};
/* One of them, by their weights. */
void users_act_by_weight(struct users *p, const struct users_deed *deeds, size_t count);

/* Nothing is left alone any more. */
void users_unignore(struct users *p);
struct pick users_mesh(struct users *p);

/* users_remote.c: deeds. */
void change_pod(struct users *p);
void remake_signing(struct users *p);
void create_remote(struct users *p);
void change_remote(struct users *p);
void delete_remote(struct users *p);
void abandon_remote(struct users *p);
void force_remote(struct users *p);
void change_kubeconfig(struct users *p);
void move_kubeconfig(struct users *p);
void change_token(struct users *p);
void precede(struct users *p);

/* users_today.c: deeds, and what is in a resource of today's Istio. */
void change_workload(struct users *p);
void restart_workloads(struct users *p);
void change_node(struct users *p);
void break_webhook(struct users *p);
void tag_revision(struct users *p);
void renew_definition(struct users *p);
extern const char *const users_patches_today[];
extern const size_t users_patches_today_count;
/* NULL: the operator's choice. */
const char *users_version_today(struct users *p);

#endif
