/* What API servers check between the fields of a Pod and of what is below it. */
#include <string.h>

#include "api/kubernetes_impl.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/quantity.h"

bool kubernetes_has(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);

    return value && !json_is_null(value) && !(json_is_string(value) && !json_string_length(value));
}

void kubernetes_check_one_of(const json_t *object, const char *const *fields, bool needed, const char *path,
                             struct problems *problems)
{
    _cleanup_buf_ struct buf names = BUF_INIT;
    int count = 0;

    for (const char *const *field = fields; *field; field++) {
        buf_printf(&names, "%s%s", field == fields ? "" : ", ", *field);
        count += kubernetes_has(object, *field);
    }
    if (count > 1 || (needed && !count))
        problems_refuse(problems, path, NULL, "must have %s one of %s", needed ? "exactly" : "at most",
                        buf_str(&names));
}

static bool is(const json_t *object, const char *field, const char *value)
{
    return str_eq(doc_string(object, field), value);
}

void kubernetes_check_distinct(const json_t *list, const char *key, const char *path, struct problems *problems)
{
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) {
        const char *value = doc_string(item, key);
        _cleanup_free_ char *at = str_printf("%s[%zu].%s", path, i, key);
        if (!value)
            continue;
        if (map_has(seen, value))
            problems_refuse(problems, at, NULL, "must be in the list once, but %s is there before", value);
        map_put(seen, value, item);
    }
}

static size_t annotation_bytes(const json_t *metadata)
{
    size_t bytes = 0;
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(metadata, "annotations"), key, value)
        bytes += strlen(key) + json_string_length(value);
    return bytes;
}

bool kubernetes_annotations_fit(const json_t *metadata)
{
    return annotation_bytes(metadata) <= KUBERNETES_ANNOTATIONS_MAX;
}

void kubernetes_check_metadata(const json_t *metadata, const char *path, struct problems *problems)
{
    size_t bytes = annotation_bytes(metadata);

    if (bytes > KUBERNETES_ANNOTATIONS_MAX)
        problems_refuse(problems, path, "annotations", "must have at most %d bytes in all, but has %zu",
                        KUBERNETES_ANNOTATIONS_MAX, bytes);
}

/* --- selectors --- */

static void check_values(const json_t *requirement, size_t least, size_t most, const char *path,
                         struct problems *problems)
{
    size_t count = json_array_size(json_object_get(requirement, "values"));
    const char *operator= doc_string(requirement, "operator");

    if (count < least)
        problems_refuse(problems, path, "values", "must have %s with operator %s",
                        most == 1 ? "one entry" : "entries", operator);
    else if (count > most)
        problems_refuse(problems, path, "values", "must %s with operator %s",
                        most ? "have one entry" : "be left out", operator);
}

void kubernetes_check_requirement(const json_t *requirement, const char *path, struct problems *problems)
{
    bool listed = is(requirement, "operator", "In") || is(requirement, "operator", "NotIn");

    check_values(requirement, listed, listed ? SIZE_MAX : 0, path, problems);
}

void kubernetes_check_node_requirement(const json_t *requirement, const char *path, struct problems *problems)
{
    if (is(requirement, "operator", "Gt") || is(requirement, "operator", "Lt"))
        check_values(requirement, 1, 1, path, problems);
    else
        kubernetes_check_requirement(requirement, path, problems);
}

void kubernetes_check_toleration(const json_t *toleration, const char *path, struct problems *problems)
{
    bool exists = is(toleration, "operator", "Exists");

    if (!kubernetes_has(toleration, "key") && !exists)
        problems_refuse(problems, path, "operator", "must be Exists where there is no key");
    if (exists && kubernetes_has(toleration, "value"))
        problems_refuse(problems, path, "value", "must be left out with operator Exists");
    if (kubernetes_has(toleration, "tolerationSeconds") && !is(toleration, "effect", "NoExecute"))
        problems_refuse(problems, path, "effect", "must be NoExecute where there are tolerationSeconds");
}

/* --- compute resources --- */

static bool is_huge(const char *resource)
{
    return str_starts(resource, "hugepages-");
}

/* Of Kubernetes itself, as what has no domain; others are extended ones. */
static bool is_native(const char *resource)
{
    return !strchr(resource, '/') || strstr(resource, "kubernetes.io/");
}

/* A resource's name is a label's, and without a domain one of a few. */
static void check_resource_name(const char *resource, const char *path, struct problems *problems)
{
    static const char *const known[] = {"cpu", "memory", "ephemeral-storage"};
    const char *slash = strchr(resource, '/');
    size_t prefix = slash ? (size_t)(slash - resource) : 0;

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(resource, known[i]))
            return;
    if (!slash && !is_huge(resource))
        problems_refuse(problems, path, NULL,
                        "is no resource: allowed are cpu, memory, ephemeral-storage, hugepages-SIZE and extended "
                        "resources with their domain such as nvidia.com/gpu");
    else if (!is_native(resource) && (str_starts(resource, "requests.") || prefix > 253 - strlen("requests.")))
        problems_refuse(problems, path, NULL,
                        "must be an extended resource whose domain has at most 244 characters and does not begin with "
                        "\"requests.\"");
}

/* What of a quantity is more than its format, by the resource that it is of. */
static void check_amount(const char *resource, const char *quantity, const char *path, struct problems *problems)
{
    static const char most[] = "9223372036854775807";
    int order;

    if (kube_quantity_compare(quantity, most, KUBE_MILLI, &order) && (order > 0 || (!order && !str_eq(quantity, most))))
        problems_refuse(problems, path, NULL, "must be less than %s, but is %s", most, quantity);
    else if (!is_native(resource) && !kube_quantity_is_whole(quantity))
        problems_refuse(problems, path, NULL, "must be a whole number, as of all extended resources, but is %s",
                        quantity);
    else if (is_huge(resource) && !kube_quantity_is_multiple(quantity, resource + strlen("hugepages-")))
        problems_refuse(problems, path, NULL, "must be a multiple of the page size in its name, but is %s", quantity);
}

/* Servers set a request that is not given to the limit, and know no limit of an extended resource beyond its request.
 */
static void check_request(const char *resource, const json_t *request, const json_t *limits, const char *path,
                          struct problems *problems)
{
    bool exact = !is_native(resource) || is_huge(resource);
    char number[2][KUBE_QUANTITY_NUMBER];
    const char *asked = kube_quantity_text(request, number[0]);
    const char *limit = kube_quantity_text(json_object_get(limits, resource), number[1]);
    int order;

    if (!limit) {
        if (exact)
            problems_refuse(problems, path, NULL,
                            "must have the same value in limits, as this resource cannot be "
                            "overcommitted");
        return;
    }
    if (!kube_quantity_compare(asked, limit, KUBE_MILLI, &order))
        return;
    if (exact && order)
        problems_refuse(problems, path, NULL,
                        "must be the limit, which is %s, as this resource cannot be overcommitted, but is %s", limit,
                        asked);
    else if (order > 0)
        problems_refuse(problems, path, NULL, "must not be above the limit, which is %s, but is %s", limit, asked);
}

static bool check_amounts(const json_t *resources, const char *list, bool *has_huge, bool *has_other, const char *path,
                          struct problems *problems)
{
    size_t errors = problems->errors;
    const char *resource;
    json_t *value;

    json_object_foreach(json_object_get(resources, list), resource, value) {
        char number[KUBE_QUANTITY_NUMBER];
        _cleanup_buf_ struct buf at = BUF_INIT;
        buf_printf(&at, "%s%s%s", path, *path ? "." : "", list);
        doc_path_key(&at, resource);
        check_resource_name(resource, buf_str(&at), problems);
        check_amount(resource, kube_quantity_text(value, number), buf_str(&at), problems);
        *has_huge |= is_huge(resource);
        *has_other |= str_eq(resource, "cpu") || str_eq(resource, "memory");
    }
    return problems->errors == errors;
}

void kubernetes_check_resources(const json_t *resources, const char *path, struct problems *problems)
{
    bool huge = false, other = false, valid;
    const char *resource;
    json_t *value;

    valid = check_amounts(resources, "requests", &huge, &other, path, problems);
    valid &= check_amounts(resources, "limits", &huge, &other, path, problems);
    if (!valid)
        return;
    json_object_foreach(json_object_get(resources, "requests"), resource, value) {
        _cleanup_buf_ struct buf at = BUF_INIT;
        buf_printf(&at, "%s%srequests", path, *path ? "." : "");
        doc_path_key(&at, resource);
        check_request(resource, value, json_object_get(resources, "limits"), buf_str(&at), problems);
    }
    if (huge && !other)
        problems_refuse(problems, path, NULL, "must have cpu or memory beside hugepages");
}

/* --- containers --- */

void kubernetes_check_env(const json_t *env, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(env, ONE_OF("value", "valueFrom"), false, path, problems);
}

void kubernetes_check_env_source(const json_t *source, const char *path, struct problems *problems)
{
    const char *field = doc_string(source, "fieldRef", "fieldPath");

    kubernetes_check_one_of(source,
                            ONE_OF("configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef"),
                            true, path, problems);
    if (str_eq(field, "metadata.labels") || str_eq(field, "metadata.annotations"))
        problems_refuse(problems, path, "fieldRef.fieldPath", "must name one of them: %s['KEY']", field);
}

/* A CPU is given in whole ones or thousandths. */
void kubernetes_check_resource_field(const json_t *selector, const char *path, struct problems *problems)
{
    char number[KUBE_QUANTITY_NUMBER];
    const char *divisor = kube_quantity_text(json_object_get(selector, "divisor"), number);

    if (divisor && str_ends(doc_string(selector, "resource"), ".cpu") &&
        !kube_quantity_equal(divisor, "0", KUBE_NANO) && !kube_quantity_equal(divisor, "1", KUBE_NANO) &&
        !kube_quantity_equal(divisor, "1m", KUBE_NANO))
        problems_refuse(problems, path, "divisor", "must be 1 or 1m for a CPU, but is %s", divisor);
}

void kubernetes_check_env_from(const json_t *source, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(source, ONE_OF("configMapRef", "secretRef"), true, path, problems);
}

void kubernetes_check_probe(const json_t *probe, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(probe, ONE_OF("exec", "grpc", "httpGet", "tcpSocket"), true, path, problems);
}

void kubernetes_check_lifecycle_handler(const json_t *handler, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(handler, ONE_OF("exec", "httpGet", "sleep", "tcpSocket"), true, path, problems);
}

void kubernetes_check_mount(const json_t *mount, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(mount, ONE_OF("subPath", "subPathExpr"), false, path, problems);
}

void kubernetes_check_profile(const json_t *profile, const char *path, struct problems *problems)
{
    bool local = is(profile, "type", "Localhost");

    if (local != kubernetes_has(profile, "localhostProfile"))
        problems_refuse(problems, path, "localhostProfile", "must be there with type Localhost, and only with it");
}

void kubernetes_check_security(const json_t *security, const char *path, struct problems *problems)
{
    const json_t *escalation = json_object_get(security, "allowPrivilegeEscalation"), *capability;
    bool much = json_is_true(json_object_get(security, "privileged"));
    size_t i;

    json_array_foreach(doc_at(security, "capabilities", "add"), i, capability)
        much |= str_eq(json_string_value(capability), "CAP_SYS_ADMIN");
    if (json_is_false(escalation) && much)
        problems_refuse(problems, path, "allowPrivilegeEscalation",
                        "must not be false for a container that is privileged or has CAP_SYS_ADMIN");
}

static void check_success(const json_t *container, const char *probe, const char *path, struct problems *problems)
{
    _cleanup_free_ char *field = str_printf("%s.successThreshold", probe);
    json_int_t threshold = doc_int(doc_at(container, probe, "successThreshold"), 0);

    if (threshold && threshold != 1)
        problems_refuse(problems, path, field, "must be 1 for this probe, but is %" JSON_INTEGER_FORMAT, threshold);
}

static void check_ports(const json_t *ports, bool host_network, const char *path, struct problems *problems)
{
    json_t *port;
    size_t i;

    kubernetes_check_distinct(ports, "name", path, problems);
    json_array_foreach(ports, i, port) {
        json_int_t on_host = doc_int(json_object_get(port, "hostPort"), 0);
        _cleanup_free_ char *at = str_printf("%s[%zu]", path, i);
        if (host_network && on_host && on_host != doc_int(json_object_get(port, "containerPort"), 0))
            problems_refuse(problems, at, "hostPort", "must be the containerPort, as the Pod is in the host's network");
    }
}

static void check_mounts(const json_t *container, const char *path, struct problems *problems)
{
    bool privileged = json_is_true(doc_at(container, "securityContext", "privileged"));
    _cleanup_free_ char *mounts = str_printf("%s.volumeMounts", path);
    json_t *mount;
    size_t i;

    kubernetes_check_distinct(json_object_get(container, "volumeMounts"), "mountPath", mounts, problems);
    json_array_foreach(json_object_get(container, "volumeMounts"), i, mount) {
        _cleanup_free_ char *at = str_printf("%s[%zu]", mounts, i);
        if (is(mount, "mountPropagation", "Bidirectional") && !privileged)
            problems_refuse(problems, at, "mountPropagation",
                            "must not be Bidirectional in a container that is not "
                            "privileged");
    }
}

void kubernetes_check_container(const json_t *container, const char *path, struct problems *problems)
{
    _cleanup_free_ char *ports = str_printf("%s.ports", path);

    check_success(container, "livenessProbe", path, problems);
    check_success(container, "startupProbe", path, problems);
    check_ports(json_object_get(container, "ports"), false, ports, problems);
    check_mounts(container, path, problems);
}

/* --- volumes and the whole of a Pod --- */

void kubernetes_check_projection(const json_t *projection, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(
        projection,
        ONE_OF("clusterTrustBundle", "configMap", "downwardAPI", "podCertificate", "secret", "serviceAccountToken"),
        false, path, problems);
}

static void check_distinct_path(struct map *seen, const char *file, const char *path, struct problems *problems)
{
    if (!file)
        return;
    if (map_has(seen, file))
        problems_refuse(problems, path, NULL, "must have each path once, but %s is there twice", file);
    map_put(seen, file, seen);
}

/* The files of all sources lie in one folder. */
void kubernetes_check_projected(const json_t *volume, const char *path, struct problems *problems)
{
    static const char *const sources[] = {"configMap", "downwardAPI", "secret"};
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *source, *item;
    size_t i, k;

    json_array_foreach(json_object_get(volume, "sources"), i, source)
        for (size_t n = 0; n < ARRAY_LEN(sources); n++)
            json_array_foreach(doc_at(source, sources[n], "items"), k, item)
                check_distinct_path(seen, doc_string(item, "path"), path, problems);
}

void kubernetes_check_downward_file(const json_t *file, const char *path, struct problems *problems)
{
    kubernetes_check_one_of(file, ONE_OF("fieldRef", "resourceFieldRef"), true, path, problems);
    if (kubernetes_has(file, "resourceFieldRef") &&
        !kubernetes_has(json_object_get(file, "resourceFieldRef"), "containerName"))
        problems_refuse(problems, path, "resourceFieldRef.containerName", "is required");
}

/* Every field but the name is a source. */
void kubernetes_check_volume(const json_t *volume, const char *path, struct problems *problems)
{
    size_t sources = 0;
    const char *field;
    json_t *value;

    json_object_foreach((json_t *)volume, field, value)
        sources += !str_eq(field, "name") && kubernetes_has(volume, field);
    if (sources > 1)
        problems_refuse(problems, path, NULL, "must have one source beside its name, but has %zu", sources);
}

/* Mounts and devices of each container need the volume that they name. */
static void check_uses(const json_t *spec, const char *kind, const char *uses, const char *path,
                       struct problems *problems)
{
    const json_t *volumes = json_object_get(spec, "volumes");
    json_t *container, *use;
    size_t i, k;

    json_array_foreach(json_object_get(spec, kind), i, container)
        json_array_foreach(json_object_get(container, uses), k, use) {
            const char *name = doc_string(use, "name");
            _cleanup_free_ char *at = str_printf("%s.%s[%zu].%s[%zu].name", path, kind, i, uses, k);
            if (!doc_find(volumes, "name", name))
                problems_refuse(problems, at, NULL, "must be that of a volume of the Pod, but is %s", name);
        }
}

static void check_host_ports(const json_t *spec, const char *path, struct problems *problems)
{
    json_t *container;
    size_t i;

    json_array_foreach(json_object_get(spec, "containers"), i, container) {
        _cleanup_free_ char *at = str_printf("%s.containers[%zu].ports", path, i);
        check_ports(json_object_get(container, "ports"), true, at, problems);
    }
}

/* A name is that of one container, init container or not. */
static void check_container_names(const json_t *spec, const char *path, struct problems *problems)
{
    _cleanup_free_ char *at = str_printf("%s.containers", path), *init_at = str_printf("%s.initContainers", path);
    const json_t *containers = json_object_get(spec, "containers"), *init = json_object_get(spec, "initContainers");
    json_t *container;
    size_t i;

    kubernetes_check_distinct(containers, "name", at, problems);
    kubernetes_check_distinct(init, "name", init_at, problems);
    json_array_foreach(init, i, container) {
        _cleanup_free_ char *place = str_printf("%s[%zu].name", init_at, i);
        if (doc_find(containers, "name", doc_string(container, "name")))
            problems_refuse(problems, place, NULL, "must not be that of a container, %s",
                            doc_string(container, "name"));
    }
}

static void check_spread(const json_t *constraints, const char *path, struct problems *problems)
{
    _cleanup_map_ struct map *seen = map_new(NULL);
    json_t *constraint;
    size_t i;

    json_array_foreach(constraints, i, constraint) {
        _cleanup_free_ char *at = str_printf("%s.topologySpreadConstraints[%zu]", path, i);
        _cleanup_free_ char *key =
            STR_JOIN(' ', doc_string(constraint, "whenUnsatisfiable"), doc_string(constraint, "topologyKey"));
        if (map_has(seen, key))
            problems_refuse(problems, at, "topologyKey", "must be in the list once for each whenUnsatisfiable");
        map_put(seen, key, constraint);
    }
}

static bool starts_with_one(const char *text, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (str_starts(text, *prefixes))
            return true;
    return false;
}

/* Those of a namespace that the Pod shares with its node are the node's. */
static void check_host_sysctls(const json_t *spec, const char *path, struct problems *problems)
{
    static const char *const net[] = {"net.", "net/", NULL};
    static const char *const ipc[] = {"kernel.shm", "kernel.msg", "fs.mqueue.", "kernel/shm",
                                      "kernel/msg", "fs/mqueue/", NULL};
    bool host_net = json_is_true(json_object_get(spec, "hostNetwork")),
         host_ipc = json_is_true(json_object_get(spec, "hostIPC"));
    json_t *sysctl;
    size_t i;

    json_array_foreach(doc_at(spec, "securityContext", "sysctls"), i, sysctl) {
        const char *name = doc_string(sysctl, "name");
        _cleanup_free_ char *at = str_printf("%s.securityContext.sysctls[%zu].name", path, i);
        if (host_net && starts_with_one(name, net))
            problems_refuse(problems, at, NULL, "must not be one of the network with hostNetwork, but is %s", name);
        if (host_ipc && (starts_with_one(name, ipc) || str_eq(name, "kernel.sem") || str_eq(name, "kernel/sem")))
            problems_refuse(problems, at, NULL, "must not be one of the IPC namespace with hostIPC, but is %s", name);
    }
}

/* Of the node's own /proc all would be seen. Kubernetes before 1.33 drops the field. */
static void check_proc_mounts(const json_t *spec, const char *containers, const char *path, struct problems *problems)
{
    json_t *container;
    size_t i;

    json_array_foreach(json_object_get(spec, containers), i, container) {
        _cleanup_free_ char *at = str_printf("%s.%s[%zu].securityContext.procMount", path, containers, i);
        if (is(json_object_get(container, "securityContext"), "procMount", "Unmasked") &&
            !json_is_false(json_object_get(spec, "hostUsers")))
            problems_refuse(problems, at, NULL, "must not be Unmasked unless hostUsers of the Pod is false");
    }
}

void kubernetes_check_pod(const json_t *spec, const char *path, struct problems *problems)
{
    static const char *const containers[] = {"containers", "initContainers"};
    _cleanup_free_ char *volumes = str_printf("%s.volumes", path);
    _cleanup_free_ char *sysctls = str_printf("%s.securityContext.sysctls", path);

    check_container_names(spec, path, problems);
    kubernetes_check_distinct(json_object_get(spec, "volumes"), "name", volumes, problems);
    for (size_t i = 0; i < ARRAY_LEN(containers); i++) {
        check_uses(spec, containers[i], "volumeMounts", path, problems);
        check_uses(spec, containers[i], "volumeDevices", path, problems);
        check_proc_mounts(spec, containers[i], path, problems);
    }
    kubernetes_check_distinct(doc_at(spec, "securityContext", "sysctls"), "name", sysctls, problems);
    check_host_sysctls(spec, path, problems);
    check_spread(json_object_get(spec, "topologySpreadConstraints"), path, problems);
    if (json_is_true(json_object_get(spec, "hostNetwork")))
        check_host_ports(spec, path, problems);
    if (json_is_true(json_object_get(spec, "hostPID")) && json_is_true(json_object_get(spec, "shareProcessNamespace")))
        problems_refuse(problems, path, "shareProcessNamespace", "must not be true together with hostPID");
    if (is(spec, "dnsPolicy", "None") && !json_array_size(doc_at(spec, "dnsConfig", "nameservers")))
        problems_refuse(problems, path, "dnsConfig.nameservers", "must have entries with dnsPolicy None");
    if (kubernetes_has(spec, "ephemeralContainers"))
        problems_refuse(problems, path, "ephemeralContainers", "must be left out of a Pod's template");
}
