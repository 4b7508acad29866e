/*
 * A line of releases: what is built alike, and what it has of its own. src/mesh holds a folder for each line, and a row
 * for each release (releases.c).
 *
 * A line is data and pure functions. What is not asked of it here is the same for all lines: the order in which objects
 * are written and deleted is in the rows of their kinds (kinds.c).
 */
#ifndef MESH_LINE_H
#define MESH_LINE_H

#include <jansson.h>

#include "api/istio.h"
#include "kube/cache.h"
#include "mesh/gateway_api.h"
#include "mesh/kinds.h"
#include "reconcile/rendered.h"
#include "reconcile/rollout.h"

struct mesh_release;
struct mesh_plane;

/* What only a remote cluster has. */
struct mesh_remote {
    /*
     * The certificate by which its control plane signs, of the same root as the central cluster's: the `data` of Secret
     * cacerts, in base64 ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem. Borrowed. A secret.
     */
    const json_t *signing;
};

/* What is observed of the nodes, and decides about the CNI plugin. Zeroed: nothing is known, and nothing waits. */
struct mesh_cni_state {
    const char *platform; /* of the nodes, as mesh_cni.platform_of_node says; borrowed; NULL: not known */
    bool waits;           /* not all nodes have it yet: new Pods still get the init container that it replaces */
    bool stays;           /* it is disabled, but new Pods are still injected for it */
};

/* A part that is still of another control plane than the rest of the mesh, while that is upgraded. Borrowed. */
struct mesh_held {
    const char *part; /* of a gateway mesh_component.name; or MESH_HELD_...; NULL ends a list */
    const struct istio_spec *spec;
    const struct mesh_release *release;
    const char *revision;
};

/* What the objects depend on in addition to the resource. */
struct mesh_env {
    /* Of a remote cluster, policy and telemetry are enabled where its proxies have them in the central one. */
    const struct istio_spec *spec;
    const struct mesh_release *release;
    const char *ns; /* the namespace of the control plane: the resource's */
    /* Of the control plane (mesh_plane.revision), for mesh_name(); NULL is as "". */
    const char *revision;
    /* The version to use for each row of mesh_kinds; NULL: this server has none (yet). */
    const char *const *versions;
    const struct mesh_remote *remote; /* NULL: the central cluster */
    struct mesh_cni_state cni;
    bool untraced;                /* no Service has the port that spans go to (mesh_line.traces_to_ports) */
    const struct mesh_held *held; /* ends with a NULL part; NULL: none */
};

/* The configuration of the injector (mesh_injection.config_map), and the webhook of mesh_line.validator. */
#define MESH_HELD_INJECTOR "injector"
#define MESH_HELD_VALIDATOR "validator"

/* rendered.apart: objects for programs that are not of the mesh, and may not be there. */
enum { MESH_APART_MONITORS = 1, MESH_APART_DASHBOARDS, MESH_APART_MAPS };

/* Adds objects to `out`. */
typedef void (*mesh_part_fn)(const struct mesh_env *env, struct rendered_list *out);

/* A component of Istio: what can be switched, and what the status has a line for. */
struct mesh_component {
    const char *name; /* "pilot", as the field of the resource is called: "gateways.ingress" */
    /* What runs it, for the status: KIND_DEPLOYMENT, KIND_DAEMON_SET, KIND_STATEFUL_SET; ends with a NULL name. */
    const struct rollout_workload *workloads;
    const struct component_spec *(*spec)(const struct istio_spec *);
    /* Adds the component's objects; not called while it is disabled. NULL: mesh_parts.shared has a part that does. */
    mesh_part_fn render;
    bool shared;         /* all control planes have it in common: its workloads have the same names in each */
    const char *service; /* of a gateway: its Service, whose address the status has; NULL: it is no gateway */
};

/*
 * What a component's program creates for itself in the cluster. It has no owner label, and nothing else deletes it: it
 * is deleted with the mesh. Every mesh is removed by the tables of all lines, so that what one line's table has is left
 * out of the others. Events, and what Kubernetes' own controllers create for an object, are not included either.
 */
struct mesh_made {
    const char *component; /* whose program creates it: "galley" */
    enum mesh_kind_id kind;
    const char *name; /* NULL: any; one that ends with "*": all that begin so */
    const char *type; /* of a Secret; NULL: any */
    bool everywhere;  /* in all namespaces; else in the control plane's, where its kind is namespaced */
    /* Of webhooks: there are some, and each calls a Service in the control plane's namespace. Else another mesh's. */
    bool calls_here;
    /*
     * Kubernetes records this program, and no other client, as who wrote its fields (metadata.managedFields); else it
     * is a user's. NULL: any.
     */
    const char *writer;
    /* The kind is custom and may not be served: the view of its definition that says so, "" where it is not; 0: none.
     */
    enum mesh_kind_id served_by;
    /*
     * It does harm without its program: it is deleted before everything else, and also when the component is disabled.
     */
    bool harmful_alone;
    /*
     * Programs of another mesh create the same: one that was created after the removal began is theirs, and stays.
     */
    bool shared;
};

/* What one cluster has of it. No pointer is NULL: where it has nothing, the tables are empty. */
struct mesh_parts {
    const struct mesh_component *components; /* ends with a NULL name */
    /*
     * What belongs to no component or to several; each part finds out itself whether it is desired. Ends with NULL.
     */
    const mesh_part_fn *shared;
    const struct mesh_made *made; /* ends with a NULL component */
};

/*
 * What Istio cannot do on a supported server, because the server does not serve an API any more. The status has a
 * condition for it, which is False; the mesh is still Ready.
 */
struct mesh_limitation {
    const char *condition, *reason; /* the condition's type and reason */
    int kubernetes_since;           /* minor version of Kubernetes 1.x */
    bool (*concerns)(const struct istio_spec *);
    const char *text; /* a format with one %d, for the server's minor version */
};

/* What Prometheus scrapes, over plain HTTP. */
struct mesh_scrape {
    const char *job;      /* the value of label `job` */
    const char *services; /* of the control plane's namespace, by a regular expression of their names; NULL: Pods */
    const char *port;     /* its name, in the Service or in the Pods' container istio-proxy */
    const char *path;     /* NULL: /metrics */
    int declared, served; /* of Pods: the number of that port, and the one to ask instead; 0: itself */
};

/* What a line's metrics are called: a column of the dashboards' queries (common/panels.h). */
enum mesh_metrics { MESH_METRICS_1_0, MESH_METRICS_1_1, MESH_METRICS_TODAY, MESH_METRICS_COUNT };

/* How namespaces are chosen for injection, and which sidecars are outdated. */
struct mesh_injection {
    /* The label of a namespace whose new Pods get a sidecar, and its value. */
    const char *label, *enabled;
    /*
     * What LABEL_REVISION calls the control plane, a second way to choose it where a namespace has no LABEL_INJECTION;
     * NULL: its line reads no such label.
     */
    const char *revision;
    const char *config_map; /* with the injector's template of sidecars, in the control plane's namespace */
    /*
     * The version of that configuration a Pod got its sidecar from, and the one that Pods get it from now. It covers
     * all that the mesh says about a sidecar: images, resources, ranges, how it finds the control plane. What a Pod
     * chose by annotations is not included. A Pod whose version is another one has an outdated sidecar. Owned by the
     * caller; NULL: the Pod has none of this line, this is no such ConfigMap. Of a Pod that is being deleted it is
     * NULL, or "REVISION/" where lines have revisions: it is not replaced again, and its proxy needs its control plane
     * until it has ended.
     */
    char *(*version_of_pod)(const json_t *pod);
    char *(*version_of_config)(const json_t *config_map);
    /*
     * The version of Istio that the configuration is of; owned by the caller; NULL: it does not say. NULL: it is
     * written with the programs that read it.
     */
    char *(*release_of_config)(const json_t *config_map);
    /* How long after a change of the ConfigMap the injector may still inject by the former one. */
    msec_t settles_within;
    /*
     * What Pod Security has against new Pods with a sidecar at its levels baseline and restricted, by whether they are
     * injected for the CNI plugin: a clause, static; NULL: nothing. NULL: no server of this line has Pod Security.
     */
    const char *(*refused_for)(const struct istio_spec *spec, bool cni);
};
/* The label of namespaces by which Istio injects where no revision is named, and the one that names it. */
#define LABEL_INJECTION "istio-injection"
#define LABEL_REVISION "istio.io/rev"
/* Of the control plane's namespace, of Services that lead into a network, and of Pods: the name of their network. */
#define LABEL_NETWORK "topology.istio.io/network"

/* The plugin of the nodes' network that redirects the traffic of Pods, instead of an init container in each. */
struct mesh_cni {
    const struct mesh_component *component; /* borrowed from the line; its workload is a DaemonSet */
    /* Whether its paths follow from what runs the nodes. */
    bool (*asks_for_platform)(const struct istio_spec *spec);
    char *(*platform_of_node)(const json_t *node); /* owned by the caller */
    /* Whether Pods are injected for it with this ConfigMap (mesh_injection.config_map). */
    bool (*is_in)(const json_t *config_map);
    /*
     * Whether a Pod was injected for it and checks nothing itself: one whose node had no plugin when it started runs
     * with a sidecar that no traffic is redirected to. NULL: Pods check it, and do not start so.
     */
    bool (*relies)(const json_t *pod);
    /* Whether it leaves Pods of a namespace alone; `ns` is the control plane's. NULL where `relies` is. */
    bool (*excludes)(const struct istio_spec *spec, const char *ns, const char *name);
};

/* What a remote cluster needs of the central one. No member but `defaults` is NULL. */
struct mesh_joining {
    const struct api_form *form;          /* of a RemoteIstio */
    const struct field_default *defaults; /* of its fields, where they are not as in the form; NULL: none are */
    /*
     * Fills in what the mesh decides, in a spec of that form that was parsed from `resource`: always its version and
     * what all clusters must agree on, the rest where `resource` does not give it. May be called again when the mesh
     * has changed. Components that run in the central cluster alone are then enabled for the code that configures
     * proxies.
     */
    void (*follow)(struct istio_spec *spec, const json_t *resource, const struct istio_spec *central);
    /* The label of a Secret with a kubeconfig, with the value "true": the control plane reads the cluster with it. */
    const char *kubeconfig_label;
    /*
     * The certificate for mesh_remote.signing, from the Deployments and the Secrets (KIND_CREDENTIALS_SECRET) of the
     * control plane's namespace; owned by the caller; NULL: there is none yet.
     */
    json_t *(*signing)(const struct kube_cache *observed, const char *ns);
    const char *waits_for_signing; /* what the status says then */
    /* What the user should know although the cluster joins: static; it returns NULL where that is nothing. */
    const char *(*notice)(const struct istio_spec *remote, const struct istio_spec *central);
};

/* A default that is another one from a release on: a mesh that is upgraded to it keeps the old one (kept.h). */
struct mesh_changed_default {
    const char *since;                     /* the first release with the new one */
    const char *field;                     /* "spec.policy.checks" */
    const char *old_default, *new_default; /* as JSON; in a release that has no such field, what it does */
};

/* What a resource can say, and a release does not follow any more. */
struct mesh_dropped_setting {
    const char *since; /* the first release without it */
    const char *field; /* "spec.pilot.env.NAME" */
};

/* Objects of users that a line does not follow, and the one before or after it does. */
struct mesh_ignored {
    enum mesh_kind_id view;
    const char *definition; /* of a custom kind: the name of its CustomResourceDefinition; NULL: it is none */
    const char *what;       /* they are called, before their names */
    const char *advice;     /* what comes of it, and what helps: a clause */
};

struct mesh_line {
    /* What a resource looks like in its releases; the struct that it is parsed into begins with struct istio_spec. */
    const struct api_form *form;
    /*
     * The control planes that a resource asks for at a time: false past the last, at most MESH_PLANES_MAX. New Pods get
     * the sidecars of the first. `ret` is given as that of the resource's version without a name. NULL: there is that
     * one alone.
     */
    bool (*plane)(const struct istio_spec *spec, size_t i, struct mesh_plane *ret);
    /*
     * The name of the control plane that a Deployment runs, or that answers a webhook, borrowed from the object: ""
     * where it has none; NULL: it belongs to none. A former control plane of a mesh is found by it. NULL: the line has
     * no names for them.
     */
    const char *(*plane_of)(const json_t *object);
    const char *validator; /* the ValidatingWebhookConfiguration that the control planes share; NULL: they share none */
    /* Each ends with a NULL field; NULL: there are none. */
    const struct mesh_dropped_setting *dropped;
    const struct mesh_changed_default *changed;
    const struct mesh_ignored *ignored; /* ends with a NULL `what`; NULL: nothing */
    /* The CustomResourceDefinitions of Istio's own configuration, in the central cluster; NULL: it has none. */
    mesh_part_fn definitions;
    struct mesh_parts central, remote;
    struct mesh_injection injection;           /* of a control plane without a name; see mesh_injection_of() */
    const struct mesh_scrape *scrapes;         /* in the central cluster; ends with a NULL job; NULL: none */
    enum mesh_metrics metrics;                 /* where it has `scrapes` */
    const struct mesh_cni *cni;                /* NULL: it has none */
    const struct mesh_joining *joining;        /* NULL: no other cluster can join */
    const struct mesh_limitation *limitations; /* of the central cluster; ends with a NULL condition; may be NULL */
    /* The Secret by which the control plane signs, as observed: a digest (mesh/authority.h). NULL: there is none yet.
     */
    const struct kube_object *(*authority)(const struct kube_cache *observed, const char *ns);
    /*
     * Its webhooks are a line of the status: the mesh is Ready when each has the authority that its control plane fills
     * in, and what answers it is ready.
     */
    bool webhooks_count;
    /* What its control plane reads in LABEL_NETWORK of its own namespace; NULL: none. NULL: it reads no such label. */
    const char *(*network)(const struct istio_spec *spec);
    /* Proxies are told of the port of a Service that spans go to, and refuse all that they are told if it has none. */
    bool traces_to_ports;
};

/* for (size_t i = 0; (l = mesh_limitation_next(line, spec, minor, &i));) Those that concern this mesh on
 * Kubernetes 1.`minor`. */
const struct mesh_limitation *
mesh_limitation_next(const struct mesh_line *line, const struct istio_spec *spec, int minor, size_t *position);
/* The condition's message, owned by the caller. */
char *mesh_limitation_text(const struct mesh_limitation *limitation, int minor);

/* A version of Istio, also the tag of its images: what differs between the releases of a line is data in its row. */
struct mesh_release {
    const char *version; /* "1.0.5" */
    const struct mesh_line *line;
    int kubernetes_min, kubernetes_max;   /* minor versions of Kubernetes 1.x it can run on, inclusive */
    const struct field_default *defaults; /* of fields, where they are not as in the line's form; NULL: none are */
    const void *differences; /* from the newest release of its line: a struct of the line's; NULL: there are none */
    const struct gateway_api_kind *gateway_api; /* ends with a NULL kind; NULL: it does not know Gateway API */
    const char *kiali;                          /* the version of Kiali that fits: "v2.27"; NULL: none is installed */
};

/*
 * A control plane: what a mesh is planned by. The objects of one with a name have that name behind theirs
 * (mesh_name()), and so has its line in the status; what it shares with others, as definitions, has not.
 */
struct mesh_plane {
    const char *revision; /* its name, borrowed from the spec; "": it has none */
    const struct mesh_release *release;
};
enum { MESH_PLANES_MAX = 8 };

/* A line's releases one behind the other, the newest first; ends with a NULL version. */
extern const struct mesh_release mesh_releases[];
/*
 * Its row. A patch without one has that of the newest known patch of its minor release that is older. NULL where there
 * is none, as where all known ones are newer.
 */
const struct mesh_release *mesh_release_find(const char *version);
/* Of an unknown version as of others of its minor release; else, and of NULL, that of the default version. */
const struct mesh_line *mesh_line_of(const char *version);
/* for (size_t i = 0; (line = mesh_line_next(&i));) All lines, each once. */
const struct mesh_line *mesh_line_next(size_t *position);

/*
 * for (size_t i = 0; (made = mesh_made_next(role, &i));)
 * What the programs of any line create in a cluster of this role (MESH_CENTRAL or MESH_REMOTE).
 */
const struct mesh_made *mesh_made_next(unsigned role, size_t *position);

#endif
