/*
 * People and their tools: they edit, delete, relabel and recreate objects, change the
 * resource, and never ask the operator.
 */
#ifndef TESTS_SIMULATION_USERS_H
#define TESTS_SIMULATION_USERS_H

#include "../server/server.h"
#include "kube/config.h"

#define MESH_NS "istio-system"
#define MESH_NAME "istio"

/* Name, weight, what is done. */
#define DEEDS(X)                                                                                                       \
    X(delete_owned, 30, "an object of the mesh is deleted")                                                            \
    X(edit_owned, 30, "a field of an object of the mesh is changed or removed")                                        \
    X(label_owned, 10, "labels and annotations of others are put on an object of the mesh")                            \
    X(unmark, 10, "our label or annotation is taken off, or broken")                                                   \
    X(take_over, 3, "our label is taken off some objects, and the resource is deleted")                                \
    X(ignore, 4, "an object is marked to be left alone, or no longer")                                                 \
    X(replace, 10, "an object of the mesh is deleted and made again without our marks")                                \
    X(foreign, 15, "objects that the operator does not own are created, changed, deleted")                             \
    X(change_mesh, 30, "the resource's spec is changed")                                                               \
    X(delete_mesh, 6, "the resource is deleted")                                                                       \
    X(create_mesh, 20, "the resource is made, where there is none")                                                    \
    X(second_mesh, 3, "a second resource is made, or deleted")                                                         \
    X(force_mesh, 2, "the resource's finalizers are taken off by hand")                                                \
    X(delete_definition, 4, "a definition is deleted")                                                                 \
    X(delete_own_definition, 1, "the definition of Istio resources is deleted")                                        \
    X(create_own_definition, 20, "it is made again")                                                                   \
    X(delete_namespace, 1, "the mesh's namespace is deleted")                                                          \
    X(create_namespace, 20, "namespaces are made that are missing")                                                    \
    X(label_namespace, 10, "the injection labels of a namespace are changed")                                          \
    X(crash, 15, "the Pods of a Deployment fail for a while")                                                          \
    X(change_pod, 30, "a Pod becomes ready or not, is deleted, gets another address or a twin")                        \
    X(remake_signing, 2, "Citadel's signing certificate is deleted, and made again")                                   \
    X(create_remote, 20, "a cluster is joined: its RemoteIstio, and mostly the Secret with its kubeconfig")            \
    X(change_remote, 15, "a RemoteIstio's spec is changed, or paused")                                                 \
    X(delete_remote, 5, "a RemoteIstio is deleted")                                                                    \
    X(abandon_remote, 2, "a RemoteIstio is deleted, and its cluster is to be left as it is")                           \
    X(force_remote, 1, "a RemoteIstio's finalizers are taken off by hand")                                             \
    X(change_kubeconfig, 15, "a remote cluster's kubeconfig is put right, broken, deleted, or is one of nowhere")      \
    X(move_kubeconfig, 2, "a remote cluster's kubeconfig becomes one of another cluster")                              \
    X(change_token, 5, "a remote cluster takes other credentials from now on")                                         \
    X(precede, 5, "a Service or Endpoints are there before us, under a name that a remote cluster needs")              \
    X(delete_remote_definition, 1, "the definition of RemoteIstio resources is deleted")                               \
    X(change_workload, 40, "a Pod of a user's workload is created, ends, or is deleted")                               \
    X(restart_workloads, 5, "all of them are deleted and created again")                                               \
    X(change_node, 10, "a node is added, or goes")                                                                     \
    X(break_webhook, 10, "what istiod writes into a webhook is changed or taken out")                                  \
    X(tag_revision, 4, "a revision tag is created, or deleted")                                                        \
    X(renew_definition, 6, "a definition of Istio becomes that of a newer release")

enum deed {
#define X(name, weight, text) DEED_##name,
    DEEDS(X)
#undef X
        DEED_COUNT
};

/* What can be done in every cluster. */
#define USERS_ANYWHERE                                                                                                 \
    (1ull << DEED_delete_owned | 1ull << DEED_edit_owned | 1ull << DEED_label_owned | 1ull << DEED_unmark |            \
     1ull << DEED_ignore | 1ull << DEED_replace | 1ull << DEED_foreign | 1ull << DEED_delete_definition |              \
     1ull << DEED_delete_own_definition | 1ull << DEED_create_own_definition | 1ull << DEED_delete_namespace |         \
     1ull << DEED_create_namespace | 1ull << DEED_label_namespace | 1ull << DEED_crash | 1ull << DEED_precede)
/* What needs a remote cluster. */
#define USERS_OF_REMOTES                                                                                               \
    (1ull << DEED_create_remote | 1ull << DEED_change_remote | 1ull << DEED_delete_remote |                            \
     1ull << DEED_abandon_remote | 1ull << DEED_force_remote | 1ull << DEED_change_kubeconfig |                        \
     1ull << DEED_move_kubeconfig | 1ull << DEED_change_token)
/* What there is in today's Istio alone. */
#define USERS_OF_TODAY                                                                                                 \
    (1ull << DEED_change_workload | 1ull << DEED_restart_workloads | 1ull << DEED_change_node |                        \
     1ull << DEED_break_webhook | 1ull << DEED_tag_revision | 1ull << DEED_renew_definition)
/* What makes leftovers in remote clusters nobody's fault. */
#define USERS_EXCUSING (1ull << DEED_abandon_remote | 1ull << DEED_force_remote | 1ull << DEED_move_kubeconfig)

#define USERS_REMOTES_MAX 2
/* Of the n-th remote cluster, from 1 on, its RemoteIstio and its Secret. */
#define USERS_REMOTE_NAME "remote-%zu"
#define USERS_TOKENS 3

/* What users know of a remote cluster. */
struct users_remote {
    unsigned token; /* that its server accepts now */
    bool excused;   /* it may have leftovers */
};

/* What a kubeconfig says. */
struct users_address {
    size_t site; /* 0: the central cluster; above those there are: nowhere */
    unsigned token;
};
/* False: of no cluster in any world. */
bool users_read_address(const struct kube_config *config, struct users_address *ret);

/* By these a definition is of a newer release. */
#define USERS_LABEL_RELEASE "app.kubernetes.io/version"
#define USERS_NEWER_RELEASE "1.99.0"
#define USERS_NEWER_FIELD "newerField"

struct users {
    struct server *server;
    struct controllers *controllers; /* for what admission makes of their Pods */
    bool today;                      /* the mesh is one of today's Istio */
    struct rng *rng;
    uint64_t enabled;             /* a bit for each deed */
    bool forced;                  /* finalizers were taken off by force: leftovers are nobody's fault */
    const char *did;              /* last */
    struct users_remote *remotes; /* borrowed; NULL: they are not in the central cluster */
    size_t remote_count;
};

/* One deed, by its weight among the enabled ones. */
void users_act(struct users *p);
/* The start of every cluster: the definition of Istio resources and a few namespaces. */
void users_prepare(struct users *p);
void users_create_mesh(struct users *p);
void users_delete_mesh(struct users *p);
/* A Galley that another client kept, though the mesh asks for none, would register its webhook for ever. */
void users_settle_galley(struct users *p);
/* users_today.c */
void users_add_nodes(struct users *p); /* one at least is there then */
void users_move_on(struct users *p);
void users_restart_workloads(struct users *p);
/* users_renewal.c: nothing is left alone any more, and there is a mesh that renews sidecars; what it renews; deeds;
 * what does not end by itself is ended. */
void users_begin_renewal(struct users *p);
void users_add_apps(struct users *p);
void users_outdate_apps(struct users *p);
void users_act_in_renewal(struct users *p);
void users_end_renewal(struct users *p);
/* users_upgrade.c: nothing is left alone any more, and there is a mesh of a release before today's Istio; deeds, of
 * which most ask for another version; a mesh is there at the end, and nothing pauses it. */
void users_begin_upgrades(struct users *p);
void users_act_in_upgrades(struct users *p);
void users_end_upgrades(struct users *p);
/* users_integrations.c: there is a mesh that nothing pauses, and others may be there that watch it; deeds; all of their
 * fields are off. */
void users_begin_integrations(struct users *p);
void users_act_with_integrations(struct users *p);
void users_end_integrations(struct users *p);
/* users_remote.c, in the central cluster: a remote cluster may be joined from the beginning. */
void users_join(struct users *p);
/* The kubeconfigs of remote clusters are put right, mostly; some RemoteIstios are deleted, or let go where they must.
 */
void users_settle_remotes(struct users *p);
/* Each remote cluster takes other credentials, and its kubeconfig has them. */
void users_renew_kubeconfigs(struct users *p);
/* Leftovers are nobody's fault any more. */
void users_excuse(struct users *p);
size_t users_count_remotes(struct users *p);

#endif
