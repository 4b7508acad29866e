#include "kube/client.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"
#include "kube/exec.h"
#include "net/credentials.h"

/* How often files are checked; they are read only where one changed. */
static const msec_t FILE_PAUSE = SECONDS(1);
/* Credentials are renewed this long before they expire. */
static const msec_t EXPIRY_MARGIN = SECONDS(10);
/* A plugin is not run again sooner, whatever the server or its own answer says. */
static const msec_t EXEC_PAUSE = SECONDS(5);

/* The context of the client's hooks. */
struct kube_auth {
    struct event_base *loop;
    struct net_client *client;  /* that it belongs to */
    struct kube_config *config; /* owned; it follows its files */
    struct net_credentials *current;
    /* files */
    uint64_t mark;     /* of what was read; 0: there are none */
    msec_t looked;     /* monotonic */
    struct err unread; /* why their present content is not used; ERR_NONE: it is */
    /* an exec plugin */
    struct kube_exec_run *run;
    msec_t ran;     /* monotonic; 0: never */
    msec_t expires; /* wall */
    struct err failure;
};

static struct net_credentials *credentials_new(const struct kube_config *config, const char *token,
                                               const char *cert_pem, const char *key_pem)
{
    struct net_credentials *c = NEW(struct net_credentials);

    c->refs = 1;
    c->ca_pem = str_dup(config->ca_pem);
    c->cert_pem = str_dup(cert_pem);
    c->key_pem = str_dup(key_pem);
    if (token)
        c->authorization = str_printf("Authorization: Bearer %s", token);
    return c;
}

static void add_password(struct net_credentials *c, const struct kube_config *config)
{
    char *plain = str_printf("%s:%s", config->username, str_or(config->password, ""));
    size_t len = strlen(plain), coded_size = 4 * ((len + 2) / 3) + 1;
    char *coded = mem_new0(coded_size, 1);

    EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)plain, (int)len);
    c->authorization = str_printf("Authorization: Basic %s", coded);
    mem_free_secret(plain, len);
    mem_free_secret(coded, coded_size);
}

static void set_current(struct kube_auth *a, struct net_credentials *c)
{
    net_credentials_unref(a->current);
    a->current = c;
}

/* What the configuration says of itself; a plugin is run for the next call. */
static void set_configured(struct kube_auth *a)
{
    const struct kube_config *config = a->config;
    struct net_credentials *c = NULL;

    if (!config->exec)
        c = credentials_new(config, config->token, config->client_cert_pem, config->client_key_pem);
    if (c && !config->token && config->username)
        add_password(c, config);
    set_current(a, c);
}

/*
 * Where files cannot be read now, or do not fit together, the former content stays: files are replaced one by one, and
 * it may still be valid.
 */
static void look_at_files(struct kube_auth *a)
{
    uint64_t mark = a->mark ? kube_config_files_mark(a->config) : 0;

    a->looked = clock_now_monotonic();
    err_clear(&a->unread);
    if (mark == a->mark || kube_config_read_again(a->config, &a->unread) < 0)
        return;
    a->mark = mark;
    set_configured(a);
}

static void on_exec(void *context, struct kube_exec_credential *credential, const struct err *e)
{
    struct kube_auth *a = context;
    const struct kube_config *config = a->config;

    a->run = NULL;
    /* Unless the configuration is without a plugin now. */
    if (credential && config->exec) {
        bool own_cert = credential->cert_pem;
        set_current(a, credentials_new(config, credential->token,
                                       own_cert ? credential->cert_pem : config->client_cert_pem,
                                       own_cert ? credential->key_pem : config->client_key_pem));
        a->expires = credential->expires;
        if (own_cert && net_pem_expires(credential->cert_pem) < a->expires)
            a->expires = net_pem_expires(credential->cert_pem);
        err_clear(&a->failure);
    } else if (config->exec) {
        set_current(a, NULL);
        a->failure = *e;
    }
    if (credential)
        kube_exec_credential_release(credential);
    a->ran = clock_now_monotonic();
    net_client_resume(a->client);
}

static bool ran_just_now(const struct kube_auth *a)
{
    return a->ran && clock_now_monotonic() - a->ran < EXEC_PAUSE;
}

/* As the hook, without the reference. */
static int get_from_exec(struct kube_auth *a, struct err *e)
{
    if (a->run)
        return 0;
    if (a->current && (ran_just_now(a) || clock_now_wall() < a->expires - EXPIRY_MARGIN))
        return 1;
    if (!a->current && a->failure.class && ran_just_now(a)) {
        *e = a->failure;
        return -1;
    }
    if (kube_exec_start(a->loop, a->config, on_exec, a, &a->run, e) < 0) {
        a->failure = *e;
        a->ran = clock_now_monotonic();
        return -1;
    }
    return 0;
}

/* --- the hooks --- */

static int get_credentials(void *context, struct net_credentials **ret, struct err *e)
{
    struct kube_auth *a = context;
    int r = 1;

    if (a->mark && clock_now_monotonic() - a->looked >= FILE_PAUSE)
        look_at_files(a);
    if (a->config->exec)
        r = get_from_exec(a, e);
    if (r != 1)
        return r;
    a->current->refs++;
    *ret = a->current;
    return 1;
}

static bool get_others(void *context, const struct net_credentials *used, bool by_client)
{
    struct kube_auth *a = context;

    if (used == a->current)
        look_at_files(a);
    if (used != a->current)
        return true;
    if (!a->config->exec || by_client || ran_just_now(a))
        return false;
    set_current(a, NULL);
    return true;
}

static void add_unread(void *context, struct err *e)
{
    const struct kube_auth *a = context;
    struct err whole;

    if (!a->unread.class)
        return;
    err_set(&whole, e->class, "%s; what has changed in files is not used: %s", e->text, a->unread.text);
    *e = whole;
}

static void explain_refusal(void *context, const struct net_request *request, struct net_response *r, struct err *e)
{
    (void)context;
    kube_error_of_answer(request, r, e);
}

static void auth_free(void *context)
{
    struct kube_auth *a = context;

    kube_exec_cancel(a->run);
    net_credentials_unref(a->current);
    kube_config_free(a->config);
    free(a);
}

static int connect_to_server(struct kube_auth *a, const struct net_client_options *options, struct err *e)
{
    const struct kube_config *config = a->config;
    _cleanup_free_ char *impersonate =
        config->impersonate_user ? str_printf("Impersonate-User: %s", config->impersonate_user) : NULL;
    const struct net_server server = {
        .url = config->server,
        .tls_server_name = config->tls_server_name,
        .proxy_url = config->proxy_url,
        .header = impersonate,
        .insecure = config->insecure_skip_tls_verify,
    };
    const struct net_client_hooks hooks = {
        .credentials = get_credentials,
        .rejected = get_others,
        .failed = add_unread,
        .refused = explain_refusal,
        .release = auth_free,
        .context = a,
    };

    return net_client_new(a->loop, &server, options, &hooks, &a->client, e);
}

int kube_client_new(struct event_base *loop, const struct kube_config *config, const struct net_client_options *options,
                    struct net_client **ret, struct err *e)
{
    struct kube_auth *a = NEW(struct kube_auth);

    a->loop = loop;
    a->config = kube_config_copy(config);
    a->looked = clock_now_monotonic();
    if (kube_config_read_files(a->config, &a->mark, e) < 0) {
        auth_free(a);
        return -1;
    }
    set_configured(a);
    if (connect_to_server(a, options, e) < 0)
        return -1;
    *ret = a->client;
    return 0;
}
