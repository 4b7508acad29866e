#include "operator/remote_check.h"

#include "base/str.h"
#include "json/doc.h"

int remote_check(
    const json_t *resource, const char *ns, const char *mesh_ns, struct remote_istio_spec *ret,
    struct problems *problems)
{
    const struct api_context context = {.ns = ns};
    const char *own = str_or(doc_string(resource, "metadata", "namespace"), ns);
    struct remote_istio_spec spec;

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
        remote_istio_spec_release(&spec);
        return -1;
    }
    *ret = spec;
    return 0;
}
