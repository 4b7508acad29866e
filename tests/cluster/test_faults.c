/*
 * Real faults on a real API server: whatever is cut, killed, filled or moved, in the end the cluster is what the
 * resource says, and nothing of others was touched. FAULT_ROUNDS (1 by default) is how much of what is drawn by seeds.
 * An argument is a pattern of the tests to run; behind a minus, of those not to run. Those of connections have "harm"
 * in their names.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "converge.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "faults.h"
#include "harness.h"
#include "kubelet.h"
#include "results.h"

static char *direct_kubeconfig;
struct proxy_child faults_proxy;

static int rounds(void)
{
    const char *text = getenv("FAULT_ROUNDS");
    int64_t number;

    return text && str_to_int64(text, &number) && number > 0 ? (int)number : 1;
}

/* Changes in turn, each of which makes the operator write. */
static void switch_something(unsigned i)
{
    static const char *const patches[] = {
        "{\"spec\": {\"mtls\": true, \"autoInjectionNamespaces\": []}}",
        "{\"spec\": {\"defaultPodDisruptionBudget\": {\"enabled\": true}, \"controlPlaneSecurityEnabled\": true}}",
        "{\"spec\": {\"mtls\": false, \"includeIPRanges\": \"10.0.0.0/8\"}}",
        "{\"spec\": {\"defaultPodDisruptionBudget\": {\"enabled\": false}, \"controlPlaneSecurityEnabled\": false,"
        " \"autoInjectionNamespaces\": [\"default\"]}}",
    };

    cluster_patch(ISTIO, NS, MESH, patches[i % ARRAY_LEN(patches)]);
}

static void delete_something(unsigned i)
{
    static const struct {
        const char *api_version, *kind, *name;
    } victims[] = {
        {"v1", "Service", "istio-pilot"},
        {"v1", "ConfigMap", "istio"},
        {"apps/v1", "Deployment", "istio-policy"},
        {"v1", "ServiceAccount", "istio-galley-service-account"},
    };
    size_t which = i % ARRAY_LEN(victims);

    cluster_delete_if_there(kind_of(victims[which].api_version, victims[which].kind), NS, victims[which].name);
}

static void change_something(unsigned i)
{
    switch_something(i);
    delete_something(i);
}

void faults_use_proxy(bool raw, uint64_t seed)
{
    proxy_child_start(&faults_proxy, direct_kubeconfig, raw, seed);
    h.operator_kubeconfig = faults_proxy.kubeconfig;
}

void faults_leave_proxy(void)
{
    operator_kill(SIGTERM);
    h.operator_kubeconfig = direct_kubeconfig;
    proxy_child_stop(&faults_proxy);
}

/* Each kind of harm for some seconds, while there is something to do. `again`: it shows only on new connections. */
static const struct {
    const char *what, *rule;
    bool raw, again;
} harms[] = {
    {"proxy: requests reset", "reset", false, false},
    {"proxy: answers lost after the write", "lose bytes=0", false, false},
    {"proxy: answers cut in the middle", "lose bytes=700", false, false},
    {"proxy: answers truncated", "truncate bytes=700", false, false},
    {"proxy: answers delayed by a second", "delay ms=1000", false, false},
    {"proxy: 500", "answer code=500", false, false},
    {"proxy: 503", "answer code=503", false, false},
    {"proxy: 429 with Retry-After", "answer code=429 retry-after=2", false, false},
    {"proxy: 401", "answer code=401", false, false},
    {"proxy: garbage", "garbage", false, false},
    {"proxy: broken JSON", "broken-json", false, false},
    {"proxy: endless JSON", "endless-json", false, false},
    {"proxy: requests never answered", "hang", false, false},
    {"proxy: watches never answered", "hang path=*watch=*", false, true},
    {"proxy: wrong certificate", "certificate", false, true},
    {"proxy: connections accepted, and silence", "silent", false, true},
    {"proxy: connections refused", "refuse", false, false},
    {"proxy: partition", "partition", false, false},
    {"HTTP/2: connections cut", "cut bytes=20000", true, true},
    {"HTTP/2: connections refused", "refuse", true, false},
    {"HTTP/2: partition", "partition", true, false},
};

#define HARM_MS 2000

static void suffer(size_t i)
{
    uint64_t before = proxy_child_faults(&faults_proxy);

    proxy_child_rule(&faults_proxy, harms[i].rule);
    if (harms[i].again)
        proxy_child_reset(&faults_proxy);
    change_something((unsigned)i);
    pause_ms(HARM_MS);
    proxy_child_clear(&faults_proxy);
    if (proxy_child_faults(&faults_proxy) == before)
        fail_msg("%s: no harm was done", harms[i].what);
    results_add(harms[i].what, 1, converge_wait(TO_CONVERGE));
}

static void every_harm_on_the_way_to_the_server_is_survived(void **state)
{
    (void)state;
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    for (int raw = 0; raw < 2; raw++) {
        faults_use_proxy(raw, SEED);
        operator_start();
        converge_wait(TO_CONVERGE);
        for (size_t i = 0; i < ARRAY_LEN(harms); i++)
            if (harms[i].raw == raw)
                suffer(i);
        faults_leave_proxy();
    }
    bystanders_check();
}

/* Some of everything; on average every second or third request suffers. */
static const char *const mixture[] = {
    "reset p=0.06",
    "lose bytes=0 p=0.06",
    "lose bytes=900 p=0.06",
    "truncate bytes=300 p=0.06",
    "delay ms=200 p=0.05",
    "answer code=500 p=0.04",
    "answer code=503 p=0.04",
    "answer code=429 retry-after=1 p=0.04",
    "garbage p=0.03",
    "broken-json p=0.04",
};

static void begin_mixture(bool raw)
{
    for (size_t i = 0; !raw && i < ARRAY_LEN(mixture); i++)
        proxy_child_rule(&faults_proxy, mixture[i]);
    if (raw)
        proxy_child_rule(&faults_proxy, "cut bytes=60000");
}

static void one_life_under_random_harm(bool raw, unsigned seed)
{
    const char *what = raw ? "HTTP/2: connections cut at random, whole lives" : "proxy: random harm, whole lives";
    uint64_t faults;
    msec_t longest;

    faults_use_proxy(raw, seed);
    begin_mixture(raw);
    operator_start_without_waiting();
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    for (unsigned i = 0; i < 3; i++) {
        pause_ms(2500);
        change_something(seed + i);
    }
    pause_ms(1000);
    proxy_child_clear(&faults_proxy);
    operator_wait_ready();
    longest = converge_wait(TO_CONVERGE);
    begin_mixture(raw);
    if (raw)
        proxy_child_reset(&faults_proxy);
    cluster_delete(ISTIO, NS, MESH);
    pause_ms(1500);
    proxy_child_clear(&faults_proxy);
    faults = proxy_child_faults(&faults_proxy);
    assert_true(faults > 0);
    results_add(what, faults, longest);
    results_add(what, 0, converge_wait_gone(TO_CONVERGE));
    faults_leave_proxy();
    bystanders_check();
}

static void whole_lives_under_random_harm_end_well(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * (unsigned)rounds(); i++)
        one_life_under_random_harm(i % 2, SEED + i);
}

#define KILLS 200
#define KILLS_A_LIFE 50
#define KILLS_A_STEP 8

/* Install, three switches with deletions, removal: one step after some kills each. */
static void take_step(unsigned step)
{
    if (step == 0)
        mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    else if (step < 4)
        change_something(step);
    else if (step == 4)
        cluster_delete(ISTIO, NS, MESH);
}

static void one_life_under_kills(unsigned *seed)
{
    for (unsigned kill_number = 0; kill_number < KILLS_A_LIFE; kill_number++) {
        if (kill_number % KILLS_A_STEP == 0)
            take_step(kill_number / KILLS_A_STEP);
        operator_start_without_waiting();
        pause_ms((int)(rand_r(seed) % 400));
        operator_kill(SIGKILL);
        unlink(h.log_path);
        /* Halfway it may finish, so that there is something to switch and to remove. */
        if (kill_number == 3 * KILLS_A_STEP - 1 || kill_number == 4 * KILLS_A_STEP - 1) {
            operator_start();
            results_add("kill -9 of the operator", KILLS_A_STEP, converge_wait(TO_CONVERGE));
            operator_kill(SIGKILL);
        }
    }
    operator_start();
    results_add("kill -9 of the operator", KILLS_A_LIFE - 2 * KILLS_A_STEP + 2, converge_wait_gone(TO_CONVERGE));
    operator_kill(SIGKILL);
    bystanders_check();
}

static void two_hundred_kills_end_well(void **state)
{
    unsigned seed = SEED;

    (void)state;
    for (int i = 0; i < KILLS / KILLS_A_LIFE * rounds(); i++)
        one_life_under_kills(&seed);
}

static void component(const char *verb, const char *name)
{
    _cleanup_free_ char *command = str_printf(
        "'%s' %s %s --name '%s' >> '%s/components.log' 2>&1",
        getenv("TEST_CLUSTER_PROGRAM"),
        verb,
        name,
        getenv("TEST_CLUSTER"),
        getenv("TEST_OUTPUT"));

    if (run_shell(command) != 0)
        fail_msg("it did not work to %s %s", verb, name);
}

static void servers_that_are_killed_come_back_to_an_operator_that_goes_on(void **state)
{
    static const struct {
        const char *what, *name;
    } servers[] = {{"kill -9 of kube-apiserver", "kube-apiserver"}, {"kill -9 of etcd", "etcd"}};

    (void)state;
    if (!getenv("TEST_CLUSTER_PROGRAM"))
        skip();
    operator_start();
    for (int round = 0; round < rounds(); round++) {
        for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
            mesh_create(SPEC_WITHOUT_FIXED_PORTS);
            pause_ms(700); /* in the middle of the install */
            component("kill", servers[i].name);
            pause_ms(1500);
            component("start", servers[i].name);
            results_add(servers[i].what, 1, converge_wait(TO_CONVERGE));
            change_something((unsigned)round);
            component("restart", servers[i].name);
            results_add(servers[i].what, 1, converge_wait(TO_CONVERGE));
            cluster_delete(ISTIO, NS, MESH);
            component("restart", servers[i].name);
            results_add(servers[i].what, 1, converge_wait_gone(TO_CONVERGE));
        }
    }
    bystanders_check();
    operator_kill(SIGTERM);
}

/* Within this a watch that cannot be trusted is listed again. */
#define TO_NOTICE SECONDS(60)

/* So that versions are far behind after the store is put back. */
static void grow_versions(void)
{
    const struct kube_kind *kind = kind_of("v1", "ConfigMap");

    for (int i = 0; i < 300; i++) {
        _cleanup_free_ char *name = str_printf("filler-%d", i);
        _cleanup_json_ json_t *filler = OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "ConfigMap"),
            MAP("metadata", STRING("name", name), STRING("namespace", "default")));
        cluster_create(kind, filler);
        cluster_delete(kind, "default", name);
    }
}

static int64_t newest_version(void)
{
    const struct kube_kind *kind = kind_of("v1", "ConfigMap");
    _cleanup_json_ json_t *filler = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ConfigMap"),
        MAP("metadata", STRING("name", "newest"), STRING("namespace", "default")));
    _cleanup_json_ json_t *created = NULL;
    int64_t version = 0;

    cluster_create(kind, filler);
    created = cluster_get(kind, "default", "newest");
    assert_true(str_to_int64(str_or(doc_string(created, "metadata", "resourceVersion"), ""), &version));
    cluster_delete(kind, "default", "newest");
    return version;
}

/* The operator is stopped meanwhile, and the versions have caught up when it continues. */
static void restore_unseen(void)
{
    int64_t before = newest_version();

    assert_int_equal(kill(h.operator_pid, SIGSTOP), 0);
    component("store", "restore");
    wait_until(server_answers, NULL, TO_CONVERGE, "the API server answers");
    while (newest_version() <= before)
        grow_versions();
    assert_int_equal(kill(h.operator_pid, SIGCONT), 0);
}

enum restore { FAR_BEHIND, AS_MANY_AGAIN, UNSEEN };

/*
 * The store that comes back has no Deployment istio-policy, which the operator believes to be there; and what happens
 * then is heard as ever.
 */
static void live_through_a_restore(enum restore how)
{
    static const char *const names[] = {
        [FAR_BEHIND] = "store put back, versions far behind",
        [AS_MANY_AGAIN] = "store put back, versions as many again",
        [UNSEEN] = "store put back while the operator is stopped"};
    const char *what = names[how];

    operator_start();
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    converge_wait(TO_CONVERGE);
    operator_kill(SIGTERM);
    cluster_delete(DEPLOYMENT, NS, "istio-policy");
    component("store", "save");
    wait_until(server_answers, NULL, TO_CONVERGE, "the API server answers");
    operator_start();
    converge_wait(TO_CONVERGE);
    if (how == FAR_BEHIND)
        grow_versions();
    if (how == UNSEEN) {
        restore_unseen();
    } else {
        component("store", "restore");
        wait_until(server_answers, NULL, TO_CONVERGE, "the API server answers");
    }
    results_add(what, 1, converge_wait(TO_NOTICE));
    change_something(0);
    results_add(what, 0, converge_wait(TO_NOTICE));
    if (how == FAR_BEHIND)
        assert_true(operator_metric("version_rewinds_total") >= 1);
    cluster_delete(ISTIO, NS, MESH);
    converge_wait_gone(TO_CONVERGE);
    operator_kill(SIGTERM);
}

static void store_that_is_put_back_is_followed_within_a_minute(void **state)
{
    (void)state;
    if (!getenv("TEST_CLUSTER_PROGRAM"))
        skip();
    live_through_a_restore(FAR_BEHIND);
    live_through_a_restore(AS_MANY_AGAIN);
    live_through_a_restore(UNSEEN);
    bystanders_check();
}

/* Renamed into its place, as a volume of a Secret is. */
static void put_authority(const char *path)
{
    _cleanup_free_ char *beside = str_printf("%s.new", path), *authority = cluster_authority();
    FILE *f = fopen(beside, "we");

    assert_non_null(f);
    fputs(authority, f);
    fclose(f);
    assert_int_equal(rename(beside, path), 0);
}

static bool log_tells_of_the_certificate(void *context)
{
    _cleanup_free_ char *command =
        str_printf("grep -q 'connection to the cluster fails.*certificate' '%s'", h.log_path);

    (void)context;
    return run_shell(command) == 0;
}

static bool operator_is_not_ready(void *context)
{
    _cleanup_free_ char *answer = operator_get("/readyz");

    (void)context;
    return !answer;
}

static void new_authority_is_trusted_without_a_restart(void **state)
{
    _cleanup_free_ char *path = str_printf("%s/authority-%d.crt", getenv("TEST_OUTPUT"), (int)getpid());

    (void)state;
    if (!getenv("TEST_CLUSTER_PROGRAM"))
        skip();
    put_authority(path);
    operator_write_kubeconfig(path);
    direct_kubeconfig = h.operator_kubeconfig;
    operator_start();
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    converge_wait(TO_CONVERGE);
    component("renew-ca", "");
    wait_until(server_answers, NULL, TO_CONVERGE, "the API server answers");
    wait_until(log_tells_of_the_certificate, NULL, TO_CONVERGE, "the log says that the certificate is not trusted");
    delete_something(2);
    wait_until(operator_is_not_ready, NULL, 2 * TO_NOTICE, "an operator that hears nothing is not ready");
    put_authority(path);
    results_add("new authority of the server", 1, converge_wait(TO_NOTICE));
    operator_wait_ready();
    cluster_delete(ISTIO, NS, MESH);
    converge_wait_gone(TO_CONVERGE);
    operator_kill(SIGTERM);
    unlink(path);
    bystanders_check();
}

static bool refused_for_the_port(void *context)
{
    _cleanup_free_ char *status = mesh_status("Status"), *why = mesh_status("ErrorMessage");

    (void)context;
    return str_eq(status, "ReconcileFailed") && strstr(why, "31380: provided port is already allocated");
}

static bool gateway_is_there(void *context)
{
    (void)context;
    return cluster_has(DEPLOYMENT, NS, "istio-ingressgateway");
}

/* As after the DELETE of a Service that lost its client; here there is a Service to be seen, and to be taken away. */
static void node_port_that_is_not_free_is_reported_and_waited_for(void **state)
{
    const struct kube_kind *service = kind_of("v1", "Service");
    _cleanup_json_ json_t *theirs = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Service"),
        MAP("metadata", STRING("name", "theirs"), STRING("namespace", "default")),
        MAP("spec", STRING("type", "NodePort"), SEQ("ports", ITEM(INT("port", 80), INT("nodePort", 31380)))));

    (void)state;
    cluster_create_when_possible(service, theirs);
    operator_start();
    mesh_create("{}");
    wait_until(refused_for_the_port, NULL, TO_CONVERGE, "the status says which port is not free");
    wait_until(gateway_is_there, NULL, TO_CONVERGE, "everything else is written");
    cluster_delete(service, "default", "theirs");
    results_add("node port of another Service", 1, converge_wait(TO_CONVERGE));
    cluster_delete(ISTIO, NS, MESH);
    converge_wait_gone(TO_CONVERGE);
    operator_kill(SIGTERM);
    bystanders_check();
}

/* Writes until nothing fits any more. */
static void fill_disk(const char *folder)
{
    _cleanup_free_ char *path = str_printf("%s/filler", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    char block[1024] = {0};

    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void full_disk_for_the_log_stops_nothing(void **state)
{
    _cleanup_free_ char *folder = str_printf("%s/full-disk", getenv("TEST_OUTPUT"));
    struct stat log;
    off_t before;

    (void)state;
    mkdir(folder, 0700);
    umount2(folder, MNT_DETACH); /* of a run that was ended */
    if (mount("tmpfs", folder, "tmpfs", 0, "size=64k") < 0)
        fail_msg("no tmpfs can be mounted: %s", strerror(errno));
    h.log_folder = folder;
    operator_start();
    h.log_folder = NULL;
    fill_disk(folder);
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    assert_int_equal(stat(h.log_path, &log), 0);
    before = log.st_size;
    results_add("disk full for the log", 1, converge_wait(TO_CONVERGE));
    change_something(0);
    results_add("disk full for the log", 1, converge_wait(TO_CONVERGE));
    assert_int_equal(stat(h.log_path, &log), 0);
    /* Only the rest of the last page was left: what came after it was lost. */
    if (log.st_size > before + 4096)
        fail_msg("the log grew by %lld bytes: the disk was not full", (long long)(log.st_size - before));
    operator_kill(SIGTERM);
    umount2(folder, MNT_DETACH);
    rmdir(folder);
}

/* Whether the operator, which dates its log by the wall clock, was there on that day. */
static bool log_has_day_of(msec_t wall)
{
    _cleanup_free_ char *command = NULL;
    char day[32];

    clock_rfc3339(wall, day);
    command = str_printf("grep -q '^%.10s' '%s'", day, h.log_path);
    return run_shell(command) == 0;
}

static void clock_that_moves_stops_nothing(void **state)
{
    static const struct {
        const char *what;
        int64_t seconds;
    } moves[] = {
        {"clock moved forward by an hour", 3600},
        {"clock moved back by a day", -86400},
        {"clock moved forward by 400 days", 400 * 86400},
        {"clock moved to where it belongs", 0},
    };
    _cleanup_free_ char *path = str_printf("%s/clock-%d", getenv("TEST_OUTPUT"), (int)getpid());
    const char *shim = getenv("TEST_CLOCK_SHIM");
    int fd;
    int64_t *offset;

    (void)state;
    if (!shim || getenv("TEST_SANITIZE"))
        skip();
    fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(*offset)), 0);
    offset = mmap(NULL, sizeof(*offset), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(offset, MAP_FAILED);
    setenv("FAULT_CLOCK", path, 1);
    setenv("LD_PRELOAD", shim, 1);
    operator_start();
    unsetenv("LD_PRELOAD");
    unsetenv("FAULT_CLOCK");
    mesh_create(SPEC_WITHOUT_FIXED_PORTS);
    converge_wait(TO_CONVERGE);
    for (unsigned i = 0; i < ARRAY_LEN(moves); i++) {
        *offset = moves[i].seconds;
        change_something(i);
        results_add(moves[i].what, 1, converge_wait(TO_CONVERGE));
        if (!log_has_day_of(clock_now_wall() + SECONDS(moves[i].seconds)))
            fail_msg("%s: the operator did not see it", moves[i].what);
    }
    operator_kill(SIGTERM);
    munmap(offset, sizeof(*offset));
    close(fd);
    unlink(path);
    bystanders_check();
}

/* Each test begins without a mesh and without an operator, however the one before ended. */
static int begin_with_nothing(void **state)
{
    (void)state;
    if (h.operator_pid)
        operator_kill(SIGKILL);
    h.operator_kubeconfig = direct_kubeconfig;
    if (faults_proxy.pid)
        proxy_child_stop(&faults_proxy);
    h.log_folder = NULL;
    wait_until(server_answers, NULL, TO_CONVERGE, "the API server answers");
    /* The server's authority may be another one since. */
    operator_write_kubeconfig(NULL);
    direct_kubeconfig = h.operator_kubeconfig;
    if (cluster_has(ISTIO, NS, MESH)) {
        cluster_delete(ISTIO, NS, MESH);
        operator_start();
        converge_wait_gone(TO_CONVERGE);
        operator_kill(SIGKILL);
    }
    return 0;
}

#define FAULT_TEST(test) cmocka_unit_test_setup(test, begin_with_nothing)

static int set_up(void **state)
{
    if (harness_setup(state) < 0)
        return -1;
    direct_kubeconfig = h.operator_kubeconfig;
    kubelet_start(NULL);
    bystanders_make();
    return 0;
}

static int tear_down(void **state)
{
    results_print();
    bystanders_remove();
    kubelets_stop();
    h.operator_kubeconfig = direct_kubeconfig;
    return harness_teardown(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FAULT_TEST(every_harm_on_the_way_to_the_server_is_survived),
        FAULT_TEST(whole_lives_under_random_harm_end_well),
        FAULT_TEST(two_hundred_kills_end_well),
        FAULT_TEST(servers_that_are_killed_come_back_to_an_operator_that_goes_on),
        FAULT_TEST(store_that_is_put_back_is_followed_within_a_minute),
        FAULT_TEST(new_authority_is_trusted_without_a_restart),
        FAULT_TEST(node_port_that_is_not_free_is_reported_and_waited_for),
        FAULT_TEST(full_disk_for_the_log_stops_nothing),
        FAULT_TEST(clock_that_moves_stops_nothing),
        FAULT_TEST(an_upgrade_that_is_killed_at_its_writes_ends_well),
        FAULT_TEST(two_upgrades_in_a_row_end_at_the_second),
        FAULT_TEST(a_change_of_mind_in_the_middle_of_an_upgrade_ends_where_it_began),
        FAULT_TEST(a_mesh_that_is_deleted_in_the_middle_of_an_upgrade_is_gone),
    };

    if (argc > 1 && *argv[1] == '-')
        cmocka_set_skip_filter(argv[1] + 1);
    else if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster faults", tests, set_up, tear_down);
}
