/* A mesh on a world, for cmocka: the state is the world. */
#ifndef TESTS_UNIT_CONTROLLERS_MESH_FIXTURE_H
#define TESTS_UNIT_CONTROLLERS_MESH_FIXTURE_H

#include "world.h"

#define SPEC "{\"autoInjectionNamespaces\": [\"default\"]}"

/* An empty cluster. */
int mesh_begin(void **state);
int mesh_end(void **state);
/* The mesh installed, rolled out, and nothing left to do. */
int mesh_begin_installed(void **state);
/* A text of the mesh's status. */
void expect_status(struct world *w, const char *field, const char *value);
/* Whether status.monitoring tells that there may be objects of another product's: the field of struct apart_kinds. */
bool mesh_remembers(struct world *w, const char *field);
/* The next plan, as world_describe() tells it; it is carried out. */
void expect_plan(struct world *w, const char *actions);
/* A ValidatingWebhookConfiguration with a webhook for each namespace, which a Service there answers; NULL: a URL. */
void put_validating_webhooks(struct world *w, const char *name, const char *const *namespaces, size_t count);
/* The same of another kind. */
void put_webhooks(
    struct world *w, const struct kube_kind *kind, const char *name, const char *const *namespaces, size_t count);
/* As Galley makes it while it runs. */
bool has_validating_webhook(struct world *w, const char *name);
void put_galleys_webhook(struct world *w);
/* An object of this kind in the world; `type` may be NULL. */
void put_of(struct world *w, const struct kube_kind *kind, const char *ns, const char *name, const char *type);
/* The definition of a kind of another product, as the view of it that says whether it is served. */
void put_definition(struct world *w, enum mesh_kind_id view, enum mesh_kind_id of, bool established);
/* A world on Kubernetes 1.34 with a resource for today's Istio, in JSON; and what its istiod does with its webhooks. */
int mesh_begin_today(void **state, const char *spec);
void fill_in_ca_bundles(struct world *w);
void put_endpoint_slice(struct world *w, const char *service, bool ready);
/* Carries out plans until nothing is left to do. */
void settle(struct world *w);
/*
 * Rolls out all Deployments, today's istiod and one of revision "canary" among them, and settles. The status of the old
 * generation of a Deployment counts as available no longer.
 */
void roll_out_today(struct world *w);
/* The same, installed and rolled out: nothing left to do. */
int mesh_begin_today_installed(void **state, const char *spec);
/* The mesh's condition of this type, owned by the caller; NULL: it has none. */
json_t *condition_of(struct world *w, const char *type);
/* Once the mesh is settled; `status` "absent" and `reason` "": there is no such condition. */
void settle_with_condition(
    struct world *w, const char *type, const char *status, const char *reason, const char *in_message);

/* When a world begins. */
#define NOW SECONDS(1545000000)
#define DAY (SECONDS(1) * 60 * 60 * 24)
/* When the plan that is due now wants another one without an event, after so long; MSEC_NEVER. */
msec_t next_plan_after(struct world *w);
/* PEM of an authority that ends then, in base64; owned by the caller. */
char *authority_until(msec_t end);
/* A Secret in the control plane's namespace; of KIND_SELF_SIGNED_AUTHORITY or KIND_PLUGGED_IN_AUTHORITY. */
void put_authority(struct world *w, enum mesh_kind_id kind, const char *name, json_t *data);

/* The default mesh of today's Istio, in such worlds. */
#define TODAY_SPEC "{\"version\": \"1.31.1\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"]}"
#define APPS "apps/v1"
#define WEBHOOKS "admissionregistration.k8s.io/v1"
int begin_today(void **state);
int begin_today_installed(void **state);
/*
 * Carries out plans until there is nothing to do, 30 at most; returns how many there were. `ret` gets the number of the
 * plan that first says each line; 0: none does.
 */
int first_plan_with(struct world *w, const char *const *lines, size_t count, int *ret);
/* Makes it an object of Helm's, with its labels and without the operator's. */
void as_helm(json_t *object);

#define FRESH(test) cmocka_unit_test_setup_teardown(test, mesh_begin, mesh_end)
#define INSTALLED(test) cmocka_unit_test_setup_teardown(test, mesh_begin_installed, mesh_end)
#define FRESH_TODAY(test) cmocka_unit_test_setup_teardown(test, begin_today, mesh_end)
#define INSTALLED_TODAY(test) cmocka_unit_test_setup_teardown(test, begin_today_installed, mesh_end)

#endif
