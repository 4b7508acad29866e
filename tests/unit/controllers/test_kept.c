/* Defaults that a newer release changed, and an upgraded mesh keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "upgrade_fixture.h"

/* --- what stays as it was --- */

/* The fields of status.keptDefaults, in a line. */
static void expect_kept(struct world *w, const char *fields)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *row;
    size_t i;

    json_array_foreach(doc_at(mesh, "status", "keptDefaults"), i, row)
        buf_printf(&text, "%s%s=%s", i ? " " : "", doc_string(row, "field"), doc_string(row, "value"));
    assert_string_equal(buf_str(&text), fields);
}

static void expect_mesh_config(struct world *w, const char *text, bool is_there)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio");
    const char *mesh = str_or(doc_string(config, "data", "mesh"), "");

    if (!strstr(mesh, text) == is_there)
        fail_msg("\"%s\" must %sbe in %s", text, is_there ? "" : "not ", mesh);
}

#define KEPT_OF_1_30                                                                                                   \
    "spec.pilot.env.PILOT_ENABLE_STRICT_GATEWAY_MERGING=\"false\" "                                                    \
    "spec.pilot.env.PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=\"false\""

#define KEPT_OF_1_0                                                                                                    \
    "spec.policy.checks=true spec.outboundTrafficPolicy.mode=\"REGISTRY_ONLY\" spec.accessLogFile=\"/dev/stdout\" "    \
    "spec.proxy.concurrency=0 spec.gateways.egress.enabled=true spec.defaultPodDisruptionBudget.enabled=false"

static void a_mesh_of_istio_1_0_behaves_as_before(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"version\": \"1.1.17\"}");
    settle(w);
    for (int i = 0; i < 3; i++) {
        world_roll_out(w);
        settle(w);
    }
    expect_status(w, "version", "1.1.17");
    expect_kept(w, KEPT_OF_1_0);
    expect_mesh_config(w, "disablePolicyChecks: false", true);
    expect_mesh_config(w, "REGISTRY_ONLY", true);
    assert_true(world_has(w, APPS, "Deployment", NS, "istio-egressgateway"));

    /* After a restart of the operator it is the same; what the spec says is no longer kept. */
    mesh_memo_clear(w->memo);
    world_put_mesh(w, "{\"version\": \"1.1.17\", \"outboundTrafficPolicy\": {\"mode\": \"ALLOW_ANY\"}}");
    settle(w);
    expect_mesh_config(w, "REGISTRY_ONLY", false);
    expect_mesh_config(w, "disablePolicyChecks: false", true);
    world_put_mesh(w, "{\"version\": \"1.1.17\"}");
    settle(w);
    expect_mesh_config(w, "REGISTRY_ONLY", false);
    expect_kept(
        w,
        "spec.policy.checks=true spec.accessLogFile=\"/dev/stdout\" spec.proxy.concurrency=0 "
        "spec.gateways.egress.enabled=true spec.defaultPodDisruptionBudget.enabled=false");
}

/* A mesh that was installed with a release has its defaults; one that changes its mind keeps what it kept. */
static void defaults_are_kept_by_what_the_mesh_had(void **state)
{
    static const char env[] = "PILOT_ENABLE_STRICT_GATEWAY_MERGING";
    struct world *w = *state;
    _cleanup_free_ char *before = NULL, *after = NULL;
    json_t *istiod;

    expect_kept(w, "");
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_kept(w, KEPT_OF_1_30);
    for (int i = 0; i < 3; i++)
        roll_out_today(w);
    expect_status(w, "version", "1.31.1");
    istiod = world_get(w, APPS, "Deployment", NS, "istiod");
    before = doc_text(istiod);
    json_decref(istiod);
    assert_non_null(strstr(before, env));
    /* Back, and on again in the middle of it. */
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    istiod = world_get(w, APPS, "Deployment", NS, "istiod");
    after = doc_text(istiod);
    json_decref(istiod);
    assert_null(strstr(after, env));
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_kept(w, KEPT_OF_1_30);
    world_put_mesh(
        w, "{\"version\": \"1.31.1\", \"pilot\": {\"env\": {\"PILOT_ENABLE_STRICT_GATEWAY_MERGING\": \"true\"}}}");
    settle(w);
    expect_kept(w, "spec.pilot.env.PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=\"false\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED(a_mesh_of_istio_1_0_behaves_as_before),
        OLD(defaults_are_kept_by_what_the_mesh_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
