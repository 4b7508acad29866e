#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/remote/remote_check.h"
#include "controllers/remote/remote_impl.h"
#include "controllers/remote/remote_istio.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "reconcile/objects.h"
#include "reconcile/overlay.h"

/* Nothing that was built before is valid any more. */
static void forget_parts(struct remote_memo *memo)
{
    desired_free(memo->parts);
    memo->parts = NULL;
    memo->parts_hash = 0;
}

static void forget_spec(struct remote_memo *memo)
{
    forget_parts(memo);
    injection_memo_clear(&memo->injection);
    istio_spec_free(TAKE_PTR(memo->spec));
    free(memo->warnings);
    memo->warnings = NULL;
}

void *remote_memo_new(void)
{
    return NEW(struct remote_memo);
}

void remote_memo_free(void *p)
{
    struct remote_memo *memo = p;

    if (!memo)
        return;
    forget_spec(memo);
    desired_free(memo->foundation);
    desired_free(memo->services);
    free(memo->addresses);
    free(memo);
}

bool remote_memo_needs(const void *p, const struct kube_kind *kind)
{
    const struct remote_memo *memo = p;
    const struct desired_set *sets[] = {memo->foundation, memo->parts, memo->services};

    for (size_t k = 0; k < ARRAY_LEN(sets); k++) {
        if (!sets[k])
            return true;
        for (size_t i = 0; i < sets[k]->len; i++)
            if (sets[k]->items[i].kind == kind)
                return true;
    }
    return false;
}

void remote_read_spec(struct remote *r)
{
    const struct istio_spec *mesh = r->central->mesh;
    struct remote_memo *memo = r->memo;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct buf text = BUF_INIT, warnings = BUF_INIT;
    uint64_t hash;

    buf_printf(
        &text, "%" PRIu64 " %" PRIu64, r->central->basis, resource_hash(&api_resource_remote_istio, r->resource));
    hash = buf_take_hash(&text);
    if (hash == memo->spec_hash)
        return;
    forget_spec(memo);
    memo->spec_hash = hash;
    if (remote_check(
            r->resource, NULL, mesh ? r->central->ns : NULL, mesh ? mesh->version : NULL, &memo->spec, &problems) < 0) {
        problems_err(&problems, &memo->refusal);
        return;
    }
    if (mesh)
        r->central->line->joining->follow(memo->spec, r->resource, mesh);
    problems_text(&problems, PROBLEM_WARNING, PROBLEMS_SEPARATOR, &warnings);
    memo->warnings = buf_take(&warnings);
}

/* What every set depends on: its owner, and the API versions of the remote server. */
static void add_common(const struct remote *r, const char *const *versions, struct buf *text)
{
    buf_add_str(text, remote_uid(r));
    buf_add_char(text, ' ');
    buf_add_str(text, r->config ? str_or(r->config->uid, "") : "");
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        buf_add_char(text, ' ');
        buf_add_str(text, str_or(versions[i], "-"));
    }
}

/* The texts of objects that are in place are not needed: in place as the plan finds it, with its `pods`. */
static bool is_good(const struct remote *r, const struct desired_set *set)
{
    const struct objects_input objects = {
        .plan = r->world->remote, .desired = {set}, .pods = PLAN_WATCH_PODS, .keeps_crds = true};

    return !set || objects_can_be_planned(&objects);
}

void remote_forget_texts(struct remote *r)
{
    struct desired_set *sets[] = {r->memo->foundation, r->memo->parts, r->memo->services};

    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        if (sets[i])
            desired_forget_texts(sets[i]);
}

/* The foundation belongs to nothing in its cluster; the rest belongs to MESH_REMOTE_OWNER. */
static struct mark_owner owner_of(const struct remote *r)
{
    return (struct mark_owner){
        .api_version = API_GROUP_VERSION,
        .kind = "Istio",
        .ns = r->object->ns,
        .name = MESH_REMOTE_OWNER,
        .uid = r->config ? r->config->uid : NULL,
        .label = remote_uid(r),
    };
}

/*
 * The watch does not bring a definition that the cluster had before, and it stays as it is: if its kind is served, no
 * definition is desired. An owned definition follows this program's.
 */
static bool has_definition_of_others(const struct remote *r, const struct kube_kind *definition)
{
    const struct kube_kind *istio = mesh_kind(KIND_ISTIO);

    return kube_server_version(r->world->remote->server, istio) &&
           !kube_cache_get(r->world->remote->observed, definition, NULL, "istios." API_GROUP);
}

void remote_want_foundation(struct remote *r)
{
    const struct kube_kind *definition = mesh_kind(KIND_DEFINITION);
    struct remote_memo *memo = r->memo;
    const char *versions[KIND_COUNT];
    struct mark_owner owner = owner_of(r);
    struct mesh_env env = {.ns = owner.ns, .versions = versions};
    struct rendered_list objects = {0};
    struct buf text = BUF_INIT;
    uint64_t hash;

    mesh_desired_versions(r->world->remote->server, versions);
    if (has_definition_of_others(r, definition))
        versions[definition - mesh_kinds.rows] = NULL;
    owner.uid = NULL;
    add_common(r, versions, &text);
    buf_printf(&text, " %s", r->central->id);
    hash = buf_take_hash(&text);
    if (hash == memo->foundation_hash && is_good(r, memo->foundation))
        return;
    memo->foundation_hash = hash;
    desired_free(memo->foundation);
    mesh_render_foundation(&env, r->central->id, &objects);
    memo->foundation = desired_from(&objects, &owner);
}

static int render_parts(struct remote *r, const char *const *versions)
{
    struct remote_memo *memo = r->memo;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct mesh_remote remote = {.signing = r->central->signing};
    const struct mark_owner owner = owner_of(r);
    struct rendered_list objects = {0};
    struct mesh_env env = {
        .spec = memo->spec,
        .release = mesh_release_find(memo->spec->version),
        .ns = owner.ns,
        .versions = versions,
        .remote = &remote,
    };

    if (remote_check_kubernetes(env.release, r->world->remote->server->minor, &memo->refusal) < 0)
        return -1;
    mesh_render(&env, &objects);
    overlays_apply(memo->spec->overlays, owner.ns, r->world->remote->server->minor, &objects, &problems);
    if (problems.errors) {
        rendered_release(&objects);
        return problems_err(&problems, &memo->refusal);
    }
    memo->parts = desired_from(&objects, &owner);
    memo->plane = (struct mesh_plane){"", env.release};
    return 0;
}

/*
 * The services whose addresses differ from those in `made`, from which they were built, or all; returns how many.
 * `made` has a place for each service, and has the new addresses afterwards.
 */
static size_t list_services(const struct remote *r, bool all, uint64_t *made, struct mesh_remote_service *ret_services)
{
    json_t *service;
    size_t i, count = 0;

    json_array_foreach(r->memo->spec->enabled_services, i, service) {
        const struct addresses *found = central_addresses(r->central, doc_string(service, "labelSelector"));
        if (!all && made[i] == found->hash)
            continue;
        made[i] = found->hash;
        ret_services[count++] = (struct mesh_remote_service){
            .name = doc_string(service, "name"),
            .addresses = (const char *const *)found->items,
            .address_count = found->len,
        };
    }
    return count;
}

void remote_want_services(struct remote *r)
{
    struct remote_memo *memo = r->memo;
    size_t count = json_array_size(memo->spec->enabled_services);
    const char *versions[KIND_COUNT];
    const struct mark_owner owner = owner_of(r);
    const struct mesh_env env = {.spec = memo->spec, .ns = owner.ns, .versions = versions};
    struct rendered_list objects = {0};
    struct buf text = BUF_INIT;
    _cleanup_free_ struct mesh_remote_service *services = NEW_ARRAY(struct mesh_remote_service, count);
    uint64_t hash;
    bool all;

    mesh_desired_versions(r->world->remote->server, versions);
    add_common(r, versions, &text);
    buf_add(&text, &memo->spec_hash, sizeof(memo->spec_hash));
    hash = buf_take_hash(&text);
    all = hash != memo->services_hash || !is_good(r, memo->services);
    if (all) {
        free(memo->addresses);
        memo->addresses = NEW_ARRAY(uint64_t, count);
        desired_free(memo->services);
        memo->services = NULL;
    }
    memo->services_hash = hash;
    count = list_services(r, all, memo->addresses, services);
    if (!all && !count)
        return;
    mesh_render_remote_services(&env, services, count, &objects);
    if (all)
        memo->services = desired_from(&objects, &owner);
    else
        desired_replace(memo->services, &objects, &owner);
}

int remote_want_parts(struct remote *r)
{
    struct remote_memo *memo = r->memo;
    const char *versions[KIND_COUNT];
    struct buf text = BUF_INIT;
    uint64_t hash;

    mesh_desired_versions(r->world->remote->server, versions);
    add_common(r, versions, &text);
    buf_printf(&text, " %" PRIu64 " %d", memo->spec_hash, r->world->remote->server->minor);
    hash = buf_take_hash(&text);
    if (hash != memo->parts_hash || !is_good(r, memo->parts)) {
        forget_parts(memo);
        memo->parts_hash = hash;
        if (render_parts(r, versions) < 0)
            return -1;
    }
    return memo->parts ? 0 : -1;
}
