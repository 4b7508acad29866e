/*
 * Kubernetes' own objects, as far as an overlay or a field of a custom resource reaches into them: which fields they
 * have, and what API servers refuse in them. Tables of fields as for custom resources (api/field.h), each with `exact`.
 *
 * Names, types and versions of the fields are those of k8s.io/api (its generated.proto) from Kubernetes 1.10 to
 * KUBERNETES_NEWEST. What values must be is from the API server's validation (pkg/apis/ of Kubernetes 1.20 and 1.34):
 * what both refuse, and what the older one takes although no Pod would run with it; where the newer one takes more, the
 * field has a row for each. tests/cluster/test_validation.c compares both with a real server.
 *
 * Pure; constants.
 */
#ifndef API_KUBERNETES_H
#define API_KUBERNETES_H

#include <jansson.h>

#include "api/field.h"
#include "api/problem.h"

/* The newest minor version of Kubernetes 1.x whose fields are known; a newer one may have more. */
#define KUBERNETES_NEWEST 37

/* The parts of a Pod that can be configured in components, for field_table.full. */
extern const struct field_table kubernetes_affinity, kubernetes_resources, kubernetes_toleration;
/* metadata of any object. */
extern const struct field_table kubernetes_metadata;
/* The same for one of the operator's custom resources, with fields that a newer server may have added. */
extern const struct field_table kubernetes_open_metadata;

/* The table of a whole object; NULL where there is none, as for custom kinds. */
const struct field_table *kubernetes_find(const char *api_version, const char *kind);

/*
 * Adds to `problems` what an API server of Kubernetes 1.`minor` (0: any) would refuse of an object, or drop, with paths
 * in the object. Objects without a table are held to their metadata alone.
 */
void kubernetes_check(const json_t *object, int minor, struct problems *problems);

/* What the annotations of an object may have, keys and values together: the API server's TotalAnnotationSizeLimitB. */
#define KUBERNETES_ANNOTATIONS_MAX (256 * 1024)
bool kubernetes_annotations_fit(const json_t *metadata);

/* What an object may have: more does not fit into a request to etcd, whose limit is 1.5 MiB by default. */
#define KUBERNETES_OBJECT_MAX ((size_t)3 << 19)

/* Of a label selector: values go with In and NotIn, and only with them (field_table.check). */
void kubernetes_check_requirement(const json_t *requirement, const char *path, struct problems *problems);

#endif
