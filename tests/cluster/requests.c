/* Requests of the test itself to the API server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "harness_impl.h"

const struct kube_kind *kind_of(const char *api_version, const char *kind)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, api_version, kind);

    if (!row)
        fail_msg("no kind %s %s", api_version, kind);
    return row;
}

json_t *cluster_call(struct net_request request, enum err_class *ret_class, char **ret_text)
{
    _cleanup_buf_ struct buf body = BUF_INIT;
    json_t *answer = NULL;
    struct err e = {0};
    int status;

    if (net_client_wait(h.client, &request, &body, &status, &e) < 0) {
        *ret_class = e.class;
        if (ret_text)
            *ret_text = str_dup(e.text);
        return NULL;
    }
    *ret_class = ERR_NONE;
    assert_int_equal(doc_parse(buf_str(&body), body.len, SIZE_MAX, &answer, &e), 0);
    return answer;
}

/* The same, and every error fails the test. */
static json_t *must_call(struct net_request request)
{
    _cleanup_free_ char *path = str_dup(request.path), *text = NULL;
    enum err_class class;
    json_t *answer = cluster_call(request, &class, &text);

    if (!answer)
        fail_msg("%s: %s", path, text);
    return answer;
}

/* A server that comes back, or has too much to do, says so; what the test itself asks for is not what it is about. */
static bool comes_later(enum err_class class)
{
    return class == ERR_UNAVAILABLE || class == ERR_TIMEOUT || class == ERR_THROTTLED;
}

struct reading {
    const char *path, *accept;
    json_t *answer; /* NULL: there is no such thing */
};

static bool is_answered(void *context)
{
    struct reading *r = context;
    struct net_request request = net_request_new(NET_GET, r->path, NULL);
    _cleanup_free_ char *text = NULL;
    enum err_class class;

    request.accept = r->accept;
    r->answer = cluster_call(request, &class, &text);
    if (r->answer || class == ERR_NOT_FOUND)
        return true;
    if (!comes_later(class))
        fail_msg("%s: %s", r->path, text);
    wait_saw("%s", text);
    return false;
}

/* A GET, again where its answer comes later; NULL: there is no such thing. Every other error fails the test. */
static json_t *must_read(struct net_request request)
{
    struct reading r = {request.path, request.accept, NULL};

    wait_until(is_answered, &r, PATIENCE, r.path);
    net_request_release(&request);
    return r.answer;
}

int cluster_minor(void)
{
    static int minor;
    _cleanup_json_ json_t *version = NULL;

    if (minor)
        return minor;
    version = must_read(net_request_new(NET_GET, "/version", NULL));
    minor = (int)strtol(str_or(doc_string(version, "minor"), ""), NULL, 10);
    assert_true(minor > 0);
    return minor;
}

const char *cluster_version(const struct kube_kind *kind)
{
    return kube_kind_version_for(kind, cluster_minor());
}

json_t *cluster_get(const struct kube_kind *kind, const char *ns, const char *name)
{
    return must_read(kube_request_get(kind, cluster_version(kind), ns, name));
}

bool cluster_has(const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_json_ json_t *object = cluster_get(kind, ns, name);

    return object != NULL;
}

json_t *cluster_list(const struct kube_kind *kind, const char *label_selector)
{
    _cleanup_json_ json_t *answer =
        must_read(kube_request_list(kind, cluster_version(kind), NULL, label_selector, NULL, 0, NULL));

    return answer ? json_incref(doc_at(answer, "items")) : json_array();
}

void cluster_create(const struct kube_kind *kind, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);

    json_decref(
        must_call(kube_request_create(kind, cluster_version(kind), doc_string(object, "metadata", "namespace"), text)));
}

struct creation {
    const struct kube_kind *kind;
    const json_t *object;
};

static bool is_created(void *context)
{
    const struct creation *c = context;
    _cleanup_free_ char *text = doc_text(c->object), *refusal = NULL;
    enum err_class class;
    json_t *answer = cluster_call(
        kube_request_create(c->kind, cluster_version(c->kind), doc_string(c->object, "metadata", "namespace"), text),
        &class,
        &refusal);

    if (!answer && class != ERR_NOT_FOUND && !strstr(refusal, "port is already allocated"))
        fail_msg("%s %s: %s", c->kind->kind, doc_string(c->object, "metadata", "name"), refusal);
    json_decref(answer);
    return answer != NULL;
}

void cluster_create_when_possible(const struct kube_kind *kind, const json_t *object)
{
    wait_until(is_created, &(struct creation){kind, object}, PATIENCE, "the object can be created");
}

void cluster_patch(const struct kube_kind *kind, const char *ns, const char *name, const char *patch)
{
    json_decref(must_call(kube_request_merge_patch(kind, cluster_version(kind), ns, name, NULL, patch)));
}

bool cluster_try_update(const struct kube_kind *kind, const json_t *object, char **ret_refusal)
{
    const char *ns = kind->namespaced ? doc_string(object, "metadata", "namespace") : NULL;
    _cleanup_free_ char *body = doc_text(object);
    _cleanup_json_ json_t *answer = NULL;
    enum err_class class;

    answer = cluster_call(
        kube_request_update(kind, cluster_version(kind), ns, doc_string(object, "metadata", "name"), body),
        &class,
        ret_refusal);
    return answer != NULL;
}

bool cluster_try(struct net_request request)
{
    enum err_class class;
    _cleanup_json_ json_t *answer = cluster_call(request, &class, NULL);

    return answer != NULL;
}

bool cluster_try_patch(const struct kube_kind *kind, const char *ns, const char *name, const char *patch)
{
    return cluster_try(kube_request_merge_patch(kind, cluster_version(kind), ns, name, NULL, patch));
}

void cluster_delete(const struct kube_kind *kind, const char *ns, const char *name)
{
    json_decref(must_call(kube_request_delete(kind, cluster_version(kind), ns, name, NULL, NULL)));
}

bool cluster_lacks(void *place)
{
    const struct place *p = place;

    return !cluster_has(p->kind, p->ns, p->name);
}

void cluster_delete_if_there(const struct kube_kind *kind, const char *ns, const char *name)
{
    cluster_try(kube_request_delete(kind, cluster_version(kind), ns, name, NULL, NULL));
}

bool server_answers(void *context)
{
    struct net_request request = net_request_new(NET_GET, "/readyz", NULL);
    _cleanup_buf_ struct buf body = BUF_INIT;
    int status;

    (void)context;
    request.accept = "text/plain";
    return net_client_wait(h.client, &request, &body, &status, NULL) == 0;
}
