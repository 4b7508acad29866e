#include "mesh/mesh.h"

#include <stdlib.h>
#include <string.h>

#include "base/release.h"
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/closed_registries.h"
#include "mesh/workloads.h"

#define IMAGE_VERSION_MAX 40
/* What a Pod's annotations say may be of any length; what the injector writes there is shorter. */
#define CONFIGURATION_MAX 128

/* Behind the last there is a row without a version. */
static const char *nth_version(const void *releases, size_t i)
{
    return ((const struct mesh_release *)releases)[i].version;
}

const struct mesh_release *mesh_release_find(const char *version)
{
    size_t place;

    return release_find(version, nth_version, mesh_releases, &place) ? &mesh_releases[place] : NULL;
}

const struct mesh_line *mesh_line_of(const char *version)
{
    const struct mesh_release *release = mesh_release_find(version);

    for (const struct mesh_release *r = mesh_releases; !release && version && r->version; r++)
        if (release_same_minor(r->version, version))
            release = r;
    return (release ? release : mesh_release_find(ISTIO_VERSION_DEFAULT))->line;
}

/* A line's releases are adjacent. */
const struct mesh_line *mesh_line_next(size_t *position)
{
    const struct mesh_release *r = &mesh_releases[*position];

    for (; r->version; r++) {
        ++*position;
        if (r == mesh_releases || r[-1].line != r->line)
            return r->line;
    }
    return NULL;
}

const struct mesh_made *mesh_made_next(unsigned role, size_t *position)
{
    const struct mesh_line *line;
    size_t passed = 0;

    for (size_t i = 0; (line = mesh_line_next(&i));) {
        const struct mesh_made *made = role == MESH_REMOTE ? line->remote.made : line->central.made;
        for (; made->component; made++, passed++)
            if (passed == *position) {
                ++*position;
                return made;
            }
    }
    return NULL;
}

static char *version_by_injection(const json_t *pod)
{
    const struct mesh_line *line;
    char *version = NULL;

    for (size_t i = 0; !version && (line = mesh_line_next(&i));)
        version = line->injection.version_of_pod(pod);
    return version;
}

char *mesh_platform_of_node(const json_t *node)
{
    const struct mesh_line *line;

    for (size_t i = 0; (line = mesh_line_next(&i));)
        if (line->cni)
            return line->cni->platform_of_node(node);
    return NULL;
}

/* A native sidecar is an init container. */
static const char *proxy_image(const json_t *pod)
{
    const json_t *spec = doc_at(pod, "spec");
    const json_t *proxy = doc_find(doc_at(spec, "containers"), "name", "istio-proxy");

    return doc_string(proxy ? proxy : doc_find(doc_at(spec, "initContainers"), "name", "istio-proxy"), "image");
}

/* Of "docker.io/istio/proxyv2:1.31.1-distroless@sha256:..." it is 1.31.1. Owned by the caller. */
static char *version_of_image(const char *image)
{
    static const char *const variants[] = {"-distroless", "-debug"};
    _cleanup_free_ char *name = str_dup_n(str_or(image, ""), strcspn(str_or(image, ""), "@"));
    const char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');
    char *tag = str_dup_n(colon ? colon + 1 : "", colon ? str_cut(colon + 1, IMAGE_VERSION_MAX) : 0);

    for (size_t i = 0; i < ARRAY_LEN(variants); i++)
        if (str_ends(tag, variants[i]))
            tag[strlen(tag) - strlen(variants[i])] = '\0';
    if (!*tag || strchr(tag, ' '))
        str_replace(&tag, "unknown");
    return tag;
}

char *mesh_sidecar_digest(const json_t *pod)
{
    _cleanup_free_ char *configuration = version_by_injection(pod), *version = NULL, *owner = NULL;
    const char *image = configuration ? proxy_image(pod) : NULL, *registry = closed_registry_of(image);

    if (!configuration)
        return NULL;
    configuration[str_cut(configuration, CONFIGURATION_MAX)] = '\0';
    for (char *c = configuration; *c; c++)
        *c = *c == ' ' ? '_' : *c;
    version = version_of_image(image);
    owner = mesh_workload_of_pod(pod);
    return str_printf("%s %s %s%s%s", configuration, version, owner, registry ? " " : "", str_or(registry, ""));
}

/* The next word, owned by the caller; *at is behind the space after it. */
static char *word(const char **at)
{
    size_t len = strcspn(*at, " ");
    char *text = str_dup_n(*at, len);

    *at += len + ((*at)[len] == ' ');
    return text;
}

struct mesh_sidecar mesh_sidecar_read(const char *digest)
{
    struct mesh_sidecar sidecar;

    sidecar.configuration = word(&digest);
    sidecar.is_ending = str_ends(sidecar.configuration, "/");
    sidecar.version = word(&digest);
    sidecar.owner = word(&digest);
    sidecar.registry = *digest ? closed_registry_of(digest) : NULL;
    return sidecar;
}

void mesh_sidecar_release(struct mesh_sidecar *sidecar)
{
    free(sidecar->configuration);
    free(sidecar->version);
    free(sidecar->owner);
    *sidecar = (struct mesh_sidecar){0};
}

static bool relies_on_plugin(const json_t *pod)
{
    const struct mesh_line *line;

    for (size_t i = 0; (line = mesh_line_next(&i));)
        if (line->cni && line->cni->relies && line->cni->relies(pod))
            return true;
    return false;
}

/* A word is "-" where there is nothing. */
char *mesh_reliant_digest(const json_t *pod)
{
    const char *node = doc_string(pod, "spec", "nodeName");
    const json_t *proxy = doc_find(doc_at(pod, "status", "containerStatuses"), "name", "istio-proxy");
    const char *again =
        doc_int(doc_at(proxy, "restartCount"), 0) > 0 ? doc_string(proxy, "state", "running", "startedAt") : NULL;

    if (!node || strchr(node, ' ') || !relies_on_plugin(pod))
        return NULL;
    return str_printf("%s %s %s", node, str_or(doc_string(pod, "status", "startTime"), "-"), str_or(again, "-"));
}

static msec_t time_of(const char **at)
{
    _cleanup_free_ char *text = word(at);

    return clock_time(text);
}

struct mesh_reliant mesh_reliant_read(const char *digest)
{
    struct mesh_reliant pod = {.node = word(&digest)};

    pod.started = time_of(&digest);
    pod.restarted = time_of(&digest);
    return pod;
}

void mesh_reliant_release(struct mesh_reliant *pod)
{
    free(pod->node);
    *pod = (struct mesh_reliant){0};
}

const struct mesh_limitation *
mesh_limitation_next(const struct mesh_line *line, const struct istio_spec *spec, int minor, size_t *position)
{
    const struct mesh_limitation *l;

    while (line->limitations && (l = &line->limitations[*position])->condition) {
        ++*position;
        if (minor >= l->kubernetes_since && l->concerns(spec))
            return l;
    }
    return NULL;
}

char *mesh_limitation_text(const struct mesh_limitation *limitation, int minor)
{
    return str_printf(limitation->text, minor);
}
