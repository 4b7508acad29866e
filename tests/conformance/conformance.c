#include "conformance.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define ANSWER_MAX SECONDS(60)
#define COMES_WITHIN SECONDS(60)

static struct event_base *loop;
static struct net_client *client;
static bool (*forget)(void *context);
static void *forget_context;

static const struct kube_kind rows[] = {
    [NAMESPACE] = {.kind = "Namespace", .plural = "namespaces", .group = "", .versions = {{"v1"}}},
    [CONFIG_MAP] = {.kind = "ConfigMap", .plural = "configmaps", .group = "", .versions = {{"v1"}}, .namespaced = true},
    [SECRET] = {.kind = "Secret",
                .is_secret = true,
                .plural = "secrets",
                .group = "",
                .versions = {{"v1"}},
                .namespaced = true},
    [SERVICE] = {.kind = "Service", .plural = "services", .group = "", .versions = {{"v1"}}, .namespaced = true},
    [ENDPOINTS] = {.kind = "Endpoints", .plural = "endpoints", .group = "", .versions = {{"v1"}}, .namespaced = true},
    [POD] = {.kind = "Pod", .plural = "pods", .group = "", .versions = {{"v1"}}, .namespaced = true},
    [DEPLOYMENT] =
        {.kind = "Deployment", .plural = "deployments", .group = "apps", .versions = {{"v1"}}, .namespaced = true},
    [LEASE] =
        {.kind = "Lease", .plural = "leases", .group = "coordination.k8s.io", .versions = {{"v1"}}, .namespaced = true},
    [DEFINITION] = {.kind = "CustomResourceDefinition",
                    .is_definition = true,
                    .plural = "customresourcedefinitions",
                    .group = "apiextensions.k8s.io",
                    .versions = {{"v1"}}},
    [PROBE] = {.kind = "Probe",
               .plural = "probes",
               .group = "conformance.example.com",
               .versions = {{"v1"}},
               .namespaced = true,
               .custom = true},
    [UNKNOWN] = {.kind = "Nothing",
                 .plural = "nothings",
                 .group = "nowhere.example.com",
                 .versions = {{"v1"}},
                 .namespaced = true},
};

const struct kube_kind *kind_row(enum kind kind)
{
    return &rows[kind];
}

/* --- requests --- */

struct reply {
    bool done;
    int status;
    json_t *body;
    char *error;
};

static void on_reply(void *context, const struct net_response *response, const struct err *e)
{
    struct reply *r = context;

    r->done = true;
    if (response) {
        r->status = response->status;
        doc_parse(response->body, response->body_len, SIZE_MAX, &r->body, NULL);
    }
    if (e)
        r->error = str_dup(e->text);
    event_base_loopbreak(loop);
}

static struct reply reply_to(struct net_request request)
{
    struct reply r = {0};

    net_client_send(client, &request, NULL, on_reply, &r);
    while (!r.done)
        event_base_dispatch(loop);
    return r;
}

int attempt(struct net_request request, json_t **ret)
{
    struct reply r = reply_to(request);

    free(r.error);
    if (ret)
        *ret = r.body;
    else
        json_decref(r.body);
    return r.status;
}

json_t *expect(int status, struct net_request request)
{
    _cleanup_free_ char *path = str_printf("%s %s", net_method_name(request.method), request.path);
    struct reply r = reply_to(request);

    if (r.status != status) {
        _cleanup_free_ char *body = r.body ? doc_text(r.body) : NULL;
        fail_msg("%s: %d instead of %d: %s %s", path, r.status, status, str_or(r.error, ""), str_or(body, ""));
    }
    free(r.error);
    return r.body;
}

void expect_only(int status, struct net_request request)
{
    json_decref(expect(status, request));
}

static const char *space_of(enum kind kind)
{
    return rows[kind].namespaced ? SPACE : NULL;
}

json_t *create(enum kind kind, const char *object)
{
    return expect(201, kube_request_create(ROW(kind), space_of(kind), object));
}

json_t *get(enum kind kind, const char *name)
{
    return expect(200, kube_request_get(ROW(kind), space_of(kind), name));
}

struct net_request put(enum kind kind, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);

    return kube_request_update(ROW(kind), space_of(kind), doc_string(object, "metadata", "name"), text);
}

struct net_request put_status(enum kind kind, const json_t *object)
{
    _cleanup_free_ char *text = doc_text(object);

    return kube_request_update_status(ROW(kind), space_of(kind), doc_string(object, "metadata", "name"), text);
}

struct net_request merge(enum kind kind, const char *name, const char *patch)
{
    return kube_request_merge_patch(ROW(kind), space_of(kind), name, NULL, patch);
}

struct net_request removal(enum kind kind, const char *name, const char *uid, const char *version)
{
    return kube_request_delete(ROW(kind), space_of(kind), name, uid, version);
}

const char *version_of(const json_t *object)
{
    return str_or(doc_string(object, "metadata", "resourceVersion"), "");
}

const char *uid_of(const json_t *object)
{
    return str_or(doc_string(object, "metadata", "uid"), "");
}

int64_t generation_of(const json_t *object)
{
    return doc_int(doc_at(object, "metadata", "generation"), 0);
}

int minor_version(void)
{
    _cleanup_json_ json_t *version = expect(200, net_request_new(NET_GET, "/version", NULL));
    int minor = (int)strtol(str_or(doc_string(version, "minor"), ""), NULL, 10);

    assert_true(minor > 0);
    return minor;
}

/* --- waiting --- */

void run_loop_for(int ms)
{
    event_base_loopexit(loop, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    event_base_dispatch(loop);
}

/* The status of a GET; `ret` (may be NULL) is the object, owned by the caller. */
static int try_get(enum kind kind, const char *name, json_t **ret)
{
    return attempt(kube_request_get(ROW(kind), space_of(kind), name), ret);
}

/* What is waited for. */
struct wish {
    enum kind kind;
    const char *name, *const *path, *value;
};

static bool is_gone(void *context)
{
    const struct wish *w = context;

    return try_get(w->kind, w->name, NULL) == 404;
}

void wait_gone(enum kind kind, const char *name)
{
    _cleanup_free_ char *what = str_printf("%s %s is deleted", rows[kind].kind, name);

    wait_until(is_gone, &(struct wish){kind, name}, COMES_WITHIN, what);
}

static bool has_field(void *context)
{
    const struct wish *w = context;
    _cleanup_json_ json_t *object = NULL;

    if (try_get(w->kind, w->name, &object) != 200)
        return false;
    return w->value ? str_eq(doc_string_(object, w->path), w->value) : doc_at_(object, w->path) != NULL;
}

void wait_field(enum kind kind, const char *name, const char *const *path, const char *value)
{
    _cleanup_free_ char *what = str_printf("%s %s has %s", rows[kind].kind, name, str_or(value, "the field"));

    wait_until(has_field, &(struct wish){kind, name, path, value}, COMES_WITHIN, what);
}

/* --- watches --- */

struct watching {
    struct net_call *call; /* NULL: it is over */
    struct buf lines;
};

static int on_line(void *context, const char *data, size_t len)
{
    struct watching *w = context;

    buf_add(&w->lines, data, len);
    if (len)
        event_base_loopbreak(loop);
    return 0;
}

static void on_watch_end(void *context, const struct net_response *response, const struct err *e)
{
    struct watching *w = context;

    (void)response;
    (void)e;
    w->call = NULL;
    event_base_loopbreak(loop);
}

struct watching *watch(enum kind kind, const char *labels, const char *version, int seconds)
{
    struct watching *w = NEW(struct watching);
    struct net_request request = kube_request_watch(ROW(kind), space_of(kind), labels, NULL, version, seconds);

    w->call = net_client_send(client, &request, on_line, on_watch_end, w);
    return w;
}

void watching_free(struct watching *w)
{
    if (w->call)
        net_call_cancel(w->call);
    buf_release(&w->lines);
    free(w);
}

static json_t *take_line(struct watching *w)
{
    const char *text = buf_str(&w->lines), *end = strchr(text, '\n');
    json_t *event = NULL;

    if (!end)
        return NULL;
    if (doc_parse(text, (size_t)(end - text), SIZE_MAX, &event, NULL) < 0)
        fail_msg("a watch brought no JSON: %s", text);
    buf_consume(&w->lines, (size_t)(end - text) + 1);
    return event;
}

static void on_overdue(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    *(bool *)context = true;
    event_base_loopbreak(loop);
}

json_t *next_event(struct watching *w, bool bookmarks)
{
    bool overdue = false;
    struct event *timer = evtimer_new(loop, on_overdue, &overdue);
    json_t *event = NULL;

    event_add(timer, &(struct timeval){.tv_sec = ANSWER_MAX / 1000});
    while (!overdue) {
        event = take_line(w);
        if (event && (bookmarks || !str_eq(doc_string(event, "type"), "BOOKMARK")))
            break;
        if (!event && !w->call)
            break;
        if (!event)
            event_base_dispatch(loop);
        json_decref(event);
        event = NULL;
    }
    event_free(timer);
    if (overdue)
        fail_msg("no event came");
    return event;
}

void expect_event(struct watching *w, const char *type, const char *name)
{
    _cleanup_json_ json_t *event = next_event(w, false);

    assert_non_null(event);
    assert_string_equal(doc_string(event, "type"), type);
    assert_string_equal(doc_string(event, "object", "metadata", "name"), name);
}

/* --- the run --- */

static int end_space(void **state)
{
    (void)state;
    if (try_get(NAMESPACE, SPACE, NULL) == 200)
        expect_only(200, removal(NAMESPACE, SPACE, NULL, NULL));
    wait_gone(NAMESPACE, SPACE);
    return 0;
}

static int make_space(void **state)
{
    end_space(state);
    json_decref(create(NAMESPACE, "{\"metadata\": {\"name\": \"" SPACE "\"}}"));
    return 0;
}

static size_t add_cases(struct CMUnitTest *all, size_t count, const struct CMUnitTest *cases)
{
    for (; cases->name; cases++)
        all[count++] = *cases;
    return count;
}

bool server_forgets(void)
{
    return forget && forget(forget_context);
}

int conformance_run(const char *name, const struct kube_config *config, struct event_base *on_loop,
                    bool (*to_forget)(void *context), void *context)
{
    struct CMUnitTest all[64];
    size_t count = 0;
    struct err e;
    int failed;

    loop = on_loop;
    forget = to_forget;
    forget_context = context;
    if (kube_client_new(loop, config, NULL, &client, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    count = add_cases(all, count, conformance_writes);
    count = add_cases(all, count, conformance_reads);
    count = add_cases(all, count, conformance_kinds);
    failed = _cmocka_run_group_tests(name, all, count, make_space, end_space);
    net_client_free(client);
    return failed;
}
