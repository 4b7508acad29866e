/* What must hold in an Istio resource beyond single fields. */
#include <string.h>

#include "api/istio_parts.h"
#include "base/release.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/patch.h"

static const char *nth_version(const void *of, size_t i)
{
    const struct api_context *context = of;

    return i < context->release_count ? context->releases[i].version : NULL;
}

static const struct api_release *find_release(const struct api_context *context, const char *version)
{
    size_t place;

    return release_find(version, nth_version, context, &place) ? &context->releases[place] : NULL;
}

void istio_check_version(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    const struct api_release *release = find_release(c->context, spec->version);
    _cleanup_buf_ struct buf known = BUF_INIT, other = BUF_INIT;
    bool other_minor = true;

    if (release && !str_eq(release->version, spec->version))
        problems_add(c->problems, PROBLEM_WARNING, "spec.version",
                     "is %s, which this operator does not know: its images get the objects of %s", spec->version,
                     release->version);
    if (!c->context->release_count || release)
        return;
    for (size_t i = 0; i < c->context->release_count; i++) {
        buf_printf(&known, "%s%s", i ? ", " : "", c->context->releases[i].version);
        other_minor = other_minor && !release_same_minor(spec->version, c->context->releases[i].version);
    }
    if (other_minor)
        buf_printf(&other, ": this operator does not install Istio %.*s", (int)release_minor_length(spec->version),
                   spec->version);
    problems_add(c->problems, PROBLEM_ERROR, "spec.version", "must be one of %s, but is %s%s", buf_str(&known),
                 spec->version, buf_str(&other));
}

static bool runs_on(const struct api_release *release, int kubernetes_minor)
{
    return kubernetes_minor >= release->kubernetes_min && kubernetes_minor <= release->kubernetes_max;
}

void istio_check_kubernetes(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;
    const struct api_release *release = find_release(c->context, spec->version);
    int minor = c->context->kubernetes_minor;
    _cleanup_buf_ struct buf others = BUF_INIT;

    if (!release || !minor || runs_on(release, minor))
        return;
    for (size_t i = 0; i < c->context->release_count; i++)
        if (runs_on(&c->context->releases[i], minor))
            buf_printf(&others, "%s%s", others.len ? ", " : "; these do: ", c->context->releases[i].version);
    problems_add(c->problems, PROBLEM_ERROR, "spec.version",
                 "must be a version that runs on this cluster's Kubernetes 1.%d, but %s runs on 1.%d to 1.%d%s", minor,
                 spec->version, release->kubernetes_min, release->kubernetes_max,
                 others.len ? buf_str(&others) : "; this operator has none for it");
}

void istio_version_complete(struct istio_spec *spec, const char *version)
{
    if (!spec->version)
        spec->version = str_dup(version);
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

void istio_gateways_complete(struct istio_spec *spec)
{
    if (spec->gateways.enabled)
        return;
    spec->gateways.ingress.component.enabled = false;
    spec->gateways.egress.component.enabled = false;
}

void istio_components_check(const struct istio_component *components, const struct api_check *c)
{
    for (; components->path; components++)
        component_check((const struct component_spec *)((const char *)c->spec + components->offset), components->path,
                        c->problems);
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

/* The value that is null is not there either (api/field.h). */
static bool lacks_value(const json_t *patch)
{
    const char *op = doc_string(patch, "op");

    return !json_object_get(patch, "value") && (str_eq(op, "add") || str_eq(op, "replace") || str_eq(op, "test"));
}

static void check_overlay(const struct api_check *c, const char *path, const json_t *overlay)
{
    const json_t *patches = doc_at(overlay, "patches"), *patch;
    size_t i, errors = c->problems->errors;
    struct err e;

    json_array_foreach(patches, i, patch) {
        _cleanup_free_ char *value = str_printf("%s[%zu].value", path, i);
        if (lacks_value(patch))
            problems_add(c->problems, PROBLEM_ERROR, value,
                         "must be there, and not null, which kubectl apply leaves out; the operation remove takes a "
                         "field away");
    }
    if (c->problems->errors > errors)
        return;
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

void istio_check_image(const struct api_check *c, const char *path, const char *image)
{
    const char *version = ((const struct istio_spec *)c->spec)->version;
    const char *release = image ? release_of_image(image) : NULL;

    if (release && !release_same_minor(version, release))
        problems_add(c->problems, PROBLEM_WARNING, path, "is of release %s, but the version of Istio is %s", release,
                     version);
}

void istio_components_check_images(const struct istio_component *components, const struct api_check *c)
{
    for (; components->path; components++) {
        const struct component_spec *s = (const void *)((const char *)c->spec + components->offset);
        _cleanup_free_ char *path = str_printf("%s.image", components->path);
        istio_check_image(c, path, s->image);
    }
}

/* It may be what is desired. */
void istio_check_place(const struct api_check *c)
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

void istio_check_kiali(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    if (str_eq(spec->kiali.mode, ISTIO_KIALI_NONE))
        return;
    if (!spec->kiali.view_only && str_eq(spec->kiali.auth.strategy, ISTIO_KIALI_ANONYMOUS))
        problems_add(c->problems, PROBLEM_ERROR, "spec.kiali.viewOnly",
                     "must be true with spec.kiali.auth.strategy " ISTIO_KIALI_ANONYMOUS
                     ", or everybody who reaches Kiali could change the mesh; write strategy " ISTIO_KIALI_TOKEN
                     " to let users do what their own tokens may");
    if (str_eq(spec->kiali.mode, ISTIO_KIALI_SERVER) && !str_eq(spec->kiali.auth.strategy, ISTIO_KIALI_TOKEN) &&
        !str_eq(spec->kiali.auth.strategy, ISTIO_KIALI_ANONYMOUS))
        problems_add(
            c->problems, PROBLEM_ERROR, "spec.kiali.auth.strategy",
            "must be " ISTIO_KIALI_TOKEN " or " ISTIO_KIALI_ANONYMOUS " with spec.kiali.mode " ISTIO_KIALI_SERVER
            ", but is %s: what it needs is configured by Kiali's own operator, with mode " ISTIO_KIALI_RESOURCE,
            spec->kiali.auth.strategy);
    if (!spec->monitoring.prometheus.url)
        problems_add(c->problems, PROBLEM_WARNING, "spec.monitoring.prometheus.url",
                     "is not set, so that Kiali has no metrics and draws no traffic");
}
