/* The releases that can be installed; nothing else, so that a test can have rows of its own. */
#include "mesh/istiod/istiod.h"
#include "mesh/line.h"
#include "mesh/v1_0/v1_0.h"
#include "mesh/v1_1/v1_1.h"

static const struct gateway_api_kind gateway_api_28[] = {
    {"GRPCRoute", 1, 1}, {"BackendTLSPolicy", 1, 4}, {"TLSRoute", 1, 5, .until = true}, {NULL}};
static const struct gateway_api_kind gateway_api_30[] = {
    {"GRPCRoute", 1, 1}, {"BackendTLSPolicy", 1, 4}, {"TLSRoute", 1, 5}, {NULL}};
static const struct gateway_api_kind gateway_api_31[] = {
    {"GRPCRoute", 1, 1}, {"BackendTLSPolicy", 1, 4}, {"TLSRoute", 1, 5}, {"TCPRoute", 1, 6}, {NULL}};

/* Little of today's meshes has traffic leave through a gateway. */
static const struct field_default istiod_defaults[] = {{"spec.gateways.egress.enabled", "false"}, {NULL, NULL}};

/* As in its chart. */
static const struct field_default v1_1_defaults[] = {
    {"spec.gateways.egress.enabled", "false"},
    {"spec.proxy.concurrency", "2"},
    {"spec.defaultPodDisruptionBudget.enabled", "true"},
    {NULL, NULL},
};
static const struct v1_differences v1_1_0 = {.first_1_1 = true};

/* Each has what the newer ones have, too. */
#define TO_1_30 .no_message_of_logs = true
#define TO_1_29 TO_1_30, .gateway_user = true, .x_listener_sets = true, .no_resource_attributes = true
#define TO_1_28                                                                                                        \
    TO_1_29, .no_config_maps = true, .go_memory_limit = true, .short_cni_end = true, .no_rules_on_startup = true
static const struct istiod_differences istiod_1_30 = {TO_1_30}, istiod_1_29 = {TO_1_29}, istiod_1_28 = {TO_1_28};

/*
 * Kiali: that of samples/addons/kiali.yaml in the newest known patch of each minor release.
 *
 * Kubernetes, Istio 1.31: from its announcement (1.32 is the oldest), and one minor release more than was tested then.
 * Istio 1.30, 1.29 and 1.28: what Istio itself says it supports.
 *
 * Istio 1.0 and 1.1: 1.10 is the oldest that serves the API versions used here, and 1.22 removed APIs that Istio itself
 * needs (admissionregistration v1beta1 by Galley and the injector, extensions v1beta1 Ingresses by Pilot).
 */
const struct mesh_release mesh_releases[] = {
    {"1.31.1", &istiod_line, 32, 37, istiod_defaults, NULL, gateway_api_31, "v2.27"},
    {"1.31.0", &istiod_line, 32, 37, istiod_defaults, NULL, gateway_api_31, "v2.27"},
    {"1.30.8", &istiod_line, 32, 36, istiod_defaults, &istiod_1_30, gateway_api_30, "v2.26"},
    {"1.30.3", &istiod_line, 32, 36, istiod_defaults, &istiod_1_30, gateway_api_30, "v2.26"},
    {"1.30.0", &istiod_line, 32, 36, istiod_defaults, &istiod_1_30, gateway_api_30, "v2.26"},
    {"1.29.6", &istiod_line, 31, 35, istiod_defaults, &istiod_1_29, gateway_api_28, "v2.21"},
    {"1.29.0", &istiod_line, 31, 35, istiod_defaults, &istiod_1_29, gateway_api_28, "v2.21"},
    {"1.28.10", &istiod_line, 30, 34, istiod_defaults, &istiod_1_28, gateway_api_28, "v2.17"},
    {"1.28.0", &istiod_line, 30, 34, istiod_defaults, &istiod_1_28, gateway_api_28, "v2.17"},
    {"1.1.17", &v1_1_line, 10, 21, v1_1_defaults},
    {"1.1.0", &v1_1_line, 10, 21, v1_1_defaults, &v1_1_0},
    {"1.0.6", &v1_0_line, 10, 21},
    {"1.0.5", &v1_0_line, 10, 21},
    {NULL},
};
