#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"
#include "kube/client_impl.h"
#include "kube/exec.h"
#include "net/credentials.h"

/* How often files are checked; they are read only where one changed. */
static const msec_t FILE_PAUSE = SECONDS(1);
/* Credentials are renewed this long before they expire. */
static const msec_t EXPIRY_MARGIN = SECONDS(10);
/* A plugin is not run again sooner, whatever the server or its own answer says. */
static const msec_t EXEC_PAUSE = SECONDS(5);

struct kube_auth {
    struct event_base *loop;
    struct kube_config *config; /* the client's */
    void (*ready)(void *context);
    void *context;
    struct kube_credentials *current;
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

static void free_secret(char *text)
{
    mem_free_secret(text, text ? strlen(text) : 0);
}

void kube_credentials_unref(struct kube_credentials *c)
{
    if (!c || --c->refs)
        return;
    free_secret(c->authorization);
    free_secret(c->key_pem);
    free(c->cert_pem);
    free(c->ca_pem);
    free(c);
}

static struct kube_credentials *credentials_new(const struct kube_config *config, const char *token,
                                                const char *cert_pem, const char *key_pem)
{
    struct kube_credentials *c = NEW(struct kube_credentials);

    c->refs = 1;
    c->ca_pem = str_dup(config->ca_pem);
    c->cert_pem = str_dup(cert_pem);
    c->key_pem = str_dup(key_pem);
    if (token)
        c->authorization = str_printf("Authorization: Bearer %s", token);
    return c;
}

static void add_password(struct kube_credentials *c, const struct kube_config *config)
{
    char *plain = str_printf("%s:%s", config->username, str_or(config->password, ""));
    size_t len = strlen(plain), coded_size = 4 * ((len + 2) / 3) + 1;
    char *coded = mem_new0(coded_size, 1);

    EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)plain, (int)len);
    c->authorization = str_printf("Authorization: Basic %s", coded);
    mem_free_secret(plain, len);
    mem_free_secret(coded, coded_size);
}

static void set_current(struct kube_auth *a, struct kube_credentials *c)
{
    kube_credentials_unref(a->current);
    a->current = c;
}

/* What the configuration says of itself; a plugin is run for the next call. */
static void set_configured(struct kube_auth *a)
{
    const struct kube_config *config = a->config;
    struct kube_credentials *c = NULL;

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
        if (own_cert && kube_pem_expires(credential->cert_pem) < a->expires)
            a->expires = kube_pem_expires(credential->cert_pem);
        err_clear(&a->failure);
    } else if (config->exec) {
        set_current(a, NULL);
        a->failure = *e;
    }
    if (credential)
        kube_exec_credential_release(credential);
    a->ran = clock_now_monotonic();
    a->ready(a->context);
}

static bool ran_just_now(const struct kube_auth *a)
{
    return a->ran && clock_now_monotonic() - a->ran < EXEC_PAUSE;
}

/* As kube_auth_get(), without the reference. */
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

int kube_auth_get(struct kube_auth *a, struct kube_credentials **ret, struct err *e)
{
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

bool kube_auth_rejected(struct kube_auth *a, const struct kube_credentials *used, bool by_us)
{
    if (used == a->current)
        look_at_files(a);
    if (used != a->current)
        return true;
    if (!a->config->exec || by_us || ran_just_now(a))
        return false;
    set_current(a, NULL);
    return true;
}

const char *kube_auth_unread(const struct kube_auth *a)
{
    return a->unread.class ? a->unread.text : NULL;
}

void kube_auth_free(struct kube_auth *a)
{
    if (!a)
        return;
    kube_exec_cancel(a->run);
    kube_credentials_unref(a->current);
    free(a);
}

static int auth_init(struct kube_auth *a, struct err *e)
{
    a->looked = clock_now_monotonic();
    if (kube_config_read_files(a->config, &a->mark, e) < 0)
        return -1;
    set_configured(a);
    return 0;
}

int kube_auth_new(struct event_base *loop, struct kube_config *config, void (*ready)(void *context), void *context,
                  struct kube_auth **ret, struct err *e)
{
    struct kube_auth *a = NEW(struct kube_auth);

    *a = (struct kube_auth){.loop = loop, .config = config, .ready = ready, .context = context};
    if (auth_init(a, e) < 0) {
        kube_auth_free(a);
        return -1;
    }
    *ret = a;
    return 0;
}
