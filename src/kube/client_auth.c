#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kube/client_impl.h"
#include "kube/exec.h"
#include "net/credentials.h"

/* How often a token's file is looked at; it is read only where it changed. */
static const msec_t FILE_PAUSE = SECONDS(1);
/* Credentials are renewed so long before they expire. */
static const msec_t EXPIRY_MARGIN = SECONDS(10);
/* A plugin is not run again sooner, whatever the server or its own answer says. */
static const msec_t EXEC_PAUSE = SECONDS(5);

struct kube_auth {
    struct event_base *loop;
    const struct kube_config *config; /* the client's */
    void (*ready)(void *context);
    void *context;
    struct kube_credentials *current;
    /* a token's file */
    struct stat seen;
    msec_t looked; /* monotonic */
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
    free(c);
}

static struct kube_credentials *credentials_new(const char *cert_pem, const char *key_pem)
{
    struct kube_credentials *c = NEW(struct kube_credentials);

    c->refs = 1;
    c->cert_pem = str_dup(cert_pem);
    c->key_pem = str_dup(key_pem);
    return c;
}

static struct kube_credentials *credentials_with_token(const char *token, const char *cert_pem, const char *key_pem)
{
    struct kube_credentials *c = credentials_new(cert_pem, key_pem);

    if (token)
        c->authorization = str_printf("Authorization: Bearer %s", token);
    return c;
}

static struct kube_credentials *credentials_with_password(const struct kube_config *config)
{
    struct kube_credentials *c = credentials_new(config->client_cert_pem, config->client_key_pem);
    char *plain = str_printf("%s:%s", config->username, str_or(config->password, ""));
    size_t len = strlen(plain), coded_size = 4 * ((len + 2) / 3) + 1;
    char *coded = mem_new0(coded_size, 1);

    EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)plain, (int)len);
    c->authorization = str_printf("Authorization: Basic %s", coded);
    mem_free_secret(plain, len);
    mem_free_secret(coded, coded_size);
    return c;
}

static void set_current(struct kube_auth *a, struct kube_credentials *c)
{
    kube_credentials_unref(a->current);
    a->current = c;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Where the file cannot be read just now, the token we have stays: it is replaced file by file, and may be good. */
static int read_token_file(struct kube_auth *a, struct err *e)
{
    const struct kube_config *config = a->config;
    struct stat st;
    char *token;

    a->looked = clock_now_monotonic();
    if (stat(config->token_file, &st) < 0)
        st = (struct stat){0};
    else if (a->current && same_file(&st, &a->seen))
        return 0;
    if (kube_token_read(config->token_file, &token, e) < 0)
        return a->current ? 0 : err_wrap(e, "tokenFile of %s", config->source);
    a->seen = st;
    set_current(a, credentials_with_token(token, config->client_cert_pem, config->client_key_pem));
    free_secret(token);
    return 0;
}

static void on_exec(void *context, struct kube_exec_credential *credential, const struct err *e)
{
    struct kube_auth *a = context;
    const struct kube_config *config = a->config;

    a->run = NULL;
    if (credential) {
        bool own_cert = credential->cert_pem;
        set_current(a,
                    credentials_with_token(credential->token, own_cert ? credential->cert_pem : config->client_cert_pem,
                                           own_cert ? credential->key_pem : config->client_key_pem));
        a->expires = credential->expires;
        err_clear(&a->failure);
        kube_exec_credential_release(credential);
    } else {
        set_current(a, NULL);
        a->failure = *e;
    }
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

    if (a->config->exec)
        r = get_from_exec(a, e);
    else if (a->config->token_file && clock_now_monotonic() - a->looked >= FILE_PAUSE)
        r = read_token_file(a, e) < 0 ? -1 : 1;
    if (r != 1)
        return r;
    a->current->refs++;
    *ret = a->current;
    return 1;
}

bool kube_auth_rejected(struct kube_auth *a, const struct kube_credentials *used)
{
    if (used != a->current)
        return true;
    if (a->config->exec) {
        if (ran_just_now(a))
            return false;
        set_current(a, NULL);
        return true;
    }
    if (a->config->token_file)
        read_token_file(a, NULL);
    return used != a->current;
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
    const struct kube_config *config = a->config;

    if (config->exec)
        return 0; /* run for the first call */
    if (config->token)
        a->current = credentials_with_token(config->token, config->client_cert_pem, config->client_key_pem);
    else if (config->token_file)
        return read_token_file(a, e);
    else if (config->username)
        a->current = credentials_with_password(config);
    else
        a->current = credentials_new(config->client_cert_pem, config->client_key_pem);
    return 0;
}

int kube_auth_new(struct event_base *loop, const struct kube_config *config, void (*ready)(void *context),
                  void *context, struct kube_auth **ret, struct err *e)
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
