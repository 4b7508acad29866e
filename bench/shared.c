#include "shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../tests/cluster/harness.h"
#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define FILE_MAX ((size_t)8 * 1024 * 1024)
#define QUIET_SECONDS 5
#define QUIET_WITHIN_SECONDS 120
#define PARALLEL 64

const struct kube_kind bench_remote_istio = {
    .kind = "RemoteIstio",
    .plural = "remoteistios",
    .group = API_GROUP,
    .versions = {{API_VERSION}},
    .namespaced = true,
    .custom = true};
const struct kube_kind bench_secret = {
    .kind = "Secret", .is_secret = true, .plural = "secrets", .group = "", .versions = {{"v1"}}, .namespaced = true};
const struct kube_kind bench_pod = {
    .kind = "Pod", .plural = "pods", .group = "", .versions = {{"v1"}}, .namespaced = true};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return values[count / 2];
}

void bench_print(const char *what, double *values, size_t count, const char *unit)
{
    double middle = bench_median(values, count);

    printf(
        "%-56s %8.1f %s  (least %.1f, most %.1f, of %zu)\n", what, middle, unit, values[0], values[count - 1], count);
    fflush(stdout);
}

/* What all processors had to do since the machine began, in ticks (proc(5), /proc/stat). */
struct load {
    unsigned long long busy, idle;
};

static struct load load_now(void)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
    unsigned long long ticks[FIELDS] = {0};
    struct load load = {0};
    FILE *f = fopen("/proc/stat", "re");

    assert_non_null(f);
    assert_int_equal(fscanf(f, "cpu"), 0);
    for (size_t i = 0; i < FIELDS; i++) {
        assert_int_equal(fscanf(f, "%llu", &ticks[i]), 1);
        *(i == IDLE || i == IOWAIT ? &load.idle : &load.busy) += ticks[i];
    }
    fclose(f);
    return load;
}

void bench_wait_quiet(void)
{
    int quiet = 0;

    for (int second = 0; second < QUIET_WITHIN_SECONDS && quiet < QUIET_SECONDS; second++) {
        struct load before = load_now(), after;
        pause_ms(1000);
        after = load_now();
        quiet = after.idle - before.idle > 4 * (after.busy - before.busy) ? quiet + 1 : 0;
    }
    if (quiet < QUIET_SECONDS)
        printf("(the machine is not quiet: what follows is slower for it)\n");
}

char *bench_contents(const char *path)
{
    struct buf text = BUF_INIT_LIMIT(FILE_MAX);
    char piece[4096];
    size_t len;
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    while ((len = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(&text, piece, len);
    fclose(f);
    return buf_take(&text);
}

struct flood {
    struct net_request (*request)(const void *context, size_t i);
    const void *context;
    size_t count, next, under_way, left;
    size_t *again, again_count;
};

struct post {
    struct flood *flood;
    size_t item;
};

static void pour(struct flood *f);

static void on_posted(void *context, const struct net_response *response, const struct err *e)
{
    struct post *post = context;
    struct flood *f = post->flood;

    (void)response;
    f->under_way--;
    if (e && (e->class == ERR_NOT_FOUND || e->class == ERR_UNAVAILABLE))
        f->again[f->again_count++] = post->item;
    else if (e && e->class != ERR_ALREADY_EXISTS)
        fail_msg("request %zu: %s", post->item, e->text);
    else
        f->left--;
    free(post);
    pour(f);
}

static void pour(struct flood *f)
{
    while (f->under_way < PARALLEL && (f->next < f->count || f->again_count)) {
        struct post *post = NEW(struct post);
        struct net_request request;
        *post = (struct post){f, f->next < f->count ? f->next++ : f->again[--f->again_count]};
        request = f->request(f->context, post->item);
        f->under_way++;
        net_client_send(h.client, &request, NULL, on_posted, post);
    }
    if (f->left == 0)
        event_base_loopbreak(h.loop);
}

void bench_send_all(size_t count, struct net_request (*request)(const void *context, size_t i), const void *context)
{
    struct flood f = {request, context, count, .left = count, .again = NEW_ARRAY(size_t, count)};

    pour(&f);
    event_base_dispatch(h.loop);
    free(f.again);
}

static struct net_request post_of(const void *context, size_t i)
{
    const struct desired *w = &((const struct desired_set *)context)->items[i];

    return kube_request_create(w->kind, cluster_version(w->kind), w->ns, w->text);
}

void bench_post_objects(const struct desired_set *set)
{
    bench_send_all(set->len, post_of, set);
}

/* The operator's own resources stay. */
static bool is_of_istio(const json_t *definition)
{
    return !str_eq(doc_string(definition, "spec", "group"), API_GROUP);
}

static const struct kube_kind *definition_kind(void)
{
    return kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
}

static bool definitions_are_gone(void *context)
{
    _cleanup_json_ json_t *items = cluster_list(definition_kind(), NULL);
    json_t *item;
    size_t i;

    (void)context;
    json_array_foreach(items, i, item)
        if (is_of_istio(item))
            return false;
    return true;
}

void bench_remove_definitions(void)
{
    _cleanup_json_ json_t *items = cluster_list(definition_kind(), NULL);
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
        if (is_of_istio(item))
            cluster_delete_if_there(definition_kind(), NULL, doc_string(item, "metadata", "name"));
    wait_until(definitions_are_gone, NULL, SECONDS(60), "the definitions are gone");
}

void bench_create_signing_certificate(void)
{
    _cleanup_json_ json_t *o = OBJECT(
        MAP("metadata", STRING("name", "istio-ca-secret"), STRING("namespace", NS)),
        STRING("type", "istio.io/ca-root"),
        MAP("data", STRING("ca-cert.pem", "Y2VydGlmaWNhdGU="), STRING("ca-key.pem", "a2V5")));

    cluster_create(&bench_secret, o);
}

struct net_request bench_kubeconfig_request(const char *name, const char *kubeconfig)
{
    _cleanup_free_ char *data = base64_encode(kubeconfig, strlen(kubeconfig));
    _cleanup_json_ json_t *o = OBJECT(MAP("metadata", STRING("name", name)), MAP("data", STRING("kubeconfig", data)));
    _cleanup_free_ char *text = doc_text(o);

    return kube_request_create(&bench_secret, "v1", NS, text);
}

struct net_request bench_remote_request(const char *name)
{
    _cleanup_json_ json_t *o = OBJECT(
        FORMAT("apiVersion", "%s/%s", API_GROUP, API_VERSION),
        STRING("kind", "RemoteIstio"),
        MAP("metadata", STRING("name", name)),
        MAP("spec"));
    _cleanup_free_ char *text = doc_text(o);

    return kube_request_create(&bench_remote_istio, API_VERSION, NS, text);
}

struct net_request bench_create_pilot(const char *name, const char *ip)
{
    _cleanup_json_ json_t *o = OBJECT(
        MAP("metadata", STRING("name", name), STRING("namespace", NS), MAP("labels", STRING("istio", "pilot"))),
        MAP("spec", SEQ("containers", ITEM(STRING("name", "discovery"), STRING("image", "pilot")))));
    _cleanup_json_ json_t *pod = NULL;
    _cleanup_free_ char *text = NULL;

    cluster_create(&bench_pod, o);
    pod = cluster_get(&bench_pod, NS, name);
    json_object_set_new(
        pod,
        "status",
        OBJECT(
            STRING("phase", "Running"),
            STRING("podIP", ip),
            SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
    text = doc_text(pod);
    return kube_request_update_status(&bench_pod, "v1", NS, name, text);
}
