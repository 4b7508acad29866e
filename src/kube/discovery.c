#include "kube/discovery.h"

#include <stdlib.h>

#include "base/str.h"
#include "doc/doc.h"

/* A resource list is some kilobytes, the list of groups too; a hundred custom groups do not make megabytes. */
#define DOCUMENT_MAX ((size_t)8 * 1024 * 1024)

enum document { SERVER_VERSION, GROUPS, RESOURCES };

struct asked {
    char *path;
    enum document document;
    const char *group, *version; /* RESOURCES; borrowed from the table */
    bool given, answered;
};

struct kube_discovery {
    const struct kube_kind_table *kinds;
    bool *desired;
    bool (*served)[KUBE_VERSIONS_MAX]; /* for each row */
    struct asked *asked;
    size_t len, cap;
    char *git_version;
    int major, minor;
};

const char *kube_server_version(const struct kube_server *s, const struct kube_kind *kind)
{
    return s->versions[kind - s->kinds->rows];
}

static void ask(struct kube_discovery *d, char *path, enum document document, const char *group, const char *version)
{
    for (size_t i = 0; i < d->len; i++) {
        if (str_eq(d->asked[i].path, path)) {
            free(path);
            return;
        }
    }
    ARRAY_RESERVE_ONE(d->asked, d->len, d->cap);
    d->asked[d->len++] = (struct asked){.path = path, .document = document, .group = group, .version = version};
}

static void ask_for_resources(struct kube_discovery *d, const struct kube_kind *row, const char *version)
{
    char api_version[128];

    kube_api_version(row, version, api_version);
    ask(d, str_printf("%s/%s", *row->group ? "/apis" : "/api", api_version), RESOURCES, row->group, version);
}

struct kube_discovery *kube_discovery_new(const struct kube_kind_table *kinds, const bool *desired, bool server)
{
    struct kube_discovery *d = NEW(struct kube_discovery);

    d->kinds = kinds;
    d->desired = NEW_ARRAY(bool, kinds->len + 1);
    d->served = mem_new0(kinds->len + 1, sizeof(*d->served));
    if (server)
        ask(d, str_dup("/version"), SERVER_VERSION, NULL, NULL);
    ask(d, str_dup("/apis"), GROUPS, NULL, NULL);
    for (size_t i = 0; i < kinds->len; i++) {
        const struct kube_kind *row = &kinds->rows[i];
        d->desired[i] = desired[i];
        /* The core group is in no list of groups. */
        for (size_t v = 0; d->desired[i] && !*row->group && v < KUBE_VERSIONS_MAX && row->versions[v].name; v++)
            ask_for_resources(d, row, row->versions[v].name);
    }
    return d;
}

void kube_discovery_free(struct kube_discovery *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->len; i++)
        free(d->asked[i].path);
    free(d->asked);
    free(d->desired);
    free(d->served);
    free(d->git_version);
    free(d);
}

const char *kube_discovery_next(struct kube_discovery *d)
{
    for (size_t i = 0; i < d->len; i++) {
        if (d->asked[i].given)
            continue;
        d->asked[i].given = true;
        return d->asked[i].path;
    }
    return NULL;
}

/* "20+" is what some hosted servers call 20. */
static bool read_number(const char *text, int *ret)
{
    char *end;
    long n;

    if (!text || *text < '0' || *text > '9')
        return false;
    n = strtol(text, &end, 10);
    if (n > 10000)
        return false;
    *ret = (int)n;
    return true;
}

static int read_server_version(struct kube_discovery *d, const json_t *document, struct err *e)
{
    const char *git_version = doc_string(document, "gitVersion");
    int major, minor;

    if (!git_version || !read_number(doc_string(document, "major"), &major) ||
        !read_number(doc_string(document, "minor"), &minor))
        return err_set(e, ERR_UNAVAILABLE, "the answer does not say major, minor and gitVersion");
    str_replace(&d->git_version, git_version);
    d->major = major;
    d->minor = minor;
    return 0;
}

static int read_groups(struct kube_discovery *d, const json_t *document, struct err *e)
{
    const json_t *groups = doc_at(document, "groups");

    if (!json_is_array(groups))
        return err_set(e, ERR_UNAVAILABLE, "the answer is no list of API groups");
    for (size_t i = 0; i < d->kinds->len; i++) {
        const struct kube_kind *row = &d->kinds->rows[i];
        const json_t *group = doc_find(groups, "name", row->group);
        for (size_t v = 0; group && d->desired[i] && v < KUBE_VERSIONS_MAX && row->versions[v].name; v++)
            if (doc_find(doc_at(group, "versions"), "version", row->versions[v].name))
                ask_for_resources(d, row, row->versions[v].name);
    }
    return 0;
}

static int read_resources(struct kube_discovery *d, const char *group, const char *version, const json_t *document,
                          struct err *e)
{
    const json_t *resources = doc_at(document, "resources");

    if (!json_is_array(resources) && !json_is_null(resources))
        return err_set(e, ERR_UNAVAILABLE, "the answer is no list of resources");
    for (size_t i = 0; i < d->kinds->len; i++) {
        const struct kube_kind *row = &d->kinds->rows[i];
        const json_t *resource = doc_find(resources, "name", row->plural);
        if (!d->desired[i] || !str_eq(row->group, group) || !str_eq(doc_string(resource, "kind"), row->kind))
            continue;
        for (size_t v = 0; v < KUBE_VERSIONS_MAX && row->versions[v].name; v++)
            if (str_eq(row->versions[v].name, version))
                d->served[i][v] = true;
    }
    return 0;
}

static struct asked *find_asked(struct kube_discovery *d, const char *path)
{
    for (size_t i = 0; i < d->len; i++)
        if (str_eq(d->asked[i].path, path))
            return &d->asked[i];
    return NULL;
}

int kube_discovery_answer(struct kube_discovery *d, const char *path, const char *body, size_t len, struct err *e)
{
    _cleanup_json_ json_t *document = NULL;
    struct asked *asked = find_asked(d, path);
    struct err why;
    int r = -1;

    if (!asked)
        return err_set(e, ERR_INTERNAL, "%s was never asked for", path);
    asked->answered = true;
    if (doc_parse(body, len, DOCUMENT_MAX, &document, &why) < 0)
        return err_set(e, why.class == ERR_LIMIT ? ERR_LIMIT : ERR_UNAVAILABLE, "the answer to GET %s is not JSON: %s",
                       path, why.text);
    switch (asked->document) {
    case SERVER_VERSION:
        r = read_server_version(d, document, e);
        break;
    case GROUPS:
        r = read_groups(d, document, e);
        break;
    case RESOURCES:
        r = read_resources(d, asked->group, asked->version, document, e);
        break;
    }
    return r < 0 ? err_wrap(e, "GET %s", path) : 0;
}

void kube_discovery_absent(struct kube_discovery *d, const char *path)
{
    struct asked *asked = find_asked(d, path);

    if (asked)
        asked->answered = true;
}

bool kube_discovery_done(const struct kube_discovery *d)
{
    for (size_t i = 0; i < d->len; i++)
        if (!d->asked[i].answered)
            return false;
    return true;
}

const char *kube_discovery_version(const struct kube_discovery *d, const struct kube_kind *kind)
{
    for (size_t v = 0; v < KUBE_VERSIONS_MAX; v++)
        if (d->served[kind - d->kinds->rows][v])
            return kind->versions[v].name;
    return NULL;
}

const char *kube_discovery_server(const struct kube_discovery *d, int *ret_major, int *ret_minor)
{
    if (d->git_version) {
        *ret_major = d->major;
        *ret_minor = d->minor;
    }
    return d->git_version;
}

bool kube_definition_is_of(const json_t *definition, const struct kube_kind *kind)
{
    return kind->custom && str_eq(doc_string(definition, "spec", "group"), kind->group) &&
           str_eq(doc_string(definition, "spec", "names", "plural"), kind->plural);
}

static bool definition_serves(const json_t *definition, const char *version)
{
    const json_t *spec = doc_at(definition, "spec"), *versions = doc_at(spec, "versions");

    /* v1beta1 may name one version in a field of its own. */
    if (json_array_size(versions) == 0)
        return str_eq(doc_string(spec, "version"), version);
    return doc_bool(doc_at(doc_find(versions, "name", version), "served"), false);
}

const char *kube_definition_version(const json_t *definition, const struct kube_kind *kind)
{
    const json_t *established = doc_find(doc_at(definition, "status", "conditions"), "type", "Established");

    if (!kube_definition_is_of(definition, kind) || !str_eq(doc_string(established, "status"), "True") ||
        doc_at(definition, "metadata", "deletionTimestamp"))
        return NULL;
    for (size_t v = 0; v < KUBE_VERSIONS_MAX && kind->versions[v].name; v++)
        if (definition_serves(definition, kind->versions[v].name))
            return kind->versions[v].name;
    return NULL;
}
