/*
 * The operator's rights, held against what it asked for in all the tests before: nothing was refused, and every right
 * was used; those of federation by its own tests, and without those that only today's Istio needs, or a change of its
 * release. Runs last.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "rights_used.h"

/* Reading a handler again needs a conflict, which test_switches does not bring about. */
static bool is_due(const char *right)
{
    return !str_eq(right, "config.istio.io/handlers get") && !rights_are_of_federation(right) &&
           !rights_are_of_todays_istio(right) && !rights_are_of_renewal(right) && !rights_are_of_upgrades(right) &&
           !rights_are_of_canaries(right) && !rights_are_of_kiali(right);
}

static void nothing_was_refused_and_every_right_was_used(void **state)
{
    struct rights_used used = RIGHTS_USED_INIT;

    (void)state;
    if (!audit_is_on())
        skip();
    audit_read(0, rights_used_note, &used);
    assert_true(map_len(used.rights) > 50);
    rights_used_check(&used, is_due);
    rights_used_release(&used);
}

static bool has_resource(const json_t *rule, const char *resource)
{
    json_t *item;
    size_t i;

    json_array_foreach(doc_at(rule, "resources"), i, item)
        if (str_eq(json_string_value(item), resource))
            return true;
    return false;
}

/* The operator's role without the rule that has this resource. */
static void take_away(const char *resource)
{
    const struct kube_kind *kind = kind_of("rbac.authorization.k8s.io/v1", "ClusterRole");
    _cleanup_json_ json_t *role = cluster_get(kind, NULL, "istio-operator-manager"), *patch = NULL;
    _cleanup_free_ char *text = NULL;
    json_t *rules = doc_at(role, "rules");
    size_t before = json_array_size(rules);

    for (size_t i = before; i-- > 0;)
        if (has_resource(json_array_get(rules, i), resource))
            json_array_remove(rules, i);
    assert_true(json_array_size(rules) < before);
    patch = OBJECT(VALUE("rules", json_incref(rules)));
    text = doc_text(patch);
    cluster_patch(kind, NULL, "istio-operator-manager", text);
}

static bool something_is_refused(void *context)
{
    struct rights_used used = RIGHTS_USED_INIT;
    _cleanup_buf_ struct buf refused = BUF_INIT;

    audit_read(*(long *)context, rights_used_note, &used);
    rights_used_refused(&used, &refused);
    rights_used_release(&used);
    return refused.len > 0;
}

static void one_rule_less_is_noticed(void **state)
{
    long position;

    (void)state;
    if (!audit_is_on())
        skip();
    take_away("horizontalpodautoscalers");
    position = audit_position();
    operator_start_without_waiting();
    wait_until(something_is_refused, &position, PATIENCE, "a request is refused");
    operator_kill(SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_refused_and_every_right_was_used),
        cmocka_unit_test(one_rule_less_is_noticed),
    };

    return cmocka_run_group_tests_name("cluster rights", tests, harness_setup, harness_teardown);
}
