#include "mesh/common/objects.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/release.h"
#include "base/str.h"
#include "doc/doc.h"

static size_t kind_row(const char *kind)
{
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        if (!mesh_kinds.rows[i].view && str_eq(mesh_kinds.rows[i].kind, kind))
            return i;
    }
    abort(); /* a kind without a watch: a bug in this program, which every render would show */
}

const char *mesh_version(const struct mesh_env *env, const char *kind)
{
    return env->versions[kind_row(kind)];
}

struct rendered *mesh_add(const struct mesh_env *env, struct rendered_list *out, const char *name, json_t *object)
{
    const struct kube_kind *kind = &mesh_kinds.rows[kind_row(name)];
    const char *version = mesh_version(env, name);
    struct rendered *added = NULL;
    char api_version[128];

    if (version) {
        kube_api_version(kind, version, api_version);
        ARRAY_RESERVE_ONE(out->items, out->len, out->cap);
        added = &out->items[out->len++];
        *added = (struct rendered){
            .kind = kind,
            .object = OBJECT(STRING("apiVersion", api_version), STRING("kind", name), ROWS(json_incref(object))),
        };
    }
    json_decref(object);
    return added;
}

/* Of a newer patch than the release, the patch. */
static const char *default_tag(const struct mesh_env *env)
{
    const char *known = env->release->version, *asked = str_or(env->spec->version, known);

    return release_is_newer_patch(asked, known) ? asked : known;
}

json_t *mesh_image(const struct mesh_env *env, const char *override, const char *name)
{
    _cleanup_buf_ struct buf image = BUF_INIT;

    if (override)
        return json_string(override);
    buf_printf(&image, "%s/%s:%s", env->spec->image_hub, name, str_or(env->spec->image_tag, default_tag(env)));
    return json_string(buf_str(&image));
}

char *mesh_name(const struct mesh_env *env, const char *name)
{
    const char *revision = str_or(env->revision, "");

    return str_printf("%s%s%s", name, *revision ? "-" : "", revision);
}

json_t *mesh_metadata(const struct mesh_env *env, const char *name, json_t *labels)
{
    return OBJECT(STRING("name", name), STRING("namespace", env->ns), VALUE("labels", labels));
}

json_t *mesh_cluster_metadata(const char *name, json_t *labels)
{
    return OBJECT(STRING("name", name), VALUE("labels", labels));
}

static json_t *pull_secrets(const json_t *names)
{
    json_t *secrets = ARRAY();
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
        json_array_append_new(secrets, OBJECT(STRING("name", json_string_value(name))));
    return secrets;
}

void mesh_service_account(const struct mesh_env *env, struct rendered_list *out, const char *name, json_t *labels)
{
    const json_t *secrets = env->spec->image_pull_secrets;

    mesh_add(
        env,
        out,
        "ServiceAccount",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, name, labels)),
            OPT(json_array_size(secrets) > 0, VALUE("imagePullSecrets", pull_secrets(secrets)))));
}

json_t *mesh_rule(const char *group, const char *const *resources, const char *const *verbs)
{
    return OBJECT(
        STRINGS("apiGroups", group),
        VALUE("resources", json_build_strings(resources)),
        VALUE("verbs", json_build_strings(verbs)));
}

json_t *
mesh_binding(const struct mesh_env *env, json_t *metadata, const char *role_kind, const char *role, const char *account)
{
    return OBJECT(
        VALUE("metadata", metadata),
        MAP("roleRef",
            STRING("apiGroup", "rbac.authorization.k8s.io"),
            STRING("kind", role_kind),
            STRING("name", role)),
        SEQ("subjects", ITEM(STRING("kind", "ServiceAccount"), STRING("name", account), STRING("namespace", env->ns))));
}

void mesh_cluster_role(const struct mesh_env *env, struct rendered_list *out, struct cluster_role what)
{
    _cleanup_free_ char *role = str_printf("%s-%s", what.role, env->ns);
    _cleanup_free_ char *binding = str_printf("%s-%s", what.binding, env->ns);

    mesh_add(
        env,
        out,
        "ClusterRole",
        OBJECT(VALUE("metadata", mesh_cluster_metadata(role, json_incref(what.labels))), VALUE("rules", what.rules)));
    mesh_add(
        env,
        out,
        "ClusterRoleBinding",
        mesh_binding(env, mesh_cluster_metadata(binding, what.labels), "ClusterRole", role, what.service_account));
}

struct rendered *mesh_service(const struct mesh_env *env, struct rendered_list *out, struct service what)
{
    return mesh_add(
        env,
        out,
        "Service",
        OBJECT(
            MAP("metadata", ROWS(mesh_metadata(env, what.name, what.labels)), VALUE("annotations", what.annotations)),
            MAP("spec",
                STRING("type", what.type),
                STRING("loadBalancerIP", what.load_balancer_ip),
                VALUE("selector", what.selector),
                VALUE("ports", what.ports),
                VALUE("externalIPs", what.addresses))));
}

json_t *mesh_resources(const json_t *desired, const char *cpu, const char *memory)
{
    return desired ? doc_copy(desired) : OBJECT(MAP("requests", STRING("cpu", cpu), STRING("memory", memory)));
}

json_t *mesh_env_limit(const char *name, const char *resource)
{
    return OBJECT(
        STRING("name", name),
        MAP("valueFrom", MAP("resourceFieldRef", STRING("resource", resource), STRING("divisor", "1"))));
}

json_t *mesh_env_field(const char *name, const char *field_path)
{
    return OBJECT(STRING("name", name), MAP("valueFrom", MAP("fieldRef", STRING("fieldPath", field_path))));
}

json_t *mesh_env_value(const char *name, const char *value)
{
    return OBJECT(STRING("name", name), STRING("value", value));
}

json_t *mesh_port(int container_port)
{
    return OBJECT(INT("containerPort", container_port));
}

json_t *mesh_service_port(const char *name, int port)
{
    /* The target is the server's default; it is desired, so that it is restored when another client changes it. */
    return OBJECT(STRING("name", name), INT("port", port), INT("targetPort", port));
}

json_t *mesh_mount(const char *volume, const char *path)
{
    return OBJECT(STRING("name", volume), STRING("mountPath", path));
}

json_t *mesh_mount_read_only(const char *volume, const char *path)
{
    return OBJECT(STRING("name", volume), STRING("mountPath", path), BOOL("readOnly", true));
}

json_t *mesh_volume_config(const char *volume, const char *config_map)
{
    return OBJECT(STRING("name", volume), MAP("configMap", STRING("name", config_map)));
}

json_t *mesh_volume_secret(const char *volume, const char *secret, bool optional)
{
    return OBJECT(
        STRING("name", volume), MAP("secret", STRING("secretName", secret), OPT(optional, BOOL("optional", true))));
}

int mesh_gateway_target(const json_t *port)
{
    const json_t *target = doc_at(port, "targetPort");

    return (int)doc_int(target ? target : doc_at(port, "port"), 0);
}

/* Nodes listen for a Service of type ClusterIP on no port. */
static json_t *gateway_ports(const json_t *ports, const char *type)
{
    bool on_nodes = !str_eq(type, "ClusterIP");
    json_t *list = ARRAY(), *port;
    size_t i;

    json_array_foreach(ports, i, port)
        json_array_append_new(
            list,
            OBJECT(
                STRING("name", doc_string(port, "name")),
                INT("port", doc_int(doc_at(port, "port"), 0)),
                INT("targetPort", mesh_gateway_target(port)),
                STRING("protocol", doc_string(port, "protocol")),
                OPT(on_nodes, VALUE("nodePort", json_incref(doc_at(port, "nodePort"))))));
    return list;
}

/* `own` is taken over; NULL: neither has any. */
static json_t *besides(const json_t *asked, json_t *own)
{
    json_t *all = asked ? doc_copy(asked) : json_object();

    if (own)
        json_object_update_new(all, own);
    if (asked || json_object_size(all))
        return all;
    json_decref(all);
    return NULL;
}

struct rendered *mesh_gateway_service(
    const struct mesh_env *env, struct rendered_list *out, const struct gateway_spec *spec, struct gateway_service what)
{
    const char *type = str_or(spec->service_type, what.type);

    return mesh_service(
        env,
        out,
        (struct service){
            .name = what.name,
            .type = type,
            .load_balancer_ip = *str_or(spec->load_balancer_ip, "") ? spec->load_balancer_ip : NULL,
            .labels = besides(spec->service_labels, what.labels),
            .annotations = besides(spec->service_annotations, what.annotations),
            .selector = what.selector,
            .ports = gateway_ports(json_array_size(spec->ports) ? spec->ports : what.ports, type),
            .addresses = what.addresses ? doc_copy(what.addresses) : NULL,
        });
}

const struct mesh_env *mesh_env_of(const struct mesh_env *env, const char *part, struct mesh_env *own)
{
    for (const struct mesh_held *h = env->held; h && h->part; h++) {
        if (!str_eq(h->part, part))
            continue;
        *own = *env;
        own->spec = h->spec;
        own->release = h->release;
        own->revision = h->revision;
        return own;
    }
    return env;
}
