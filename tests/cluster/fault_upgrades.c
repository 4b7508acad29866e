/*
 * The version changes between Istio 1.0 and 1.1, and the operator is killed, or the wish changes, in the middle: in the
 * end the cluster is what the resource says, and nothing that both releases have was created again.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/str.h"
#include "converge.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "faults.h"
#include "harness.h"
#include "reconcile/marks.h"
#include "results.h"

#define FORMER "1.0.5"
#define NEXT "1.1.17"
/* Between two kills. */
#define WRITES_MOST 6

static int kills(void)
{
    const char *text = getenv("UPGRADE_KILLS");
    int64_t number;

    return text && str_to_int64(text, &number) && number > 0 ? (int)number : 10;
}

static void set_version(const char *version)
{
    _cleanup_free_ char *patch = str_printf("{\"spec\": {\"version\": \"%s\"}}", version);

    cluster_patch(ISTIO, NS, MESH, patch);
}

/* --- what must stay --- */

static const struct kube_kind *secrets(void)
{
    return kind_of("v1", "Secret");
}

/* As Citadel makes it, which does not run here. */
static void make_authority(void)
{
    _cleanup_json_ json_t *secret = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Secret"),
        MAP("metadata", STRING("name", "istio-ca-secret"), STRING("namespace", NS)),
        STRING("type", "istio.io/ca-root"),
        MAP("data", STRING("ca-cert.pem", "Y2VydA=="), STRING("ca-key.pem", "a2V5")));

    cluster_delete_if_there(secrets(), NS, "istio-ca-secret");
    cluster_create(secrets(), secret);
}

/* "Kind/name" to the uid, of what carries the mesh's label. */
static void add_uids(json_t *uids, const struct kube_kind *kind)
{
    _cleanup_json_ json_t *items = cluster_list(kind, MARK_OWNER);
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        _cleanup_free_ char *key = str_printf("%s/%s", kind->kind, doc_string(item, "metadata", "name"));
        json_object_set(uids, key, doc_at(item, "metadata", "uid"));
    }
}

struct before {
    json_t *uids, *authority, *ports;
};

static json_t *ports_now(void)
{
    _cleanup_json_ json_t *service = cluster_get(kind_of("v1", "Service"), NS, "istio-ingressgateway");

    return doc_copy(doc_at(service, "spec", "ports"));
}

static struct before look(void)
{
    struct before before = {json_object(), cluster_get(secrets(), NS, "istio-ca-secret"), ports_now()};

    add_uids(before.uids, DEPLOYMENT);
    add_uids(before.uids, kind_of("v1", "Service"));
    add_uids(before.uids, kind_of("v1", "ServiceAccount"));
    assert_true(json_object_size(before.uids) > 15);
    return before;
}

static void expect_ports_kept(const json_t *before, const json_t *after)
{
    json_t *was, *is;
    size_t i, k;

    json_array_foreach((json_t *)before, i, was) {
        bool kept = false;
        json_array_foreach((json_t *)after, k, is)
            kept = kept || (json_equal(doc_at(is, "port"), doc_at(was, "port")) &&
                            json_equal(doc_at(is, "nodePort"), doc_at(was, "nodePort")));
        if (!kept)
            fail_msg("port %d of the ingress gateway is gone", (int)doc_int(doc_at(was, "port"), 0));
    }
}

static void expect_kept(struct before *before)
{
    struct before now = look();
    const char *key;
    json_t *uid;

    json_object_foreach(before->uids, key, uid) {
        const json_t *is = json_object_get(now.uids, key);
        if (is && !json_equal(is, uid))
            fail_msg("%s was created again", key);
    }
    expect_ports_kept(before->ports, now.ports);
    assert_true(json_equal(doc_at(before->authority, "metadata", "uid"), doc_at(now.authority, "metadata", "uid")));
    assert_true(json_equal(doc_at(before->authority, "data"), doc_at(now.authority, "data")));
    json_decref(now.uids);
    json_decref(now.authority);
    json_decref(now.ports);
    json_decref(before->uids);
    json_decref(before->authority);
    json_decref(before->ports);
}

static void expect_version(const char *version)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);

    assert_string_equal(str_or(doc_string(mesh, "status", "version"), ""), version);
}

/* --- an operator that ends at a write --- */

struct moment {
    uint64_t writes;
    const char *version;
};

static bool is_at_the_write(void *context)
{
    const struct moment *moment = context;

    return proxy_child_faults(&faults_proxy) >= moment->writes || mesh_has_version((void *)moment->version);
}

/*
 * Starts the operator, and kills it when it has sent so many writes. The server has got the last one, or not. False:
 * the version was installed before.
 */
static bool kill_at_write(int write, bool gets_through, const char *version)
{
    _cleanup_free_ char *before = str_printf("delay ms=1 method=writes count=%d", write - 1);
    struct moment moment = {proxy_child_faults(&faults_proxy) + (uint64_t)write, version};
    bool reached;

    proxy_child_clear(&faults_proxy);
    if (write > 1)
        proxy_child_rule(&faults_proxy, before);
    proxy_child_rule(&faults_proxy, gets_through ? "lose bytes=0 method=writes" : "hang method=writes");
    operator_start_without_waiting();
    wait_until(is_at_the_write, &moment, TO_CONVERGE, "the operator writes");
    reached = proxy_child_faults(&faults_proxy) >= moment.writes;
    operator_kill(SIGKILL);
    unlink(h.log_path);
    return reached;
}

/* From no operator to one that runs. */
static void change_under_kills(const char *version, int times, unsigned *seed)
{
    struct before before = look();
    int done = 0;

    set_version(version);
    while (done < times && kill_at_write(1 + rand_r(seed) % WRITES_MOST, rand_r(seed) % 2, version))
        done++;
    proxy_child_clear(&faults_proxy);
    operator_start();
    results_add("kill -9 of the operator at a write of an upgrade", (unsigned long)done, converge_wait(TO_CONVERGE));
    expect_version(version);
    expect_kept(&before);
    assert_true(done > 0);
}

static void begin_old(void)
{
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    set_version(FORMER);
    operator_start();
    converge_wait(TO_CONVERGE);
    make_authority();
}

void an_upgrade_that_is_killed_at_its_writes_ends_well(void **state)
{
    unsigned seed = SEED;
    int half = (kills() + 1) / 2;

    (void)state;
    begin_old();
    operator_kill(SIGKILL);
    faults_use_proxy(false, SEED);
    change_under_kills(NEXT, half, &seed);
    operator_kill(SIGKILL);
    change_under_kills(FORMER, kills() - half ? kills() - half : 1, &seed);
    faults_leave_proxy();
    bystanders_check();
}

/* --- another wish in the middle --- */

/* Or, on a quick machine, behind it. */
static bool has_begun(void *version)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *upgrade = doc_at(mesh, "status", "upgrade");
    const char *phase = doc_string(upgrade, "phase");

    return str_eq(doc_string(upgrade, "to"), version) && phase && !str_eq(phase, "Preflight");
}

static void begin_upgrade(const char *version)
{
    _cleanup_free_ char *copy = str_dup(version);

    set_version(version);
    wait_until(has_begun, copy, TO_CONVERGE, "the upgrade has begun");
}

static void change_in_the_middle(const char *first, const char *second, const char *what)
{
    struct before before;

    begin_old();
    before = look();
    begin_upgrade(first);
    set_version(second);
    results_add(what, 1, converge_wait(TO_CONVERGE));
    expect_version(second);
    expect_kept(&before);
    bystanders_check();
    operator_kill(SIGTERM);
}

void two_upgrades_in_a_row_end_at_the_second(void **state)
{
    (void)state;
    change_in_the_middle("1.0.6", NEXT, "another version in the middle of an upgrade");
}

void a_change_of_mind_in_the_middle_of_an_upgrade_ends_where_it_began(void **state)
{
    (void)state;
    change_in_the_middle(NEXT, FORMER, "the former version in the middle of an upgrade");
}

void a_mesh_that_is_deleted_in_the_middle_of_an_upgrade_is_gone(void **state)
{
    (void)state;
    begin_old();
    begin_upgrade(NEXT);
    cluster_delete(ISTIO, NS, MESH);
    results_add("deleted in the middle of an upgrade", 1, converge_wait_gone(TO_CONVERGE));
    assert_false(cluster_has(secrets(), NS, "istio-ca-secret"));
    bystanders_check();
    operator_kill(SIGTERM);
}
