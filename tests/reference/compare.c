/*
 * Our objects beside those that Istio's Helm chart gives for the same settings.
 *
 *   REFERENCE_DIR=... compare LINE DIFFERENCES DOCUMENT
 *   compare LINE DIFFERENCES --rendered FILE SPEC
 *
 * LINE is "1.0", "1.1" or "istiod". REFERENCE_DIR holds a folder for each case with objects.json (the chart's objects).
 * Of Istio 1.x, but for those of remote clusters, also embedded.json (those that the chart's Jobs apply), and a folder
 * of definitions for the line; the parts of a remote cluster are also held against those of an earlier operator.
 * DIFFERENCES lists the differences that are meant, DOCUMENT explains each of them. Prints what differs otherwise, what
 * is listed in vain and what is not explained, and then ends with 1; with 77 ("skipped") where there is no
 * REFERENCE_DIR.
 *
 * With --rendered it is one case: FILE has the chart's objects, as YAML documents or a JSON sequence, SPEC is the
 * resource's in YAML.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "api/istio.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/mesh.h"

#define FILE_MAX (16 * 1024 * 1024)

struct reference_case {
    const char *name;     /* of the folder */
    const char *spec;     /* of the resource, in YAML */
    bool remote;          /* what a remote cluster of this mesh has */
    const char *services; /* there, each with an address: "name=10.0.0.1 ..."; NULL: none */
};

static const struct reference_case v1_0_cases[] = {
    {"1.0.5-default", "version: 1.0.5"},
    {"1.0.5-mtls", "{version: 1.0.5, mtls: true}"},
    {"1.0.5-cps", "{version: 1.0.5, controlPlaneSecurityEnabled: true}"},
    {"1.0.6-default", "version: 1.0.6"},
    {"1.0.5-remote", "version: 1.0.5", true},
    {"1.0.5-remote-svcendpoint", "version: 1.0.5", true, "istio-pilot=10.0.0.1"},
    {"operator-0.0.4-remote", "version: 1.0.5", true},
    {NULL},
};

static const struct reference_case v1_1_cases[] = {
    {"1.1.17-default", "version: 1.1.17"},
    {"1.1.17-mtls-cps", "{version: 1.1.17, mtls: true, controlPlaneSecurityEnabled: true}"},
    {"1.1.17-cni", "{version: 1.1.17, cni: {enabled: true}}"},
    {"1.1.17-multicluster-gateways",
     "{version: 1.1.17, controlPlaneSecurityEnabled: true, gateways: {egress: {enabled: true, requestedNetworkView: "
     "external}}}"},
    {"1.1.17-remote", "{version: 1.1.17, tracing: {enabled: false, zipkinAddress: '10.0.0.4:9411'}}", true,
     "istio-pilot=10.0.0.1 istio-policy=10.0.0.2 istio-telemetry=10.0.0.3"},
    {"1.1.0-default", "version: 1.1.0"},
    {NULL},
};

/* The charts are of these, and our programs' versions are others. */
#define V1_31 "version: 1.31.1\nimageTag: 1.31.0-rc.0\n"
#define V1_30 "version: 1.30.3\n"
#define V1_29 "version: 1.29.6\n"
#define V1_28 "version: 1.28.10\n"
#define CANARY "revision: canary\n"
#define OPENSHIFT "platform: OpenShift\n"
#define NO_GATEWAYS "gateways: {enabled: false}\n"
#define CNI "cni: {enabled: true}\n"
/* The folder has gateways alone. */
#define EAST_WEST                                                                                                      \
    "pilot: {enabled: false}\ngateways: {ingress: {enabled: false}}\n"                                                 \
    "clusterName: cluster1\nnetworkName: network1\ngatewayFederation: {enabled: true}\n"
#define PLACE                                                                                                          \
    "nodeSelector: {node-role.example.com/infra: ''}, "                                                                \
    "tolerations: [{key: node-role.example.com/infra, operator: Exists, effect: NoSchedule}], "                        \
    "resources: {requests: {cpu: 250m, memory: 512Mi}, limits: {cpu: '1', memory: 1Gi}}"
#define HA                                                                                                             \
    "imagePullSecrets: [regcred]\n"                                                                                    \
    "defaultPodDisruptionBudget: {enabled: true}\n"                                                                    \
    "pilot: {minReplicas: 2, maxReplicas: 4, " PLACE "}\n"                                                             \
    "gateways: {ingress: {minReplicas: 2, maxReplicas: 6, " PLACE "}}\n"
#define MESH_CONFIG                                                                                                    \
    NO_GATEWAYS "includeIPRanges: 10.0.0.0/8,172.16.0.0/12\n"                                                          \
                "excludeIPRanges: 10.1.0.0/16\n"                                                                       \
                "meshConfig:\n"                                                                                        \
                "  accessLogFile: /dev/stdout\n"                                                                       \
                "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"                                                     \
                "  defaultConfig: {holdApplicationUntilProxyStarts: true}\n"                                           \
                "  trustDomain: prod.example.com\n"                                                                    \
                "  extensionProviders:\n"                                                                              \
                "  - name: otel-tracing\n"                                                                             \
                "    opentelemetry: {service: otel-collector.observability.svc.cluster.local, port: 4317}\n"           \
                "  - name: ext-authz-grpc\n"                                                                           \
                "    envoyExtAuthzGrpc: {service: ext-authz.auth.svc.cluster.local, port: 9000, timeout: 0.5s}\n"      \
                "  discoverySelectors:\n"                                                                              \
                "  - matchLabels: {mesh: enabled}\n"                                                                   \
                "  - matchExpressions: [{key: team, operator: In, values: [a, b]}]\n"

static const struct reference_case istiod_cases[] = {
    {"istio-1.31-default", V1_31},
    {"istio-1.31-cni", V1_31 NO_GATEWAYS CNI},
    {"istio-1.31-openshift", V1_31 OPENSHIFT CNI},
    {"istio-1.31-gateways", V1_31 EAST_WEST},
    {"istio-1.31-tags", V1_31 NO_GATEWAYS CANARY},
    {"istio-1.30-default", V1_30},
    {"istio-1.30-ha", V1_30 HA},
    {"istio-1.30-revision", V1_30 CANARY},
    {"istio-1.30-tags", V1_30 NO_GATEWAYS CANARY},
    {"istio-1.30-cni", V1_30 NO_GATEWAYS CNI},
    {"istio-1.30-gateways", V1_30 EAST_WEST},
    {"istio-1.30-openshift", V1_30 OPENSHIFT CNI},
    {"istio-1.30-meshconfig", V1_30 MESH_CONFIG},
    {"istio-1.29-default", V1_29},
    {"istio-1.29-ha", V1_29 HA},
    {"istio-1.29-revision", V1_29 CANARY},
    {"istio-1.29-tags", V1_29 NO_GATEWAYS CANARY},
    {"istio-1.29-cni", V1_29 NO_GATEWAYS CNI},
    {"istio-1.29-meshconfig", V1_29 MESH_CONFIG},
    {"istio-1.28-default", V1_28},
    {"istio-1.28-ha", V1_28 HA},
    {"istio-1.28-revision", V1_28 CANARY},
    {"istio-1.28-cni", V1_28 NO_GATEWAYS CNI},
    {"istio-1.28-gateways", V1_28 EAST_WEST},
    {"istio-1.28-openshift", V1_28 OPENSHIFT CNI},
    {"istio-1.28-meshconfig", V1_28 MESH_CONFIG},
    {NULL},
};

static const struct reference_line {
    const char *name;
    const struct reference_case *cases;
    int kubernetes_minor;
    const char *crds; /* the folder that has them; objects are embedded; NULL: there are neither */
} reference_lines[] = {
    /* The oldest Kubernetes: there the versions that we speak are nearest to those of the chart. */
    {"1.0", v1_0_cases, 11, "1.0.5-crds-raw"},
    {"1.1", v1_1_cases, 11, "1.1-crds"},
    {"istiod", istiod_cases, 34, NULL},
};

/* A difference that is meant. */
struct meant {
    char *cases, *object, *path; /* patterns of fnmatch() */
    char *section;               /* of the document that explains it */
    size_t uses;
};

struct meant_list {
    struct meant *items;
    size_t len, cap;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "compare: %s: %s\n", what, why);
    exit(2);
}

static char *read_file(const char *path)
{
    _cleanup_buf_ struct buf text = BUF_INIT_LIMIT(FILE_MAX);
    FILE *f = fopen(path, "re");
    char chunk[65536];
    size_t n;

    if (!f)
        die(path, "cannot be opened");
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        if (buf_add(&text, chunk, n) < 0)
            die(path, "is too large");
    }
    fclose(f);
    return buf_take(&text);
}

static json_t *read_json(const char *folder, const char *sub, const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s/%s", folder, sub, name);
    _cleanup_free_ char *text = read_file(path);
    struct err e;
    json_t *value;

    if (doc_parse(text, strlen(text), FILE_MAX, &value, &e) < 0)
        die(path, e.text);
    return value;
}

/* Fields of what the API server fills in the same way on both sides, and of what a YAML text says. */

static json_t *parse_yaml(const char *text)
{
    struct yaml_documents docs;
    struct err e;
    json_t *value = NULL;

    if (yaml_parse("text", text, strlen(text), FILE_MAX, &docs, &e) < 0)
        return NULL;
    if (docs.len == 1 && !json_is_string(docs.items[0].value))
        value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

static void set_default(json_t *map, const char *key, json_t *value)
{
    if (!json_object_get(map, key))
        json_object_set(map, key, value);
    json_decref(value);
}

static void normalise_deployment(json_t *object)
{
    json_t *spec = json_object_get(object, "spec");

    set_default(spec, "selector",
                OBJECT(VALUE("matchLabels", doc_copy(doc_at(spec, "template", "metadata", "labels")))));
}

static void normalise_service(json_t *object)
{
    json_t *port;
    size_t i;

    set_default(json_object_get(object, "spec"), "type", json_string("ClusterIP"));
    json_array_foreach(doc_at(object, "spec", "ports"), i, port)
        set_default(port, "targetPort", json_incref(json_object_get(port, "port")));
}

static void normalise_definition(json_t *object)
{
    json_t *names = doc_at(object, "spec", "names");
    _cleanup_free_ char *list = str_printf("%sList", doc_string(names, "kind"));

    set_default(names, "listKind", json_string(list));
}

static void normalise_config_map(json_t *object)
{
    json_t *data = json_object_get(object, "data"), *value;
    const char *key;
    void *next;

    json_object_foreach_safe(data, next, key, value)
    {
        json_t *parsed = json_is_string(value) ? parse_yaml(json_string_value(value)) : NULL;

        if (parsed) /* text that is no YAML map is compared as it is */
            json_object_set_new(data, key, parsed);
    }
}

/* Defaults that are the same wherever the field appears. */
static const struct {
    const char *field, *value;
} defaults[] = {{"protocol", "TCP"}, {"apiVersion", "v1"}, {"caBundle", ""}};

/* Takes away null, and in all but whole objects the fields that say their default. */
static void drop_defaults(json_t *value, bool whole_object)
{
    const char *key;
    json_t *item;
    size_t i;
    void *next;

    json_array_foreach(value, i, item)
        drop_defaults(item, false);
    json_object_foreach_safe(value, next, key, item)
    {
        bool drop = json_is_null(item);

        for (size_t d = 0; d < ARRAY_LEN(defaults) && !whole_object; d++)
            drop |= str_eq(key, defaults[d].field) && str_eq(json_string_value(item), defaults[d].value);
        if (drop)
            json_object_del(value, key);
        else
            drop_defaults(item, false);
    }
}

static void normalise(json_t *object)
{
    const char *kind = doc_string(object, "kind");

    json_object_del(object, "templates"); /* what the folder says about a ConfigMap's, in place of them */
    if (str_eq(kind, "Deployment"))
        normalise_deployment(object);
    else if (str_eq(kind, "Service"))
        normalise_service(object);
    else if (str_eq(kind, "CustomResourceDefinition"))
        normalise_definition(object);
    else if (str_eq(kind, "ConfigMap"))
        normalise_config_map(object);
    drop_defaults(object, true);
}

/* Objects by "Kind/name". */
static void add_objects(struct map *objects, const json_t *list)
{
    json_t *object;
    size_t i;

    json_array_foreach((json_t *)list, i, object) {
        _cleanup_free_ char *key =
            str_printf("%s/%s", doc_string(object, "kind"), doc_string(object, "metadata", "name"));

        normalise(object);
        map_put(objects, key, json_incref(object));
    }
}

static void free_json(void *value)
{
    json_decref(value);
}

static struct map *reference_objects(const char *folder, const struct reference_line *line,
                                     const struct reference_case *which)
{
    const char *name = which->name;
    struct map *objects = map_new(free_json);
    _cleanup_json_ json_t *list = read_json(folder, name, "objects.json"), *embedded = NULL, *definitions = NULL;
    const json_t *config_map;
    size_t i;

    add_objects(objects, list);
    if (which->remote || !line->crds)
        return objects;
    embedded = read_json(folder, name, "embedded.json");
    definitions = read_json(folder, line->crds, "objects.json");
    add_objects(objects, definitions);
    json_array_foreach(embedded, i, config_map)
        add_objects(objects, json_object_get(config_map, "objects"));
    return objects;
}

/* Documents, or sequences of them, as `helm template` and `istio-operator render -o json` print them. */
static struct map *rendered_objects(const char *path)
{
    _cleanup_free_ char *text = read_file(path);
    struct map *objects = map_new(free_json);
    struct yaml_documents docs;
    struct err e;

    if (yaml_parse(path, text, strlen(text), FILE_MAX, &docs, &e) < 0)
        die(path, e.text);
    for (size_t i = 0; i < docs.len; i++) {
        const json_t *value = docs.items[i].value;
        _cleanup_json_ json_t *list = json_is_array(value)
                                          ? json_incref((json_t *)value)
                                          : ARRAY(OPT(json_is_object(value), ITEM_VALUE(json_incref((json_t *)value))));
        add_objects(objects, list);
    }
    yaml_documents_release(&docs);
    return objects;
}

static json_t *resource_of(const char *kind, json_t *spec)
{
    return OBJECT(STRING("apiVersion", API_GROUP_VERSION), STRING("kind", kind),
                  MAP("metadata", STRING("name", "istio"), STRING("namespace", "istio-system")), VALUE("spec", spec));
}

static struct istio_spec *parse_mesh(const char *text)
{
    _cleanup_json_ json_t *resource = resource_of("Istio", parse_yaml(text));
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct istio_spec *spec;

    if (istio_parse(resource, NULL, &spec, &problems) < 0)
        die(text, "is no valid resource");
    return spec;
}

/* That of a RemoteIstio which says nothing itself. */
static struct istio_spec *follow(const struct istio_spec *mesh)
{
    _cleanup_json_ json_t *resource = resource_of("RemoteIstio", json_object());
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct api_context context = {.version = mesh->version};
    struct istio_spec *spec;

    if (remote_istio_parse(resource, &context, &spec, &problems) < 0)
        die("RemoteIstio", "is no valid resource");
    mesh_line_of(mesh->version)->joining->follow(spec, resource, mesh);
    return spec;
}

static void add_rendered(struct map *objects, struct rendered_list *rendered)
{
    _cleanup_json_ json_t *list = json_array();

    for (size_t i = 0; i < rendered->len; i++)
        json_array_append(list, rendered->items[i].object);
    add_objects(objects, list);
    rendered_release(rendered);
}

static void add_services(const struct mesh_env *env, const char *text, struct map *objects)
{
    char **services = str_split(text, ' ');

    for (char **service = services; *service; service++) {
        char **words = str_split(*service, '=');
        const struct mesh_remote_service one = {words[0], (const char *const *)&words[1], 1};
        struct rendered_list rendered;

        mesh_render_remote_services(env, &one, 1, &rendered);
        add_rendered(objects, &rendered);
        strv_free(words);
    }
    strv_free(services);
}

static struct map *our_objects(const struct reference_line *line, const struct reference_case *which)
{
    _cleanup_json_ json_t *signing = json_object();
    const struct mesh_remote remote = {.signing = signing};
    _cleanup_istio_spec_ struct istio_spec *mesh = parse_mesh(which->spec);
    _cleanup_istio_spec_ struct istio_spec *followed = which->remote ? follow(mesh) : NULL;
    const char *versions[KIND_COUNT];
    const struct mesh_env env = {
        .spec = followed ? followed : mesh,
        .ns = "istio-system",
        .versions = versions,
        .remote = followed ? &remote : NULL,
    };
    struct mesh_plane planes[MESH_PLANES_MAX];
    size_t plane_count = mesh_planes(env.spec, planes);
    struct rendered_list rendered;
    struct map *objects = map_new(free_json);

    mesh_versions_for(line->kubernetes_minor, versions);
    /* Definitions of today's Istio have a test of their own (tests/definitions). */
    if (!line->crds)
        versions[KIND_DEFINITION] = NULL;
    mesh_render_planes(&env, planes, plane_count, &rendered);
    add_rendered(objects, &rendered);
    if (which->services)
        add_services(&env, which->services, objects);
    return objects;
}

struct comparison {
    const char *name; /* of the case */
    const char *object;
    struct meant_list *meant;
    size_t differences;
};

static void report(struct comparison *c, const char *path, const json_t *theirs, const json_t *ours)
{
    bool meant = false;

    for (size_t i = 0; i < c->meant->len; i++) {
        struct meant *m = &c->meant->items[i];

        if (fnmatch(m->cases, c->name, 0) == 0 && fnmatch(m->object, c->object, 0) == 0 &&
            fnmatch(m->path, path, 0) == 0) {
            m->uses++;
            meant = true;
        }
    }
    if (meant)
        return;
    _cleanup_free_ char *before = theirs ? doc_text(theirs) : str_dup("(absent)");
    _cleanup_free_ char *after = ours ? doc_text(ours) : str_dup("(absent)");
    printf("%s: %s %s\n    chart: %s\n    ours:  %s\n", c->name, c->object, path, before, after);
    c->differences++;
}

/* What an element of a sequence is called: its name or port, or its position. */
static char *element_name(const json_t *element, size_t position)
{
    const char *name = doc_string(element, "name");
    int64_t port = doc_int(json_object_get(element, "containerPort"), 0);

    if (name)
        return str_dup(name);
    return port ? str_printf("%d", (int)port) : str_printf("#%zu", position);
}

/* Sequences of maps whose elements have names are compared without regard to their order. */
static json_t *by_name(const json_t *value)
{
    json_t *named = json_object(), *element;
    size_t i;

    json_array_foreach((json_t *)value, i, element) {
        _cleanup_free_ char *name = element_name(element, i);
        _cleanup_free_ char *key = str_printf("[%s]", name);
        json_object_set(named, key, element);
    }
    return named;
}

static bool is_sequence_of_maps(const json_t *value)
{
    return json_is_array(value) && json_array_size(value) > 0 && json_is_object(json_array_get(value, 0));
}

static void compare(struct comparison *c, const char *path, const json_t *theirs, const json_t *ours);

static void compare_maps(struct comparison *c, const char *path, const json_t *theirs, const json_t *ours)
{
    _cleanup_json_ json_t *keys = json_object();
    const char *key;
    json_t *unused;

    json_object_update(keys, (json_t *)theirs);
    json_object_update(keys, (json_t *)ours);
    json_object_foreach(keys, key, unused) {
        _cleanup_free_ char *at = str_printf("%s%s%s", path, *path && *key != '[' ? "." : "", key);
        compare(c, at, json_object_get(theirs, key), json_object_get(ours, key));
    }
}

static void compare(struct comparison *c, const char *path, const json_t *theirs, const json_t *ours)
{
    if (theirs && ours && json_equal((json_t *)theirs, (json_t *)ours))
        return;
    if (json_is_object(theirs) && json_is_object(ours)) {
        compare_maps(c, path, theirs, ours);
    } else if (is_sequence_of_maps(theirs) && is_sequence_of_maps(ours)) {
        _cleanup_json_ json_t *a = by_name(theirs), *b = by_name(ours);
        compare_maps(c, path, a, b);
    } else {
        report(c, path, theirs, ours);
    }
}

static size_t compare_case(const struct map *theirs, const struct reference_line *line,
                           const struct reference_case *which, struct meant_list *meant)
{
    _cleanup_map_ struct map *ours = our_objects(line, which);
    struct comparison c = {.name = which->name, .meant = meant};
    const char *key;
    void *object;

    for (size_t i = 0; map_next(theirs, &i, &key, &object);) {
        c.object = key;
        if (map_has(ours, key))
            compare(&c, "", object, map_get(ours, key));
        else
            report(&c, "(object)", object, NULL);
    }
    for (size_t i = 0; map_next(ours, &i, &key, &object);) {
        c.object = key;
        if (!map_has(theirs, key))
            report(&c, "(object)", NULL, object);
    }
    return c.differences;
}

/* Lines "SECTION OBJECT PATH"; "in CASES" before those that are only of these cases; # begins a comment. */
static struct meant_list read_meant(const char *path)
{
    _cleanup_free_ char *text = read_file(path);
    char **lines = str_split(text, '\n');
    struct meant_list list = {0};
    const char *in = "*";

    for (char **line = lines; *line; line++) {
        char **words;

        if (!**line || **line == '#')
            continue;
        if (str_starts(*line, "in ")) {
            in = *line + strlen("in ");
            continue;
        }
        words = str_split(*line, ' ');
        if (strv_len(words) != 3)
            die(path, *line);
        ARRAY_RESERVE_ONE(list.items, list.len, list.cap);
        list.items[list.len++] = (struct meant){
            .cases = str_dup(in), .section = str_dup(words[0]), .object = str_dup(words[1]), .path = str_dup(words[2])};
        strv_free(words);
    }
    strv_free(lines);
    return list;
}

static void meant_release(struct meant_list *list)
{
    for (size_t i = 0; i < list->len; i++) {
        free(list->items[i].cases);
        free(list->items[i].object);
        free(list->items[i].path);
        free(list->items[i].section);
    }
    free(list->items);
}

/* Whether a line is a heading that a link ends in as #section: in lower case, without punctuation, "-" for a space. */
static bool is_heading_of(const char *line, const char *section)
{
    if (!str_starts(line, "### "))
        return false;
    for (line += strlen("### "); *line; line++) {
        if (!isalnum(*line) && *line != ' ' && *line != '-')
            continue;
        if (*section++ != (*line == ' ' ? '-' : tolower(*line)))
            return false;
    }
    return !*section;
}

static bool is_explained(char *const *document, const char *section)
{
    for (; *document; document++) {
        if (is_heading_of(*document, section))
            return true;
    }
    return false;
}

/* Every entry has to be needed and explained. */
static size_t check_meant(const struct meant_list *list, const char *document_path)
{
    _cleanup_free_ char *text = read_file(document_path);
    char **document = str_split(text, '\n');
    size_t faults = 0;

    for (size_t i = 0; i < list->len; i++) {
        const struct meant *m = &list->items[i];
        bool explained = is_explained(document, m->section);

        if (!m->uses)
            printf("listed, but there is no such difference: %s %s %s\n", m->section, m->object, m->path);
        if (!explained)
            printf("listed, but not explained in %s: %s\n", document_path, m->section);
        faults += !m->uses || !explained;
    }
    strv_free(document);
    return faults;
}

static const struct reference_line *find_line(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(reference_lines); i++)
        if (str_eq(reference_lines[i].name, name))
            return &reference_lines[i];
    die(name, "is no line of releases");
    return NULL;
}

static size_t compare_folder(const char *folder, const struct reference_line *line, const struct reference_case *which,
                             struct meant_list *meant)
{
    _cleanup_map_ struct map *theirs = reference_objects(folder, line, which);

    return compare_case(theirs, line, which, meant);
}

static int compare_rendered(const char *line, const char *differences, const char *file, const char *spec)
{
    const struct reference_case which = {.name = file, .spec = spec};
    __attribute__((cleanup(meant_release))) struct meant_list meant = read_meant(differences);
    _cleanup_map_ struct map *theirs = rendered_objects(file);
    size_t found = compare_case(theirs, find_line(line), &which, &meant);

    printf("%zu differences\n", found);
    return found ? 1 : 0;
}

int main(int argc, char **argv)
{
    const struct reference_line *line;
    const char *folder = getenv("REFERENCE_DIR");
    __attribute__((cleanup(meant_release))) struct meant_list meant = {0};
    size_t faults = 0, count = 0;

    if (argc == 6 && str_eq(argv[3], "--rendered"))
        return compare_rendered(argv[1], argv[2], argv[4], argv[5]);
    if (argc != 4)
        die("usage", "compare LINE DIFFERENCES DOCUMENT, or compare LINE DIFFERENCES --rendered FILE SPEC");
    if (!folder || !*folder) {
        printf("no folder with the chart's objects was given: set REFERENCE_DIR\n");
        return 77;
    }
    line = find_line(argv[1]);
    meant = read_meant(argv[2]);
    for (; line->cases[count].name; count++)
        faults += compare_folder(folder, line, &line->cases[count], &meant);
    faults += check_meant(&meant, argv[3]);
    printf("%zu cases compared, %zu faults\n", count, faults);
    return faults ? 1 : 0;
}
