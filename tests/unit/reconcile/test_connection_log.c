/* What is reported of a connection that fails, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cluster_fixture.h"
#include "reconcile/connection_log.h"

/* A cluster with its log; lines go to a file instead of standard error. */
struct logged {
    struct bench b;
    struct connection_log *log;
    FILE *file;
    int standard_error;
};

static void begin(struct logged *l)
{
    bench_begin_synced(&l->b);
    l->log = connection_log_new(l->b.cluster, "west");
    l->file = tmpfile();
    assert_non_null(l->file);
    l->standard_error = dup(STDERR_FILENO);
    assert_true(dup2(fileno(l->file), STDERR_FILENO) >= 0);
}

/* Looks as often as an owner does, which is notified of every change. */
static void pass(struct logged *l, msec_t time)
{
    for (msec_t passed = 0; passed < time; passed += 50) {
        sim_run(l->b.sim, 50);
        connection_log_look(l->log);
    }
}

static unsigned count(struct logged *l, const char *words)
{
    char line[8192];
    unsigned found = 0;

    fflush(l->file);
    rewind(l->file);
    while (fgets(line, sizeof(line), l->file))
        found += strstr(line, words) != NULL;
    fseek(l->file, 0, SEEK_END);
    return found;
}

static void end(struct logged *l)
{
    dup2(l->standard_error, STDERR_FILENO);
    close(l->standard_error);
    fclose(l->file);
    connection_log_free(l->log);
    bench_finish(&l->b);
}

#define FAILS "warning the connection to the cluster fails cluster=west error="
#define WORKS "info    the connection to the cluster works again cluster=west"

static void a_break_of_a_moment_is_not_told(void **state)
{
    struct logged l;

    (void)state;
    begin(&l);
    for (int i = 0; i < 10; i++) {
        sim_set_down(l.b.sim, true);
        pass(&l, 200);
        sim_set_down(l.b.sim, false);
        pass(&l, SECONDS(10));
    }
    assert_int_equal(count(&l, FAILS), 0);
    assert_int_equal(count(&l, WORKS), 0);
    end(&l);
}

static void a_failure_is_reported_when_it_begins_and_ends_and_now_and_then(void **state)
{
    struct logged l;

    (void)state;
    begin(&l);
    sim_set_down(l.b.sim, true);
    pass(&l, SECONDS(2));
    assert_int_equal(count(&l, FAILS "\"Connection refused\""), 1);
    pass(&l, SECONDS(590));
    assert_int_equal(count(&l, FAILS), 1);
    pass(&l, SECONDS(1200));
    assert_int_equal(count(&l, FAILS), 3);
    assert_int_equal(count(&l, WORKS), 0);
    sim_set_down(l.b.sim, false);
    pass(&l, SECONDS(60));
    assert_int_equal(count(&l, FAILS), 3);
    assert_int_equal(count(&l, WORKS), 1);
    end(&l);
}

static void a_connection_that_comes_and_goes_does_not_fill_the_log(void **state)
{
    struct logged l;

    (void)state;
    begin(&l);
    for (int i = 0; i < 100; i++) {
        sim_set_down(l.b.sim, true);
        pass(&l, SECONDS(2));
        sim_set_down(l.b.sim, false);
        pass(&l, SECONDS(3));
    }
    assert_in_range(count(&l, "connection"), 10, 20);
    /* What is so in the end is reported in the end. */
    pass(&l, SECONDS(600));
    assert_int_equal(count(&l, WORKS), count(&l, FAILS));
    end(&l);
}

static void versions_that_go_backwards_are_reported_once(void **state)
{
    struct logged l;

    (void)state;
    begin(&l);
    server_save(sim_server(l.b.sim));
    sim_apply(l.b.sim, &bench_rows[MAPS], bench_config_map("c0", true));
    pass(&l, SECONDS(1));
    server_put_back(sim_server(l.b.sim));
    pass(&l, SECONDS(60));
    assert_int_equal(count(&l, "warning resource versions of the cluster went backwards"), 1);
    assert_int_equal(count(&l, FAILS), 0);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_break_of_a_moment_is_not_told),
        cmocka_unit_test(a_failure_is_reported_when_it_begins_and_ends_and_now_and_then),
        cmocka_unit_test(a_connection_that_comes_and_goes_does_not_fill_the_log),
        cmocka_unit_test(versions_that_go_backwards_are_reported_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
