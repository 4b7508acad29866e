/* By what istiod injects proxies into Pods, and makes gateways of the Gateway API. */
#ifndef MESH_ISTIOD_INJECTION_INJECTION_H
#define MESH_ISTIOD_INJECTION_INJECTION_H

#include "mesh/line.h"

/*
 * ConfigMap ISTIOD_INJECTION_CONFIG: the templates, which are Go's text/template and executed by istiod for each Pod,
 * and the values that they read.
 *
 * Facts: Istio 1.31, pkg/kube/inject (what a template gets, and its functions), the annotations of istio.io/api, and
 * what Istio's own templates make of pods. Of Istio 1.30 the same.
 */
void istiod_injection(const struct mesh_env *env, struct rendered_list *out);

#endif
