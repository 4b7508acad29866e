/*
 * The operator's custom resources: one row each, and what follows from the row.
 *
 * A resource is its names, a table of fields for its spec and one for its status, and
 * the rules that go beyond single fields. Parsing, the CustomResourceDefinition
 * (api/crd.h) and the reference page follow from it.
 *
 * Pure: the same resource in the same context gives the same answer, so that the
 * controller, the admission webhook and `validate` agree.
 */
#ifndef API_RESOURCE_H
#define API_RESOURCE_H

#include <jansson.h>
#include <stdbool.h>

#include "api/field.h"
#include "api/problem.h"
#include "base/buf.h"

#define API_GROUP "istio.banzaicloud.io"
#define API_VERSION "v1beta1"
#define API_GROUP_VERSION API_GROUP "/" API_VERSION

/* A version of Istio that can be installed. */
struct api_release {
    const char *version;                /* "1.0.5" */
    int kubernetes_min, kubernetes_max; /* minor versions of Kubernetes 1.x, inclusive */
};

/* What a resource is validated against, besides itself. Zero is "not known": then nothing is refused for it. */
struct api_context {
    const struct api_release *releases; /* borrowed */
    size_t release_count;
    int kubernetes_minor; /* of the cluster the mesh runs in */
    const char *ns;       /* where the resource will live if its metadata does not say so */
    const char *version;  /* of the mesh that a RemoteIstio joins */
};

/* What a rule reads. */
struct api_check {
    const void *spec; /* parsed: fields that were wrong have their defaults */
    const char *ns;   /* NULL: not known */
    const struct api_context *context;
    struct problems *problems; /* those found before, and where to add */
};

struct api_rule {
    const char *doc; /* for the reference page, a whole sentence */
    void (*check)(const struct api_check *c);
};

/* A column of `kubectl get`. */
struct api_column {
    const char *name, *path, *type, *doc;
    int priority; /* above 0: only with -o wide */
};

/* What a resource looks like, in some releases of what it describes or in all: its fields, and what must hold. */
struct api_form {
    const char *name; /* "1.0", of these releases; NULL: all */
    const struct field_table *spec;
    size_t size; /* of the struct that its rows are members of */
    /* Fills members whose default follows from other fields, or from the release; NULL: there are none. */
    void (*complete)(void *spec, const char *version);
    const struct api_rule *rules;  /* in order; ends with a NULL check */
    const struct api_form *filled; /* its rows have the members that are filled in after parsing; NULL: none are */
};

/* A release, and what the resource looks like in it. */
struct api_edition {
    const char *version; /* "1.0.5" */
    const struct api_form *form;
    int kubernetes_min, kubernetes_max;   /* minor versions of Kubernetes 1.x that it runs on, inclusive */
    const struct field_default *defaults; /* that differ from the rows' in this release; NULL: none */
};

struct api_resource {
    const char *kind, *list_kind, *plural, *singular;
    const char *doc;       /* one line */
    const char *intro;     /* the reference page's first paragraph */
    const char *finalizer; /* the operator puts it on the resource, and removes it when nothing is left */
    /* What earlier releases put on it instead: it counts as `finalizer`. Ends with NULL; NULL: none. */
    const char *const *former_finalizers;
    const struct field_table *status;
    const struct api_form *form; /* NULL: it differs by release */
    /*
     * The releases, the newest of each form first and those with the same form one after another; false past the last.
     * NULL where there is a form.
     */
    bool (*edition)(size_t i, struct api_edition *ret);
    /* See api_edition_of(). A release is said in spec.version, or for a `follower` in api_context.version. */
    const char *default_version;
    bool follower;
    const struct api_column *columns; /* ends with a NULL name */
};

/* for (size_t i = 0; (form = api_form_next(r, &i));) Each once; there is one at least. */
const struct api_form *api_form_next(const struct api_resource *r, size_t *position);
/*
 * The release that it asks for, known or not, as text that is static or borrowed from the resource or the context. A
 * resource that asks for none keeps that of its status.version, where that is known. Without one it is the default
 * version where that runs on the context's Kubernetes or nothing is known of it, else the first that does, else the
 * default version. `context` may be NULL.
 */
const char *api_version_of(const struct api_resource *r, const json_t *resource, const struct api_context *context);
/*
 * What the resource looks like in that release. In a patch that is not known as in the newest known patch of its minor
 * release that is older (release_find()); where there is none as in others of that minor release, else as in the
 * default one.
 */
struct api_edition api_edition_of(const struct api_resource *r, const json_t *resource,
                                  const struct api_context *context);

/* Whether this finalizer of a resource is the operator's, today's or a former one. */
bool api_resource_is_finalizer(const struct api_resource *r, const char *name);

/*
 * Reads a whole custom resource (apiVersion, kind, metadata, spec) into `ret_spec`, a struct of the resource's
 * form's type. All mistakes go to `problems`, errors and warnings. 0 where there are only warnings; below zero where
 * there are errors: then `ret_spec` was not filled. `context` may be NULL.
 * The typed forms are in mesh/resources.h (istio_parse).
 */
int api_parse(const struct api_resource *r, const json_t *resource, const struct api_context *context, void *ret_spec,
              size_t spec_size, struct problems *problems);

/* docs/reference/<singular>.md */
void api_reference_markdown(const struct api_resource *r, struct buf *out);

#endif
