/*
 * What a remote cluster has that follows from no component: the owner of its objects, and the services that lead to the
 * central cluster.
 */
#include "api/crd.h"
#include "mesh/common/objects.h"

/*
 * The definition has no schema: no mesh is described there, and a thousand clusters' schemas of 58 kB each, desired and
 * observed, would be most of the operator's memory for a cluster.
 */
void mesh_render_foundation(const struct mesh_env *env, const char *central_id, struct rendered_list *ret)
{
    static const char definition[] = "CustomResourceDefinition";

    *ret = (struct rendered_list){0};
    mesh_add(env, ret, "Namespace", OBJECT(VALUE("metadata", mesh_cluster_metadata(env->ns, NULL))));
    if (mesh_version(env, definition))
        mesh_add(env, ret, definition, api_crd_bare(&api_resource_istio, mesh_version(env, definition)));
    mesh_add(
        env,
        ret,
        "Istio",
        OBJECT(
            MAP("metadata",
                STRING("name", MESH_REMOTE_OWNER),
                STRING("namespace", env->ns),
                MAP("annotations", STRING(MESH_REMOTE_OF, central_id))),
            MAP("spec")));
}

/*
 * A client that looks up the Service's name gets the Pods' addresses and connects to the ports that they listen on. So
 * a port says nothing, and the ports of a user's service are not known here.
 *
 * The Service therefore has none, which Kubernetes allows of headless ones. With ports it would have instances in the
 * registry of Pilot, which reads the remote cluster: the same Pods that it knows from the central one, once more.
 *
 * The Endpoints have one: servers of the cluster's DNS that walk through ports (CoreDNS, in its early releases) find no
 * address where there is none, and with one each address is found once.
 */
#define ANY_PORT 65000

static json_t *subsets(const struct mesh_remote_service *service)
{
    json_t *addresses = ARRAY();

    for (size_t i = 0; i < service->address_count; i++)
        json_array_append_new(addresses, OBJECT(STRING("ip", service->addresses[i])));
    return ARRAY(
        ITEM(VALUE("addresses", addresses), SEQ("ports", ITEM(INT("port", ANY_PORT), STRING("protocol", "TCP")))));
}

void mesh_render_remote_services(
    const struct mesh_env *env, const struct mesh_remote_service *services, size_t count, struct rendered_list *ret)
{
    *ret = (struct rendered_list){0};
    for (size_t i = 0; i < count; i++) {
        const struct mesh_remote_service *s = &services[i];
        mesh_add(
            env,
            ret,
            "Service",
            OBJECT(VALUE("metadata", mesh_metadata(env, s->name, NULL)), MAP("spec", STRING("clusterIP", "None"))));
        /*
         * A subset without an address is refused; an empty list is desired, so that an address of another client is
         * removed.
         */
        mesh_add(
            env,
            ret,
            "Endpoints",
            OBJECT(
                VALUE("metadata", mesh_metadata(env, s->name, NULL)),
                VALUE("subsets", s->address_count ? subsets(s) : json_array())));
    }
    rendered_sort(ret);
}
