#include "controllers/made.h"

#include <string.h>

#include "base/str.h"
#include "controllers/watches.h"
#include "doc/doc.h"

static bool has_name(const struct kube_object *o, const char *pattern)
{
    size_t len = pattern ? strlen(pattern) : 0;

    if (len && pattern[len - 1] == '*')
        return strncmp(o->name, pattern, len - 1) == 0;
    return !pattern || str_eq(o->name, pattern);
}

/* The name alone says nothing: Galleys of all meshes use the same one. */
static bool calls_only(const json_t *object, const char *ns)
{
    const json_t *webhooks = doc_at(object, "webhooks");
    size_t count = json_array_size(webhooks);

    for (size_t i = 0; i < count; i++)
        if (!str_eq(doc_string(json_array_get(webhooks, i), "clientConfig", "service", "namespace"), ns))
            return false;
    return count > 0;
}

/* `since` is when the removal began; NULL: no time is known. */
static bool is_of_others(const json_t *object, const struct mesh_made *made, const char *since)
{
    const char *created = doc_string(object, "metadata", "creationTimestamp");

    return made->shared && since && created && strcmp(created, since) > 0;
}

/* No other client wrote it, as far as that is recorded. */
static bool is_written_by(const json_t *object, const char *program)
{
    const json_t *managers = doc_at(object, "metadata", "managedFields");
    size_t count = json_array_size(managers);

    for (size_t i = 0; i < count; i++)
        if (!str_eq(doc_string(json_array_get(managers, i), "manager"), program))
            return false;
    return count > 0;
}

static bool is_made(const struct kube_object *o, const struct mesh_made *made, const char *ns, const char *since)
{
    _cleanup_json_ json_t *object = NULL;

    /* What has an owner is deleted as such. */
    if (o->owner || !has_name(o, made->name) || (o->ns && !made->everywhere && !str_eq(o->ns, ns)))
        return false;
    if (!made->type && !made->calls_here && !made->shared && !made->writer)
        return true;
    object = kube_object_parse(o);
    return !is_of_others(object, made, since) && (!made->type || str_eq(doc_string(object, "type"), made->type)) &&
           (!made->calls_here || calls_only(object, ns)) && (!made->writer || is_written_by(object, made->writer));
}

static size_t remove_made(
    const struct plan_input *in, const struct mesh_made *made, const char *ns, const char *since, struct plan *plan)
{
    const struct kube_object *o;
    size_t left = 0;

    for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(made->kind), &i));) {
        if (!is_made(o, made, ns, since))
            continue;
        left++;
        plan_remove(plan, in, o, REASON_MADE_BY_PROGRAM);
    }
    return left;
}

static bool is_served(const struct plan_input *in, const struct mesh_made *made)
{
    const struct kube_object *definition;

    for (size_t i = 0; made->served_by && (definition = kube_cache_next(in->observed, mesh_kind(made->served_by), &i));)
        if (*definition->text)
            return true;
    return !made->served_by;
}

unsigned made_watches(const struct plan_input *in, unsigned role)
{
    const struct mesh_made *made;
    unsigned watches = 0;

    for (size_t i = 0; (made = mesh_made_next(role, &i));) {
        if (made->served_by)
            watches |= watch_bit_of(made->served_by);
        if (is_served(in, made))
            watches |= watch_bit_of(made->kind);
    }
    return watches;
}

static size_t remove_all(
    const struct plan_input *in, unsigned role, bool harmful_alone, const char *ns, const char *since,
    struct plan *plan)
{
    const struct mesh_made *made;
    size_t left = 0;

    plan->watch |= made_watches(in, role);
    for (size_t i = 0; (made = mesh_made_next(role, &i));)
        if (made->harmful_alone == harmful_alone)
            left += remove_made(in, made, ns, since, plan);
    return left;
}

size_t made_remove_first(const struct plan_input *in, unsigned role, const char *ns, struct plan *plan)
{
    return remove_all(in, role, true, ns, NULL, plan);
}

size_t
made_remove_last(const struct plan_input *in, unsigned role, const char *ns, const char *since, struct plan *plan)
{
    return remove_all(in, role, false, ns, since, plan);
}

static bool is_enabled(const struct mesh_component *components, const char *name, const struct istio_spec *spec)
{
    for (; components->name; components++)
        if (str_eq(components->name, name))
            return components->spec(spec)->enabled;
    return false;
}

size_t made_remove_disabled(
    const struct plan_input *in, const struct mesh_parts *parts, const struct istio_spec *spec, const char *ns,
    struct plan *plan, unsigned *watch)
{
    size_t left = 0;

    for (const struct mesh_made *made = parts->made; made->component; made++) {
        if (!made->harmful_alone || is_enabled(parts->components, made->component, spec))
            continue;
        *watch |= watch_bit_of(made->kind);
        left += remove_made(in, made, ns, NULL, plan);
    }
    return left;
}
