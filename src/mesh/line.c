#include "mesh/line.h"

#include "base/str.h"

const struct mesh_release *mesh_release_find(const char *version)
{
    for (const struct mesh_release *r = mesh_releases; r->version; r++) {
        if (str_eq(r->version, version))
            return r;
    }
    return NULL;
}

/* Of the lines, each once: a line's releases are adjacent. */
const struct mesh_made *mesh_made_next(unsigned role, size_t *position)
{
    const struct mesh_line *line = NULL;
    size_t passed = 0;

    for (const struct mesh_release *r = mesh_releases; r->version; r++) {
        const struct mesh_made *made = role == MESH_REMOTE ? r->line->remote.made : r->line->central.made;
        for (; r->line != line && made->component; made++, passed++)
            if (passed == *position) {
                ++*position;
                return made;
            }
        line = r->line;
    }
    return NULL;
}

const struct mesh_limitation *
mesh_limitation_next(const struct mesh_line *line, const struct istio_spec *spec, int minor, size_t *position)
{
    const struct mesh_limitation *l;

    while ((l = &line->limitations[*position])->condition) {
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
