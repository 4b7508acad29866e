/* What draws the mesh, planned apart (MESH_APART_MAPS): the names of its Deployment, Service and all else. */
#ifndef MESH_COMMON_MAPS_H
#define MESH_COMMON_MAPS_H

#define MESH_KIALI "kiali"               /* of today's Istio: mesh_release.kiali */
#define MESH_SERVICEGRAPH "servicegraph" /* of Istio 1.0 and 1.1 */

#endif
