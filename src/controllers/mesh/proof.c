#include "controllers/mesh/proof.h"

#include <string.h>

#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/pod_security.h"
#include "controllers/mesh/sidecars.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

/* An older server ignores what it does not know, and would store the Pod: dry runs are on since Kubernetes 1.13. */
enum { DRY_RUN_SINCE = 13 };
static const msec_t ASKED_AGAIN_AFTER = SECONDS(5);
enum { ANSWER_MAX = 512 * 1024 };

/* So that another configuration is another question. */
#define FOR_ANNOTATION "istio.banzaicloud.io/sidecars-tried"

void proof_release(struct proof *proof)
{
    free(proof->text);
    *proof = (struct proof){0};
}

/*
 * One that meets Pod Security's strictest level, and as large as a sidecar by default: what is refused then, is for its
 * sidecar. Its image is the proxy's, for policies about registries. Source: "Pod Security Standards" in
 * Kubernetes' documentation.
 */
static char *pod_text(const char *ns, const char *revision, json_t *image, const char *version)
{
    _cleanup_json_ json_t *size = OBJECT(STRING("cpu", "100m"), STRING("memory", "128Mi"));
    _cleanup_json_ json_t *pod = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            STRING("name", "istio-operator-injection"),
            STRING("namespace", ns),
            OPT(revision, MAP("labels", STRING(LABEL_REVISION, revision))),
            MAP("annotations", STRING(FOR_ANNOTATION, version))),
        MAP("spec",
            MAP("securityContext",
                BOOL("runAsNonRoot", true),
                INT("runAsUser", 65534),
                MAP("seccompProfile", STRING("type", "RuntimeDefault"))),
            SEQ("containers",
                ITEM(
                    STRING("name", "app"),
                    VALUE("image", image),
                    MAP("resources", VALUE("requests", json_incref(size)), VALUE("limits", json_incref(size))),
                    MAP("securityContext",
                        BOOL("allowPrivilegeEscalation", false),
                        MAP("capabilities", STRINGS("drop", "ALL")))))));

    return doc_text(pod);
}

static struct proof found(enum proof_result result, char *text)
{
    return (struct proof){.result = result, .text = text};
}

static struct proof read_pod(const struct query_answer *answer, const char *ns, const char *version)
{
    _cleanup_json_ json_t *pod = NULL;
    _cleanup_free_ char *digest = NULL;
    _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = {0};

    if (doc_parse(answer->body, answer->body_len, ANSWER_MAX, &pod, NULL) < 0 ||
        !str_eq(doc_string(pod, "kind"), "Pod"))
        return found(PROOF_WAITS, NULL); /* something in between answered */
    digest = mesh_sidecar_digest(pod);
    if (!digest)
        return found(
            PROOF_FAILED, str_printf("a new Pod in namespace %s gets no sidecar: the webhook was not called", ns));
    sidecar = mesh_sidecar_read(digest);
    if (str_eq(sidecar.configuration, version))
        return found(PROOF_HOLDS, NULL);
    return found(
        PROOF_FAILED,
        str_printf(
            "a new Pod in namespace %s gets a sidecar of Istio %s by another configuration than the injector's new "
            "one, which it may not have read yet",
            ns,
            sidecar.version));
}

/*
 * Whether the answer says nothing of injection: the operator lacks the right, the namespace is full, or something
 * admits no dry run.
 */
static bool says_nothing(int status, const char *message)
{
    return (status == 403 && (strstr(message, "cannot create resource") || strstr(message, "exceeded quota"))) ||
           (status == 400 && (strstr(message, "dry run") || strstr(message, "dryRun")));
}

static struct proof read_refusal(const struct query_answer *answer, const char *ns)
{
    _cleanup_json_ json_t *status = NULL;
    const char *message = NULL;
    _cleanup_free_ char *text = NULL;

    if (doc_parse(answer->body, answer->body_len, ANSWER_MAX, &status, NULL) == 0)
        message = doc_string(status, "message");
    text = message ? str_dup_short(message, 500) : str_printf("HTTP %d", answer->status);
    if (says_nothing(answer->status, text))
        return found(
            PROOF_SKIPPED,
            str_printf("whether new Pods in namespace %s get the new sidecar could not be tried: %s", ns, text));
    return found(PROOF_FAILED, str_printf("a new Pod in namespace %s with a sidecar is refused: %s", ns, text));
}

/* The version of the injector's configuration: as desired, or as the user keeps it. Owned; NULL: there is none. */
static char *injected_version(const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    const struct mesh_injection *how = &desired->injection;
    const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_CONFIG_MAP), ns, how->config_map);
    _cleanup_json_ json_t *live = o && strstr(o->text, MARK_IGNORE) ? kube_object_parse(o) : NULL;

    if (mark_is_ignored(live))
        return how->version_of_config(live);
    return sidecars_desired_version(how, desired->objects);
}

/*
 * The control plane's own namespace, where a Pod can choose a control plane that no namespace chooses yet, as gateways
 * do there. NULL: none can, or Pod Security may refuse it though the mesh works.
 */
static const struct kube_object *own_namespace(const struct plan_input *in, const char *ns)
{
    const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, ns);
    _cleanup_json_ json_t *namespace = o ? kube_object_parse(o) : NULL;
    const json_t *labels = doc_at(namespace, "metadata", "labels");

    return doc_at(labels, LABEL_INJECTION) || doc_at(labels, LABEL_REVISION) || pod_security_is_enforced(namespace)
               ? NULL
               : o;
}

void proof_read(struct reconcile *r, const struct mesh_desired *desired, bool replaces, struct proof *ret)
{
    const struct plan_input *in = r->world->central;
    _cleanup_free_ char *version = injected_version(in, r->object->ns, desired), *path = NULL, *pod = NULL;
    const struct kube_object *ns = version ? injection_namespace(in->observed, &desired->injection) : NULL;
    const char *revision = !ns && replaces ? desired->injection.revision : NULL;
    const struct query_answer *answer;

    *ret = found(PROOF_SKIPPED, NULL);
    if (version && revision)
        ns = own_namespace(in, r->object->ns);
    if (!ns || in->server->minor < DRY_RUN_SINCE)
        return;
    pod = pod_text(ns->name, revision, mesh_proxy_image(desired->planes->release, desired->spec), version);
    path = str_printf("/api/v1/namespaces/%s/pods", ns->name);
    queries_add(
        &r->plan->queries,
        &(struct query){
            .key = PROOF_QUERY, .url = path, .create = pod, .body_max = ANSWER_MAX, .max_age = ASKED_AGAIN_AFTER});
    answer = query_answers_find(&r->world->answers, PROOF_QUERY);
    if (!answer || answer->error)
        *ret = found(PROOF_WAITS, NULL);
    else if (answer->status < 300)
        *ret = read_pod(answer, ns->name, version);
    else
        *ret = read_refusal(answer, ns->name);
}
