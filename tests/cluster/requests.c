/* Requests of the test itself to the API server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
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

const char *cluster_version(const struct kube_kind *kind)
{
    return kube_kind_version_for(kind, SERVER_MINOR);
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

/* A GET, again where its answer comes later; NULL: there is no such thing. Every other error fails the test. */
static json_t *must_read(struct net_request request)
{
    _cleanup_free_ char *path = str_dup(request.path);
    const char *accept = request.accept;
    msec_t until = clock_now_monotonic() + PATIENCE;

    for (;;) {
        _cleanup_free_ char *text = NULL;
        enum err_class class;
        json_t *answer = cluster_call(request, &class, &text);
        if (answer || class == ERR_NOT_FOUND)
            return answer;
        if (!comes_later(class) || clock_now_monotonic() > until)
            fail_msg("%s: %s", path, text);
        pause_ms(50);
        request = net_request_new(NET_GET, path, NULL);
        request.accept = accept;
    }
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

void cluster_create_when_served(const struct kube_kind *kind, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);
    msec_t until = clock_now_monotonic() + PATIENCE;
    enum err_class class;

    do {
        json_t *answer = cluster_call(
            kube_request_create(kind, cluster_version(kind), doc_string(object, "metadata", "namespace"), text),
            &class,
            NULL);
        if (answer) {
            json_decref(answer);
            return;
        }
        pause_ms(20);
    } while (class == ERR_NOT_FOUND && clock_now_monotonic() < until);
    fail_msg("%s %s could not be created", kind->kind, doc_string(object, "metadata", "name"));
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
