/* A mesh of today's Istio whose version changes, for cmocka: the state is the world. */
#ifndef TESTS_UNIT_CONTROLLERS_UPGRADE_FIXTURE_H
#define TESTS_UNIT_CONTROLLERS_UPGRADE_FIXTURE_H

#include "mesh_fixture.h"

#define SPEC_OF(version) "{\"version\": \"" version "\", \"autoInjectionNamespaces\": [\"default\"]}"
#define WARN_OF(version) "{\"version\": \"" version "\", \"upgrade\": {\"preflight\": \"Warn\"}}"

/* Istio 1.30.8, installed, on a cluster that rolls out. */
int begin_old(void **state);
#define OLD(test) cmocka_unit_test_setup_teardown(test, begin_old, mesh_end)

/* The version that a Deployment is of; owned by the caller. */
char *version_of(struct world *w, const char *deployment);
/* Of istiod and of the ingress gateway. */
void expect_versions(struct world *w, const char *control_plane, const char *gateway);
/* A text of status.upgrade; NULL: it is absent. */
void expect_upgrade(struct world *w, const char *field, const char *value);
/* Of the injector's configuration. */
void expect_injector(struct world *w, const char *version);
void expect_condition(struct world *w, const char *type, const char *status, const char *reason);

#endif
