#include "serve/webhook_setup.h"

#include "base/log.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/cluster.h"
#include "reconcile/marks.h"
#include "serve/webhook.h"

/* Timers are not trusted with weeks: a machine may sleep. */
#define LOOK_AGAIN_MOST (SECONDS(1) * 60 * 60)
/* Errors after this time are reported; before it the operator is starting. */
#define TROUBLE_AFTER SECONDS(5)
/* There is no hurry: see the header. */
#define VERIFY_AFTER SECONDS(60)

struct webhook_setup {
    struct net_io *io;
    struct kube_cluster *cluster;
    struct kube_gate gate;
    struct http_server *server;
    struct net_timer *timer;
    char *ns, *url;
    char **names;
    char *shown; /* the certificate that the server shows, PEM; NULL: none yet */
    char *told;  /* trouble that was logged last */
};

/* Once for each change of the words. */
static void tell(struct webhook_setup *w, const char *trouble)
{
    if (str_eq(trouble, w->told))
        return;
    str_replace(&w->told, trouble);
    if (*trouble)
        log_warning("the webhook is not in order", "error", trouble, NULL);
}

static void
put(struct webhook_setup *w, enum kube_verb verb, const struct kube_kind *kind, const char *name, json_t *body,
    const char *reason)
{
    struct kube_action action = {
        .verb = verb,
        .kind = kind,
        .version = str_dup(kube_server_version(kube_cluster_server(w->cluster), kind)),
        .ns = kind->namespaced ? str_dup(w->ns) : NULL,
        .name = str_dup(name),
        .body = doc_text(body),
        .reason = str_dup(reason),
    };

    json_decref(body);
    kube_queue_put(kube_cluster_queue(w->cluster), &action);
}

/* The object as it was observed, owned by the caller; false while that is not known or a write is under way. */
static bool observe(struct webhook_setup *w, const struct kube_kind *kind, const char *name, json_t **ret)
{
    const char *ns = kind->namespaced ? w->ns : NULL;
    const struct kube_object *o;

    if (!kube_cluster_server(w->cluster) || !kube_server_version(kube_cluster_server(w->cluster), kind) ||
        !kube_cluster_watch_synced(w->cluster, kind) || kube_queue_busy(kube_cluster_queue(w->cluster), kind, ns, name))
        return false;
    o = kube_cache_get(kube_cluster_cache(w->cluster), kind, ns, name);
    if (o && o->deleting)
        return false;
    *ret = o ? kube_object_parse(o) : NULL;
    return true;
}

static void renew(struct webhook_setup *w, const json_t *secret, msec_t now, const char *reason)
{
    _cleanup_certificate_ struct certificate made = {0};
    _cleanup_free_ char *former = secret ? webhook_read_authorities(secret) : NULL;
    msec_t not_after;
    struct err e;

    if (!kube_gate_is_open(&w->gate, &not_after))
        return;
    if (certificate_make((const char *const *)w->names, now, CERTIFICATE_LIFE, former, &made, &e) < 0) {
        tell(w, e.text);
        return;
    }
    put(w,
        secret ? KUBE_UPDATE : KUBE_CREATE,
        WEBHOOK_KIND_SECRET,
        WEBHOOK_SECRET,
        webhook_secret(secret, w->ns, &made),
        reason);
}

/* Whether the Secret is in order: then the certificate is filled. */
static bool keep_secret(struct webhook_setup *w, msec_t now, struct certificate *ret)
{
    _cleanup_json_ json_t *secret = NULL;
    struct err e = {0};

    if (!observe(w, WEBHOOK_KIND_SECRET, WEBHOOK_SECRET, &secret))
        return false;
    if (!secret) {
        renew(w, NULL, now, "it was not there");
        return false;
    }
    if (webhook_read_secret(secret, ret, &e) == 0 &&
        certificate_check(ret, (const char *const *)w->names, now, &e) == 0)
        return true;
    renew(w, secret, now, e.text);
    return false;
}

/*
 * Whether nothing has to be written: the configuration trusts the certificate, there is none, or the user removed the
 * webhook from it, which `ret_trouble` says and which stays so.
 */
static bool keep_configuration(struct webhook_setup *w, const char *ca, const char **ret_trouble)
{
    _cleanup_json_ json_t *live = NULL;
    json_t *patch;

    if (!observe(w, WEBHOOK_KIND_CONFIGURATION, WEBHOOK_CONFIGURATION, &live))
        return false;
    if (!live && w->url)
        put(w,
            KUBE_CREATE,
            WEBHOOK_KIND_CONFIGURATION,
            WEBHOOK_CONFIGURATION,
            webhook_configuration(
                kube_server_version(kube_cluster_server(w->cluster), WEBHOOK_KIND_CONFIGURATION),
                kube_cluster_server(w->cluster)->minor,
                w->ns,
                w->url,
                ca),
            "it was not there");
    if (!live)
        return true;
    if (!webhook_is_configured(live)) {
        *ret_trouble = "ValidatingWebhookConfiguration " WEBHOOK_CONFIGURATION " has no webhook " WEBHOOK_NAME
                       ": resources are not validated before they are stored; apply the operator's manifests again";
        return true;
    }
    patch = webhook_patch(live, w->url, ca);
    if (!patch)
        return true;
    put(w, KUBE_MERGE_PATCH, WEBHOOK_KIND_CONFIGURATION, WEBHOOK_CONFIGURATION, patch, "its authorities differ");
    return false;
}

static void show(struct webhook_setup *w, const struct certificate *certificate)
{
    char until[32];
    struct err e;

    if (str_eq(w->shown, certificate->cert))
        return;
    if (http_server_certify(w->server, certificate->cert, certificate->key, &e) < 0) {
        tell(w, e.text);
        return;
    }
    str_replace(&w->shown, certificate->cert);
    clock_rfc3339(certificate->not_after, until);
    log_info("serving with the certificate of the Secret", "secret", WEBHOOK_SECRET, "until", until, NULL);
}

static void look_again(struct webhook_setup *w, msec_t after)
{
    w->io->timer_set(w->io, w->timer, w->io->now(w->io) + (after < LOOK_AGAIN_MOST ? after : LOOK_AGAIN_MOST));
}

static void look(void *context)
{
    struct webhook_setup *w = context;
    _cleanup_certificate_ struct certificate certificate = {0};
    msec_t now = clock_now_wall();
    const char *trouble = "";
    bool trusted;

    look_again(w, TROUBLE_AFTER);
    if (!keep_secret(w, now, &certificate))
        return;
    trusted = keep_configuration(w, certificate.ca, &trouble);
    if (trusted || !w->shown)
        show(w, &certificate);
    if (!trusted)
        return;
    tell(w, trouble);
    look_again(w, certificate_renewal(&certificate) - now);
}

static void on_timer(void *context)
{
    struct webhook_setup *w = context;

    if (*kube_cluster_error(w->cluster))
        tell(w, kube_cluster_error(w->cluster));
    look(w);
}

/* Another replica may have been first: the cluster reads what it wrote. */
static bool is_misjudged(const struct err *e)
{
    return e->class == ERR_CONFLICT || e->class == ERR_ALREADY_EXISTS || e->class == ERR_NOT_FOUND;
}

static void on_action_done(void *context, const struct kube_action *action, const json_t *object, const struct err *e)
{
    struct webhook_setup *w = context;

    (void)object;
    if (!e)
        log_info("webhook kept", "kind", action->kind->kind, "object", action->name, "reason", action->reason, NULL);
    else if (e->class != ERR_CANCELLED && !is_misjudged(e))
        tell(w, e->text);
}

static void watch(struct webhook_setup *w, const struct kube_kind *kind, const char *name)
{
    _cleanup_free_ char *selector = str_printf("metadata.name=%s", name);

    kube_cluster_watch(w->cluster, kind, kind->namespaced ? w->ns : NULL, NULL, selector, true);
}

struct webhook_setup *
webhook_setup_new(struct event_base *loop, struct net_client *client, const struct webhook_setup_options *options)
{
    struct webhook_setup *w = NEW(struct webhook_setup);
    struct kube_cluster_options cluster_options = {
        .owner_label = MARK_OWNER,
        .namespace = options->ns,
        .queue = {.gate = options->gate},
        .verify_after = VERIFY_AFTER};
    struct kube_cluster_events events = {.changed = look, .action_done = on_action_done, .context = w};

    w->server = options->server;
    w->gate = options->gate;
    w->ns = str_dup(options->ns);
    w->url = str_dup(options->url);
    w->names = webhook_names(options->ns, options->url);
    w->told = str_dup("");
    w->io = net_io_new(loop, client);
    w->timer = w->io->timer_new(w->io, on_timer, w);
    w->cluster = kube_cluster_new_on(w->io, &webhook_kinds, &cluster_options, &events);
    watch(w, WEBHOOK_KIND_SECRET, WEBHOOK_SECRET);
    watch(w, WEBHOOK_KIND_CONFIGURATION, WEBHOOK_CONFIGURATION);
    kube_cluster_start(w->cluster);
    return w;
}

void webhook_setup_look(struct webhook_setup *w)
{
    look(w);
}

bool webhook_setup_writes(const struct webhook_setup *w)
{
    return kube_queue_in_flight(kube_cluster_queue(w->cluster)) > 0;
}

void webhook_setup_free(struct webhook_setup *w)
{
    if (!w)
        return;
    kube_cluster_free(w->cluster);
    w->io->timer_free(w->io, w->timer);
    net_io_free(w->io);
    strv_free(w->names);
    free(w->ns);
    free(w->url);
    free(w->shown);
    free(w->told);
    free(w);
}
