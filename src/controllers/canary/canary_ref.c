#include "controllers/canary/canary_ref.h"

#include "api/rows.h"
#include "base/str.h"
#include "controllers/canary/canary.h"
#include "doc/doc.h"

static const struct field route_name = {NULL, TEXT(format_annotation_value)};

static const struct field ref_rows[] = {
    {"name",
     TEXT(format_dns_subdomain),
     .required = true,
     .doc = "The VirtualService, in the namespace of the Canary."},
    {"routes",
     LIST(route_name, 0, 64),
     .implied = "the only one",
     .doc =
         "The names of its HTTP routes in which the requests are split. Each leads to the Service that clients call, "
         "and nowhere else."},
};

const struct field_table canary_ref_table = {
    .name = "VirtualService reference",
    .doc = "The user's own VirtualService, of which only destinations and weights of these routes are changed.",
    FIELD_ROWS(ref_rows),
};

static bool is_given(const json_t *value)
{
    return value && (json_is_object(value) || json_array_size(value) || json_is_string(value));
}

static void refuse(const struct api_check *c, const char *path, bool given)
{
    if (given)
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            path,
            "must be left out beside spec.service.virtualServiceRef, of which only destinations and weights are "
            "changed");
}

void canary_check_ref(const struct api_check *c)
{
    static const char *const of_route[] = {
        "gateways", "hosts", "timeout", "retries", "match", "rewrite", "headers", "corsPolicy"};
    const struct canary_spec *spec = c->spec;
    json_t *step;
    size_t i;

    if (!doc_at(spec->service, "virtualServiceRef"))
        return;
    for (i = 0; i < ARRAY_LEN(of_route); i++) {
        _cleanup_free_ char *path = str_printf("spec.service.%s", of_route[i]);
        refuse(c, path, is_given(doc_at(spec->service, of_route[i])));
    }
    refuse(c, "spec.analysis.match", json_array_size(spec->analysis.match));
    refuse(c, "spec.analysis.mirror", spec->analysis.mirror);
    refuse(c, "spec.analysis.sessionAffinity", spec->analysis.affinity);
    json_array_foreach(spec->analysis.steps, i, step) {
        _cleanup_free_ char *match = str_printf("spec.analysis.steps[%zu].match", i);
        _cleanup_free_ char *mirror = str_printf("spec.analysis.steps[%zu].mirror", i);
        refuse(c, match, doc_at(step, "match"));
        refuse(c, mirror, doc_at(step, "mirror"));
    }
}
