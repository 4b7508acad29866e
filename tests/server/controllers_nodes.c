/* Nodes and what runs on each of them: DaemonSets. The kubelet's part is in here, too. */
#include "controllers_impl.h"

/* Of a DaemonSet's Pods: the generation that they are of. */
#define LABEL_GENERATION "pod-template-generation"

/* The nodes' Pods have a name each, so that they are found without a list. Owned by the caller. */
static char *pod_name(const json_t *daemons, const char *node)
{
    return str_printf("%s-%s", name_of(daemons), node);
}

static json_t *generation_of(const json_t *daemons)
{
    return json_sprintf("%d", (int)doc_int(doc_at(daemons, "metadata", "generation"), 0));
}

static json_t *pod_of(const json_t *daemons, const char *node)
{
    _cleanup_free_ char *name = pod_name(daemons, node);
    json_t *labels = doc_copy(doc_at(daemons, "spec", "template", "metadata", "labels"));

    if (!json_is_object(labels)) {
        json_decref(labels);
        labels = json_object();
    }
    json_object_set_new(labels, LABEL_GENERATION, generation_of(daemons));
    return OBJECT(MAP("metadata", STRING("name", name), VALUE("labels", labels),
                      SEQ("ownerReferences", ITEM(STRING("kind", "DaemonSet"), STRING("name", name_of(daemons)),
                                                  STRING("uid", doc_string(daemons, "metadata", "uid"))))),
                  MAP("spec", STRING("nodeName", node)));
}

static bool is_ready(const json_t *pod)
{
    return str_eq(doc_string(doc_find(doc_at(pod, "status", "conditions"), "type", "Ready"), "status"), "True");
}

static bool is_current(const json_t *daemons, const json_t *pod)
{
    _cleanup_json_ json_t *generation = generation_of(daemons);

    return json_equal(generation, doc_at(pod, "metadata", "labels", LABEL_GENERATION));
}

static void become_ready(struct controllers *c, struct collection *pods, const json_t *pod)
{
    _cleanup_json_ json_t *o = doc_copy(pod);

    json_object_set_new(
        o, "status",
        OBJECT(STRING("phase", "Running"), SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
    update(c, pods, "status", o);
}

/* One step of the Pod of a node. */
static void tend(struct controllers *c, struct collection *pods, const json_t *daemons, const char *node)
{
    _cleanup_free_ char *name = pod_name(daemons, node);
    const json_t *pod = server_get(pods, ns_of(daemons), name);

    if (!pod) {
        if (now(c, 500))
            create(c, pods, ns_of(daemons), pod_of(daemons, node));
    } else if (!is_current(daemons, pod)) {
        if (now(c, 400))
            remove_object(c, pods, pod);
        c->unfinished = true;
    } else if (!is_ready(pod) && now(c, 400)) {
        become_ready(c, pods, pod);
    }
}

/* What it says of its Pods now; owned by the caller. */
static json_t *status_of(const json_t *daemons, const struct collection *pods, const json_t *nodes)
{
    json_int_t there = 0, current = 0, ready = 0;
    json_t *node;
    size_t i;

    json_array_foreach((json_t *)nodes, i, node) {
        _cleanup_free_ char *name = pod_name(daemons, name_of(node));
        const json_t *pod = server_get(pods, ns_of(daemons), name);
        there += pod != NULL;
        current += pod && is_current(daemons, pod);
        ready += pod && is_ready(pod);
    }
    return OBJECT(VALUE("observedGeneration", json_incref(doc_at(daemons, "metadata", "generation"))),
                  INT("desiredNumberScheduled", (json_int_t)json_array_size(nodes)),
                  INT("currentNumberScheduled", there), INT("updatedNumberScheduled", current),
                  INT("numberReady", ready), INT("numberAvailable", ready));
}

/* Those whose node is gone. */
static void drop_pods(struct controllers *c, struct collection *pods, const json_t *daemons,
                      const struct collection *nodes)
{
    _cleanup_json_ json_t *list = objects_of(pods);
    json_t *pod;
    size_t i;

    json_array_foreach(list, i, pod) {
        const json_t *owner = json_array_get(doc_at(pod, "metadata", "ownerReferences"), 0);
        if (str_eq(doc_string(owner, "uid"), doc_string(daemons, "metadata", "uid")) &&
            !server_get(nodes, NULL, str_or(doc_string(pod, "spec", "nodeName"), "")) && now(c, 500))
            remove_object(c, pods, pod);
    }
}

static void roll_out(struct controllers *c, struct collection *kind, const json_t *daemons)
{
    struct collection *pods = kind_of(c, "", "pods"), *nodes = kind_of(c, "", "nodes");
    _cleanup_json_ json_t *list = objects_of(nodes), *status = NULL, *o = NULL;
    json_t *node;
    size_t i;

    json_array_foreach(list, i, node)
        tend(c, pods, daemons, name_of(node));
    drop_pods(c, pods, daemons, nodes);
    status = status_of(daemons, pods, list);
    if (doc_equal(status, doc_at(daemons, "status")) || !now(c, 600))
        return;
    o = doc_copy(daemons);
    json_object_set(o, "status", status);
    update(c, kind, "status", o);
}

void controllers_daemon_sets(struct controllers *c)
{
    struct collection *kind = kind_of(c, "apps", "daemonsets");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        if (!is_deleting(o) && !controllers_is_app(o))
            roll_out(c, kind, o);
}
