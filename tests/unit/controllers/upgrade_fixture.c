#include "upgrade_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"

int begin_old(void **state)
{
    int r = mesh_begin_today_installed(state, SPEC_OF("1.30.8"));

    ((struct world *)*state)->rolls_out = true;
    return r;
}

char *version_of(struct world *w, const char *deployment)
{
    _cleanup_json_ json_t *o = world_get(w, APPS, "Deployment", NS, deployment);
    const json_t *template = doc_at(o, "spec", "template");
    const char *label = doc_string(template, "metadata", "labels", "app.kubernetes.io/version");
    const char *image = doc_string(json_array_get(doc_at(template, "spec", "containers"), 0), "image");

    return str_dup(label ? label : strrchr(str_or(image, ":"), ':') + 1);
}

void expect_versions(struct world *w, const char *control_plane, const char *gateway)
{
    _cleanup_free_ char *istiod = version_of(w, "istiod"), *ingress = version_of(w, "istio-ingressgateway");

    if (!str_eq(istiod, control_plane) || !str_eq(ingress, gateway))
        fail_msg("istiod is %s and the gateway %s, but must be %s and %s", istiod, ingress, control_plane, gateway);
}

void expect_upgrade(struct world *w, const char *field, const char *value)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const char *found = doc_string(mesh, "status", "upgrade", field);

    if (!str_eq(found, value))
        fail_msg("status.upgrade.%s is %s, but must be %s", field, str_or(found, "absent"), str_or(value, "absent"));
}

void expect_condition(struct world *w, const char *type, const char *status, const char *reason)
{
    _cleanup_json_ json_t *condition = condition_of(w, type);

    if (!str_eq(doc_string(condition, "status"), status) || !str_eq(doc_string(condition, "reason"), reason))
        fail_msg(
            "%s is %s, %s",
            type,
            str_or(doc_string(condition, "status"), "absent"),
            str_or(doc_string(condition, "reason"), "absent"));
}

void expect_injector(struct world *w, const char *version)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio-sidecar-injector");
    _cleanup_free_ char *tag = str_printf("\"tag\":\"%s\"", version);
    const char *values = str_or(doc_string(config, "data", "values"), "");

    if (!strstr(values, tag))
        fail_msg("the injector is not of version %s, but: %s", version, values);
}
