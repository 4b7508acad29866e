/* What `manifests` installs: the Pod may do no more than it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "install/manifests.h"

static json_t *find(const char *kind)
{
    const struct manifest_options options = {.ns = "istio-system", .image = "image:1"};
    _cleanup_json_ json_t *all = manifests_all(&options);
    json_t *found = json_incref(doc_find(all, "kind", kind));

    assert_non_null(found);
    return found;
}

static void the_pod_runs_as_nobody_under_seccomp(void **state)
{
    _cleanup_json_ json_t *set = find("StatefulSet");
    const json_t *pod = doc_at(set, "spec", "template", "spec"), *context = doc_at(pod, "securityContext");

    (void)state;
    assert_true(doc_bool(doc_at(context, "runAsNonRoot"), false));
    assert_true(doc_int(doc_at(context, "runAsUser"), 0) > 0);
    assert_true(doc_int(doc_at(context, "runAsGroup"), 0) > 0);
    assert_string_equal(doc_string(context, "seccompProfile", "type"), "RuntimeDefault");
    assert_null(doc_at(pod, "hostNetwork"));
    assert_null(doc_at(pod, "hostPID"));
    assert_null(doc_at(pod, "hostIPC"));
}

static void its_containers_have_no_privileges_and_write_nothing(void **state)
{
    _cleanup_json_ json_t *set = find("StatefulSet");
    const json_t *containers = doc_at(set, "spec", "template", "spec", "containers"), *container;
    size_t i;

    (void)state;
    assert_true(json_array_size(containers) > 0);
    json_array_foreach(containers, i, container) {
        const json_t *context = doc_at(container, "securityContext"), *drop = doc_at(context, "capabilities", "drop");
        assert_false(doc_bool(doc_at(context, "allowPrivilegeEscalation"), true));
        assert_true(doc_bool(doc_at(context, "readOnlyRootFilesystem"), false));
        assert_false(doc_bool(doc_at(context, "privileged"), false));
        assert_string_equal(json_string_value(json_array_get(drop, 0)), "ALL");
        assert_null(doc_at(context, "capabilities", "add"));
        assert_non_null(doc_at(container, "resources", "limits", "memory"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pod_runs_as_nobody_under_seccomp),
        cmocka_unit_test(its_containers_have_no_privileges_and_write_nothing),
    };

    return cmocka_run_group_tests_name("manifests", tests, NULL, NULL);
}
