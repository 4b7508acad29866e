/* What the operator's own objects are called, in its own namespace. */
#ifndef MESH_OPERATOR_H
#define MESH_OPERATOR_H

/* Its StatefulSet, Service and ServiceAccount. */
#define OPERATOR_NAME "istio-operator-controller-manager"
/* The port of that Service that serves /metrics with TLS. */
#define OPERATOR_METRICS_PORT "https-metrics"
/* The Secret with its certificate, and the key in there with the authorities that it is verified by. */
#define WEBHOOK_SECRET "istio-operator-webhook-cert"
#define WEBHOOK_AUTHORITIES "ca.crt"

#endif
