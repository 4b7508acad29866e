#include "controllers/remote/remote_check.h"

#include "base/str.h"
#include "controllers/remote/remote_istio.h"
#include "doc/doc.h"

int remote_check(
    const json_t *resource, const char *ns, const char *mesh_ns, const char *version, struct istio_spec **ret,
    struct problems *problems)
{
    const struct api_context context = {.ns = ns, .version = version};
    const char *own = str_or(doc_string(resource, "metadata", "namespace"), ns);
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;

    if (!mesh_line_of(version)->joining) {
        problems_add(
            problems,
            PROBLEM_ERROR,
            "kind",
            "must not be RemoteIstio: no cluster can join a mesh of Istio %s",
            version);
        return -1;
    }
    if (remote_istio_parse(resource, &context, &spec, problems) < 0)
        return -1;
    if (mesh_ns && own && !str_eq(own, mesh_ns)) {
        problems_add(
            problems,
            PROBLEM_ERROR,
            "metadata.namespace",
            "must be %s, where the mesh is that it joins, but is %s",
            mesh_ns,
            own);
        return -1;
    }
    *ret = TAKE_PTR(spec);
    return 0;
}

int remote_check_kubernetes(const struct mesh_release *release, int minor, struct err *e)
{
    if (minor >= release->kubernetes_min && minor <= release->kubernetes_max)
        return 0;
    return err_set(
        e,
        ERR_INVALID,
        "Istio %s runs on Kubernetes 1.%d to 1.%d, and the remote cluster is 1.%d",
        release->version,
        release->kubernetes_min,
        release->kubernetes_max,
        minor);
}
