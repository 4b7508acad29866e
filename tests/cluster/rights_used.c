#include "rights_used.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/resource.h"
#include "audit.h"
#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/doc.h"
#include "harness.h"
#include "install/rights.h"
#include "mesh/mesh.h"
#include "reconcile/desired.h"

void rights_used_release(struct rights_used *used)
{
    map_free(used->rights);
    map_free(used->refused);
    map_free(used->allowed);
}

void rights_used_note(void *context, const json_t *entry)
{
    struct rights_used *used = context;
    const json_t *object = doc_at(entry, "objectRef");
    const char *sub = doc_string(object, "subresource");
    _cleanup_free_ char *right = NULL, *request = NULL;
    bool forbidden;

    if (!object)
        return;
    right = str_printf(
        "%s/%s%s%s %s",
        str_or(doc_string(object, "apiGroup"), ""),
        doc_string(object, "resource"),
        sub ? "/" : "",
        str_or(sub, ""),
        doc_string(entry, "verb"));
    map_put(used->rights, right, used);
    request = str_printf("%s of %s", right, str_or(doc_string(object, "namespace"), "the cluster"));
    /* The authorizer's answer: 403 is also that of a namespace that is being deleted. */
    forbidden = str_eq(doc_string(doc_at(entry, "annotations"), "authorization.k8s.io/decision"), "forbid");
    /* After a conflict a namespace is read again; without that right the watch brings it a moment later. */
    if (!str_eq(right, "/namespaces get"))
        map_put(forbidden ? used->refused : used->allowed, request, used);
}

void rights_used_refused(const struct rights_used *used, struct buf *ret)
{
    const char *request;

    for (size_t i = 0; map_next(used->refused, &i, &request, NULL);)
        if (!map_has(used->allowed, request))
            buf_printf(ret, " [%s]", request);
}

void rights_used_check(const struct rights_used *used, bool (*is_due)(const char *right))
{
    _cleanup_buf_ struct buf unused = BUF_INIT, refused = BUF_INIT;
    _cleanup_json_ json_t *own = rights_own(MESH_CENTRAL);
    json_t *right;
    size_t i;

    json_array_foreach(own, i, right)
        if (is_due(json_string_value(right)) && !map_has(used->rights, json_string_value(right)))
            buf_printf(&unused, " [%s]", json_string_value(right));
    rights_used_refused(used, &refused);
    if (refused.len)
        fail_msg("refused:%s", buf_str(&refused));
    if (unused.len)
        fail_msg("never used:%s", buf_str(&unused));
}

/* The objects of a default mesh on that Kubernetes: what it is asked for decides on the release. */
static struct desired_set *objects_on(int minor, const char *spec)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *resource = mesh_resource(MESH, spec);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct desired_set *set;

    mesh_versions_for(minor, versions);
    assert_non_null(set = mesh_desired_objects(resource, minor, versions, &problems));
    return set;
}

static bool renders(const struct desired_set *set, const struct kube_kind *kind)
{
    for (size_t i = 0; i < set->len; i++)
        if (set->items[i].kind == kind)
            return true;
    return false;
}

/* Whether a row's verbs are what gives the right. */
static bool gives(const struct kube_kind *row, const char *right)
{
    for (const char *const *verb = row->verbs; verb && *verb; verb++) {
        _cleanup_free_ char *text = str_printf("%s/%s %s", row->group, row->plural, *verb);
        if (str_eq(text, right))
            return true;
    }
    return false;
}

bool rights_are_of_todays_istio(const char *right)
{
    static struct desired_set *old, *today;
    bool given = false;

    if (!old) {
        old = objects_on(20, "{\"version\": \"1.0.5\"}");
        today = objects_on(
            34,
            "{\"mtls\": true, \"cni\": {\"enabled\": true, \"platform\": \"GKE\"},"
            " \"tracing\": {\"zipkinAddress\": \"zipkin:9411\", \"sampling\": 50}}");
    }
    /* For the plugin's platform; what istiod made; what answers webhooks. */
    if (str_starts(right, "/nodes ") || str_eq(right, "coordination.k8s.io/leases delete") ||
        str_starts(right, "gateway.networking.k8s.io/") || str_starts(right, "discovery.k8s.io/endpointslices "))
        return true;
    for (size_t i = 0; i < mesh_kinds.len; i++)
        if (gives(&mesh_kinds.rows[i], right)) {
            if (renders(old, &mesh_kinds.rows[i]))
                return false;
            given = given || renders(today, &mesh_kinds.rows[i]);
        }
    return given;
}

bool rights_are_of_renewal(const char *right)
{
    return str_starts(right, "apps/") && str_ends(right, " patch");
}

bool rights_are_of_upgrades(const char *right)
{
    return str_eq(right, "/pods create");
}

void rights_used_check_audit(bool (*is_due)(const char *right))
{
    struct rights_used used = RIGHTS_USED_INIT;

    audit_read(0, rights_used_note, &used);
    rights_used_check(&used, is_due);
    rights_used_release(&used);
}

bool rights_are_of_federation(const char *right)
{
    return str_starts(right, API_GROUP "/remoteistios") || str_eq(right, "/secrets patch");
}

bool rights_are_of_kiali(const char *right)
{
    return str_starts(right, "kiali.io/");
}

bool rights_are_of_canaries(const char *right)
{
    static const enum mesh_kind_id kinds[] = {
        KIND_CANARY,
        KIND_TARGET_DEPLOYMENT,
        KIND_TARGET_REPLICA_SET,
        KIND_TARGET_SERVICE,
        KIND_TARGET_AUTOSCALER,
        KIND_HALF_ENDPOINTS,
        KIND_VIRTUAL_SERVICE};
    bool given = str_starts(right, "istio.banzaicloud.io/canaries");

    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *row = &mesh_kinds.rows[i];
        bool is_of_canaries = false;
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            is_of_canaries = is_of_canaries || row == mesh_kind(kinds[k]);
        if (!(row->roles & MESH_CENTRAL) || !gives(row, right))
            continue;
        if (!is_of_canaries)
            return false;
        given = true;
    }
    return given;
}
