/*
 * Remote clusters with real API servers join, follow the central Pods, suffer and leave. An argument is a pattern of
 * the tests to run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "federation.h"

#define FEDERATION_TEST(test) cmocka_unit_test_setup(test, federation_begin)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FEDERATION_TEST(joining_makes_everything_and_marks_it),
        FEDERATION_TEST(endpoints_follow_pods_and_services),
        FEDERATION_TEST(what_others_change_heals_and_what_is_theirs_stays),
        FEDERATION_TEST(at_rest_nothing_is_written),
        FEDERATION_TEST(another_kubeconfig_is_used_immediately),
        FEDERATION_TEST(a_kubeconfig_that_is_removed_removes_nothing),
        FEDERATION_TEST(bad_kubeconfigs_are_refused_with_a_reason),
        FEDERATION_TEST(clusters_with_a_mesh_are_refused),
        FEDERATION_TEST(no_secret_is_reported),
        FEDERATION_TEST(leaving_cleans_the_remote_and_nothing_else),
        FEDERATION_TEST(a_cluster_that_is_not_reached_holds_its_own_deletion_only),
        FEDERATION_TEST(an_abandoned_cluster_is_left_as_it_is_and_can_join_again),
        FEDERATION_TEST(one_bad_cluster_harms_no_other),
        FEDERATION_TEST(kills_while_clusters_join_and_leave_end_well),
        FEDERATION_TEST(many_joins_and_leaves_leave_nothing_behind),
        cmocka_unit_test(every_right_was_used_and_nothing_refused),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster federation", tests, federation_setup, federation_teardown);
}
