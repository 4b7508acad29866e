#include "mesh/mesh.h"

#include "base/release.h"
#include "base/str.h"

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

char *mesh_sidecar_version_of_pod(const json_t *pod)
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
