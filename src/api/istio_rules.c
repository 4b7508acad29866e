/* What must hold in an Istio resource beyond single fields. */
#include <string.h>

#include "api/istio_parts.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/patch.h"

static const struct api_release *find_release(const struct api_context *context, const char *version)
{
    for (size_t i = 0; i < context->release_count; i++)
        if (str_eq(context->releases[i].version, version))
            return &context->releases[i];
    return NULL;
}

/* Of the 1.0 in 1.0.5. */
static size_t minor_length(const char *version)
{
    size_t major = strcspn(version, ".");

    return version[major] ? major + 1 + strcspn(version + major + 1, ".-") : major;
}

/* Whether two versions or tags are of the same minor release: 1.0.5 and 1.0.8. */
static bool same_minor(const char *a, const char *b)
{
    return minor_length(a) == minor_length(b) && strncmp(a, b, minor_length(a)) == 0;
}

static void check_version(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    _cleanup_buf_ struct buf known = BUF_INIT, other = BUF_INIT;
    bool other_minor = true;

    if (!c->context->release_count || find_release(c->context, spec->version))
        return;
    for (size_t i = 0; i < c->context->release_count; i++) {
        buf_printf(&known, "%s%s", i ? ", " : "", c->context->releases[i].version);
        other_minor = other_minor && !same_minor(spec->version, c->context->releases[i].version);
    }
    if (other_minor)
        buf_printf(&other, ": this operator does not install Istio %.*s", (int)minor_length(spec->version),
                   spec->version);
    problems_add(c->problems, PROBLEM_ERROR, "spec.version", "must be one of %s, but is %s%s", buf_str(&known),
                 spec->version, buf_str(&other));
}

static void check_kubernetes(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    const struct api_release *release = find_release(c->context, spec->version);
    int minor = c->context->kubernetes_minor;

    if (!release || !minor || (minor >= release->kubernetes_min && minor <= release->kubernetes_max))
        return;
    problems_add(c->problems, PROBLEM_ERROR, "spec.version",
                 "must be a version that runs on this cluster's Kubernetes 1.%d, but %s runs on 1.%d to 1.%d", minor,
                 spec->version, release->kubernetes_min, release->kubernetes_max);
}

/* Where kubectl puts what is applied without -n, and how to put it elsewhere. */
#define NS_WITHOUT_CHOICE "default"
#define ELSEWHERE                                                                                                      \
    "to have the control plane in istio-system, run `kubectl -n istio-system apply -f FILE`, and "                     \
    "`kubectl -n default delete -f FILE` where it is in default already"

/* Why a namespace must not be injected; NULL where it may. */
static const char *reserved_because(const char *ns, const char *own)
{
    if (str_eq(ns, own) && str_eq(own, NS_WITHOUT_CHOICE))
        return "the control plane's own namespace, because it is the resource's: " ELSEWHERE;
    if (str_eq(ns, own))
        return "the control plane's own namespace";
    if (str_eq(ns, "kube-system") || str_eq(ns, "kube-public") || str_eq(ns, "kube-node-lease"))
        return "a namespace of Kubernetes itself";
    return NULL;
}

void istio_check_namespaces(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    json_t *name;
    size_t i;

    json_array_foreach(spec->auto_injection_namespaces, i, name) {
        _cleanup_buf_ struct buf path = BUF_INIT;
        const char *because = reserved_because(json_string_value(name), c->ns);
        if (!because)
            continue;
        buf_add_str(&path, "spec.autoInjectionNamespaces");
        doc_path_index(&path, i);
        problems_add(c->problems, PROBLEM_ERROR, buf_str(&path), "must not be %s, %s", json_string_value(name),
                     because);
    }
}

void istio_components_complete(const struct istio_component *components, void *spec)
{
    const json_t *resources = ((const struct istio_spec *)spec)->default_resources;

    for (; components->path; components++) {
        struct component_spec *component = (struct component_spec *)((char *)spec + components->offset);
        component_complete(component);
        if (!component->resources && resources)
            component->resources = doc_copy(resources);
    }
}

const struct istio_component istio_components[] = {
    {"spec.citadel", offsetof(struct istio_spec, citadel)},
    {"spec.galley", offsetof(struct istio_spec, galley)},
    {"spec.pilot", offsetof(struct istio_spec, pilot)},
    {"spec.policy", offsetof(struct istio_spec, policy)},
    {"spec.telemetry", offsetof(struct istio_spec, telemetry)},
    {"spec.sidecarInjector", offsetof(struct istio_spec, sidecar_injector)},
    {"spec.gateways.ingress", offsetof(struct istio_spec, gateways.ingress.component)},
    {"spec.gateways.egress", offsetof(struct istio_spec, gateways.egress.component)},
    {NULL},
};

void istio_components_check(const struct istio_component *components, const struct api_check *c)
{
    for (; components->path; components++)
        component_check((const struct component_spec *)((const char *)c->spec + components->offset), components->path,
                        c->problems);
}

static void check_replicas(const struct api_check *c)
{
    istio_components_check(istio_components, c);
}

/* Whether the first key of a pointer is this one; `ret_rest` is then what follows it. */
static bool begins_with_key(const char *pointer, const char *key, const char **ret_rest)
{
    size_t len = strlen(key);

    if (*pointer != '/' || strncmp(pointer + 1, key, len) != 0 || (pointer[1 + len] && pointer[1 + len] != '/'))
        return false;
    *ret_rest = pointer + 1 + len;
    return true;
}

/*
 * What an overlay may change: not what makes an object this object, nor what only the API server or the operator
 * writes. Keys that are escaped are none of these.
 */
static bool may_change(const char *pointer)
{
    static const char *const refused[] = {"apiVersion", "kind", "status"};
    static const char *const allowed[] = {"labels", "annotations", "finalizers"};
    const char *rest;

    if (!*pointer)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (begins_with_key(pointer, refused[i], &rest))
            return false;
    if (!begins_with_key(pointer, "metadata", &pointer))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (begins_with_key(pointer, allowed[i], &rest))
            return true;
    return false;
}

#define ALLOWED_CHANGES                                                                                                \
    "must not %s apiVersion, kind, status or the whole object, and in metadata only labels, annotations and "          \
    "finalizers"

static void check_patch(const struct api_check *c, const char *path, const json_t *patch)
{
    const char *op = doc_string(patch, "op");
    _cleanup_free_ char *to = str_printf("%s.path", path), *from = str_printf("%s.from", path);

    if (!str_eq(op, "test") && !may_change(doc_string(patch, "path")))
        problems_add(c->problems, PROBLEM_ERROR, to, ALLOWED_CHANGES, "change");
    else if (str_eq(op, "move") && !may_change(doc_string(patch, "from")))
        problems_add(c->problems, PROBLEM_ERROR, from, ALLOWED_CHANGES, "move");
}

static void add_patch_problem(const struct api_check *c, const char *path, const char *text)
{
    const char *rest;
    _cleanup_free_ char *at = problems_place(path, text, &rest);

    problems_add(c->problems, PROBLEM_ERROR, at, "must be as in a JSON patch (RFC 6902): %s", rest);
}

static void check_overlay(const struct api_check *c, const char *path, const json_t *overlay)
{
    const json_t *patches = doc_at(overlay, "patches"), *patch;
    struct err e;
    size_t i;

    if (patch_check(patches, &e) < 0) {
        add_patch_problem(c, path, e.text);
        return;
    }
    json_array_foreach(patches, i, patch) {
        _cleanup_free_ char *operation = str_printf("%s[%zu]", path, i);
        check_patch(c, operation, patch);
    }
}

/* Overlays with mistakes in their fields have no value in the spec. */
void istio_check_overlays(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    json_t *overlay;
    size_t i;

    json_array_foreach(spec->overlays, i, overlay) {
        _cleanup_free_ char *path = str_printf("spec.overlays[%zu].patches", i);
        check_overlay(c, path, overlay);
    }
}

/* The tag of an image where it is a release of Istio, else NULL. */
static const char *release_of_image(const char *image)
{
    const char *slash = strrchr(image, '/'), *tag = strchr(slash ? slash : image, ':');

    return tag && strspn(tag + 1, "0123456789") && tag[1 + strspn(tag + 1, "0123456789")] == '.' ? tag + 1 : NULL;
}

static void check_image(const struct api_check *c, const char *path, const char *image, const char *version)
{
    const char *release = image ? release_of_image(image) : NULL;

    if (release && !same_minor(version, release))
        problems_add(c->problems, PROBLEM_WARNING, path, "is of release %s, but the version of Istio is %s", release,
                     version);
}

/* Whole names of images, which a change of `version` leaves as they are. */
static void check_images(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    check_image(c, "spec.proxy.image", spec->proxy.image, spec->version);
    check_image(c, "spec.proxyInit.image", spec->proxy_init.image, spec->version);
    for (const struct istio_component *component = istio_components; component->path; component++) {
        const struct component_spec *s = (const void *)((const char *)spec + component->offset);
        _cleanup_free_ char *path = str_printf("%s.image", component->path);
        check_image(c, path, s->image, spec->version);
    }
}

/* It may be what is desired. */
static void check_place(const struct api_check *c)
{
    if (str_eq(c->ns, NS_WITHOUT_CHOICE) && !c->problems->errors)
        problems_add(c->problems, PROBLEM_WARNING, "metadata.namespace",
                     "is default, and so the control plane's namespace is default: " ELSEWHERE);
}

void istio_check_ranges(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    if (!*spec->include_ip_ranges)
        problems_add(c->problems, PROBLEM_WARNING, "spec.includeIPRanges",
                     "is empty, so that no outbound traffic goes through the sidecars; \"*\" is all of it");
}

static void check_citadel(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    if (spec->citadel.enabled || (!spec->mtls && !spec->control_plane_security_enabled))
        return;
    problems_add(c->problems, PROBLEM_WARNING, "spec.citadel.enabled",
                 "is false, but %s needs certificates: something else has to make the Secrets istio.<service account>",
                 spec->mtls ? "mtls" : "controlPlaneSecurityEnabled");
}

void istio_check_injector(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    if (spec->sidecar_injector.enabled || !json_array_size(spec->auto_injection_namespaces))
        return;
    problems_add(c->problems, PROBLEM_WARNING, "spec.sidecarInjector.enabled",
                 "is false, so that pods in autoInjectionNamespaces get no sidecar");
}

static void check_pilot(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    if (spec->pilot.enabled || (!spec->gateways.ingress.component.enabled && !spec->gateways.egress.component.enabled &&
                                !spec->sidecar_injector.enabled))
        return;
    problems_add(c->problems, PROBLEM_WARNING, "spec.pilot.enabled",
                 "is false, so that gateways and sidecars get no configuration");
}

const struct api_rule istio_rules[] = {
    {"`version` is one that this operator knows.", check_version},
    {"That version runs on the cluster's Kubernetes.", check_kubernetes},
    ISTIO_NAMESPACES_RULE,
    {"A warning: the namespace of the resource is the control plane's, and `default` is seldom meant.", check_place},
    ISTIO_REPLICAS_RULE(check_replicas),
    ISTIO_OVERLAYS_RULE,
    {"The `ports` of a gateway have each name, port and node port once, and node ports only where its Service is not "
     "of "
     "type ClusterIP; its labels and annotations leave out what the operator sets.",
     istio_check_gateways},
    {"A warning: images that name a release name one of the minor release that `version` says.", check_images},
    {"A warning: `mtls` and `controlPlaneSecurityEnabled` need certificates, which Citadel makes.", check_citadel},
    ISTIO_RANGES_RULE,
    ISTIO_INJECTOR_RULE,
    {"A warning: gateways and sidecars get no configuration without Pilot.", check_pilot},
    {NULL, NULL},
};
