#include <curl/curl.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "kube/config_impl.h"
#include "net/credentials.h"

/* A map of a file, and the path to it, for messages. */
struct place {
    const struct kube_config_file *file;
    const json_t *map;
    char path[160];
};

static int place_error(const struct place *p, const char *field, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int place_error(const struct place *p, const char *field, struct err *e, const char *fmt, ...)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return err_set(e, ERR_INVALID, "%s: %s%s%s: %s", p->file->name, p->path, *p->path ? "." : "", field,
                   buf_str(&text));
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return "null";
    case JSON_OBJECT:
        return "a map";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "a number";
    }
}

/* *ret_value is NULL where the field is absent or null. */
static int get(const struct place *p, const char *field, json_type type, const char *type_text,
               const json_t **ret_value, struct err *e)
{
    const json_t *value = json_object_get(p->map, field);

    *ret_value = NULL;
    if (!value || json_is_null(value))
        return 0;
    if (json_typeof(value) != type)
        return place_error(p, field, e, "must be %s, and is %s", type_text, type_name(value));
    *ret_value = value;
    return 0;
}

/* NULL where the field is absent or empty, which is the same to kubectl. Borrowed from the file. */
static int get_string(const struct place *p, const char *field, const char **ret, struct err *e)
{
    const json_t *value;

    if (get(p, field, JSON_STRING, "a string", &value, e) < 0)
        return -1;
    *ret = value && json_string_length(value) ? json_string_value(value) : NULL;
    if (*ret && strlen(*ret) != json_string_length(value))
        return place_error(p, field, e, "must not contain a NUL");
    return 0;
}

static int copy_string(const struct place *p, const char *field, char **ret, struct err *e)
{
    const char *value;

    if (get_string(p, field, &value, e) < 0)
        return -1;
    *ret = str_dup(value);
    return 0;
}

static int get_bool(const struct place *p, const char *field, bool *ret, struct err *e)
{
    const json_t *value = json_object_get(p->map, field);

    if (value && !json_is_null(value) && !json_is_boolean(value))
        return place_error(p, field, e, "must be true or false, and is %s", type_name(value));
    *ret = json_is_true(value);
    return 0;
}

/* The map in a field; *ret->map is NULL where it is absent. */
static int get_map(const struct place *p, const char *field, struct place *ret, struct err *e)
{
    ret->file = p->file;
    snprintf(ret->path, sizeof(ret->path), "%.100s%s%.40s", p->path, *p->path ? "." : "", field);
    return get(p, field, JSON_OBJECT, "a map", &ret->map, e);
}

static char *resolve_path(const struct kube_config_file *file, const char *path)
{
    return *path == '/' || !file->dir ? str_dup(path) : str_printf("%s%s", file->dir, path);
}

/* A path to a file; from outside there are none. */
static int copy_path(const struct place *p, const char *field, enum kube_config_trust trust, char **ret, struct err *e)
{
    const char *value;

    if (get_string(p, field, &value, e) < 0)
        return -1;
    if (value && trust == KUBE_CONFIG_FOREIGN)
        return place_error(p, field, e,
                           "paths to files are refused here, they would be read on the operator's machine");
    *ret = value ? resolve_path(p->file, value) : NULL;
    return 0;
}

/* Base64 of PEM. */
static int copy_data(const struct place *p, const char *field, char **ret, struct err *e)
{
    const char *value;
    size_t len;

    if (get_string(p, field, &value, e) < 0)
        return -1;
    if (!value)
        return 0;
    if (!base64_decode(value, strlen(value), ret, &len))
        return place_error(p, field, e, "must be base64 (with padding)");
    if (strlen(*ret) != len)
        return place_error(p, field, e, "must be PEM in base64, and has a NUL in it");
    return 0;
}

/* --- lists of named entries --- */

/* As kubectl has it: an element that is null is one without a name. */
static int entry_place(const struct kube_config_file *file, const char *list, size_t i, const json_t *entry,
                       struct place *ret, const char **ret_name, struct err *e)
{
    *ret = (struct place){.file = file, .map = entry};
    *ret_name = NULL;
    snprintf(ret->path, sizeof(ret->path), "%s[%zu]", list, i);
    if (json_is_null(entry))
        return 0;
    if (!json_is_object(entry))
        return err_set(e, ERR_INVALID, "%s: %s: must be a map, and is %s", file->name, ret->path, type_name(entry));
    return get_string(ret, "name", ret_name, e);
}

static int add_names(const struct kube_config_file *file, const char *list, struct buf *names, struct err *e)
{
    const json_t *entries, *entry;
    struct place root = {.file = file, .map = file->object}, place;
    const char *name;
    size_t i;

    if (get(&root, list, JSON_ARRAY, "a list", &entries, e) < 0)
        return -1;
    json_array_foreach(entries, i, entry) {
        if (entry_place(file, list, i, entry, &place, &name, e) < 0)
            return -1;
        if (json_is_null(entry))
            continue;
        buf_separate(names, ", ");
        buf_add_str(names, str_or(name, "\"\""));
    }
    return 0;
}

struct files {
    const struct kube_config_file *items;
    size_t len;
};

/* 1: found. 0: not there. */
static int find_in_file(const struct kube_config_file *file, const char *list, const char *key, const char *desired,
                        struct place *ret, struct err *e)
{
    const json_t *entries, *entry;
    struct place root = {.file = file, .map = file->object}, place;
    const char *name;
    size_t i;

    if (get(&root, list, JSON_ARRAY, "a list", &entries, e) < 0)
        return -1;
    json_array_foreach(entries, i, entry) {
        if (entry_place(file, list, i, entry, &place, &name, e) < 0)
            return -1;
        if (!str_eq(name, desired))
            continue;
        /* Without the map it has nothing: a user is anonymous, and of the others the first field is missing. */
        return get_map(&place, key, ret, e) < 0 ? -1 : 1;
    }
    return 0;
}

/* The entry `desired` of the first file that has it; `from` and `field` say who asks for it. */
static int find(const struct files *files, const char *list, const char *key, const char *desired,
                const struct place *from, const char *field, struct place *ret, struct err *e)
{
    _cleanup_buf_ struct buf names = BUF_INIT;

    for (size_t i = 0; i < files->len; i++) {
        int r = find_in_file(&files->items[i], list, key, desired, ret, e);
        if (r)
            return r < 0 ? -1 : 0;
    }
    for (size_t i = 0; i < files->len; i++)
        if (add_names(&files->items[i], list, &names, e) < 0)
            return -1;
    if (!names.len)
        return place_error(from, field, e, "no %s named \"%s\"; there are none", key, desired);
    return place_error(from, field, e, "no %s named \"%s\"; there are: %s", key, desired, buf_str(&names));
}

/* --- clusters --- */

static bool scheme_in(const char *scheme, const char *const *allowed)
{
    for (; *allowed; allowed++)
        if (str_eq(scheme, *allowed))
            return true;
    return false;
}

/* NULL, or what is wrong with it. */
static const char *url_problem(const char *text, const char *const *schemes, bool is_proxy)
{
    char *scheme = NULL, *part = NULL;
    const char *problem = NULL;
    CURLU *url = curl_url();

    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        problem = is_proxy ? "is no URL (http://HOST:PORT)" : "is no URL (https://HOST:PORT)";
    else if (!scheme_in(scheme, schemes))
        problem = is_proxy ? "must begin with http://, https:// or socks5://" : "must begin with https:// or http://";
    else if (!is_proxy && curl_url_get(url, CURLUPART_USER, &part, 0) == CURLUE_OK)
        problem = "must not contain a user or password";
    else if (curl_url_get(url, CURLUPART_QUERY, &part, 0) == CURLUE_OK)
        problem = "must not contain a query";
    else if (curl_url_get(url, CURLUPART_FRAGMENT, &part, 0) == CURLUE_OK)
        problem = "must not contain a fragment";
    curl_free(part);
    curl_free(scheme);
    curl_url_cleanup(url);
    return problem;
}

static int read_server(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    static const char *const schemes[] = {"https", "http", NULL};
    const char *problem;

    if (copy_string(p, "server", &c->server, e) < 0)
        return -1;
    if (!c->server)
        return place_error(p, "server", e, "is missing (https://HOST:PORT)");
    problem = url_problem(c->server, schemes, false);
    if (problem)
        return place_error(p, "server", e, "%s", problem);
    if (trust == KUBE_CONFIG_FOREIGN && strncasecmp(c->server, "https://", strlen("https://")) != 0)
        return place_error(p, "server", e, "http:// is refused here, others could read along and answer as the server");
    for (size_t len = strlen(c->server); c->server[len - 1] == '/'; len--)
        c->server[len - 1] = '\0';
    return 0;
}

static int read_proxy(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    static const char *const schemes[] = {"http", "https", "socks5", NULL};
    const char *problem;

    if (copy_string(p, "proxy-url", &c->proxy_url, e) < 0)
        return -1;
    if (!c->proxy_url)
        return 0;
    if (trust == KUBE_CONFIG_FOREIGN)
        return place_error(p, "proxy-url", e, "proxies are refused here, they would see who connects to where");
    problem = url_problem(c->proxy_url, schemes, true);
    return problem ? place_error(p, "proxy-url", e, "%s", problem) : 0;
}

static int read_ca(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    if (copy_data(p, "certificate-authority-data", &c->ca_pem, e) < 0 ||
        copy_path(p, "certificate-authority", trust, &c->ca_file, e) < 0 ||
        get_bool(p, "insecure-skip-tls-verify", &c->insecure_skip_tls_verify, e) < 0)
        return -1;
    if (c->ca_pem && net_pem_check_certs(c->ca_pem, e) < 0)
        return err_wrap(e, "%s: %s.certificate-authority-data", p->file->name, p->path);
    if (!c->insecure_skip_tls_verify)
        return 0;
    if (trust == KUBE_CONFIG_FOREIGN)
        return place_error(p, "insecure-skip-tls-verify", e, "true is refused here, others could answer as the server");
    if (c->ca_pem || c->ca_file)
        return place_error(p, "insecure-skip-tls-verify", e, "true contradicts the certificate-authority beside it");
    return 0;
}

static int read_cluster(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    if (read_server(p, trust, c, e) < 0 || read_ca(p, trust, c, e) < 0 || read_proxy(p, trust, c, e) < 0)
        return -1;
    return copy_string(p, "tls-server-name", &c->tls_server_name, e);
}

/* --- users --- */

static int read_strings(const struct place *p, const char *field, char ***ret, struct err *e)
{
    const json_t *list, *item;
    size_t i;

    if (get(p, field, JSON_ARRAY, "a list", &list, e) < 0)
        return -1;
    *ret = NEW_ARRAY(char *, json_array_size(list) + 1);
    json_array_foreach(list, i, item) {
        if (!json_is_string(item) && !json_is_null(item))
            return place_error(p, field, e, "element %zu must be a string, and is %s", i, type_name(item));
        (*ret)[i] = str_dup(str_or(json_string_value(item), ""));
    }
    return 0;
}

static int read_env(const struct place *p, char ***ret, struct err *e)
{
    const json_t *list, *item;
    size_t i, len = 0;

    if (get(p, "env", JSON_ARRAY, "a list", &list, e) < 0)
        return -1;
    *ret = NEW_ARRAY(char *, json_array_size(list) + 1);
    json_array_foreach(list, i, item) {
        const char *name = doc_string(item, "name"), *value = doc_string(item, "value");
        if (json_is_null(item))
            continue;
        if (!name || !*name || strchr(name, '='))
            return place_error(p, "env", e, "element %zu must have a name without \"=\"", i);
        (*ret)[len++] = str_printf("%s=%s", name, str_or(value, ""));
    }
    return 0;
}

static int check_interactive(const struct place *p, struct err *e)
{
    const char *mode;

    if (get_string(p, "interactiveMode", &mode, e) < 0)
        return -1;
    if (mode && str_eq(mode, "Always"))
        return place_error(p, "interactiveMode", e, "Always is refused: the operator cannot ask a user");
    return 0;
}

static int read_exec(const struct place *p, struct kube_config *c, struct err *e)
{
    static const char *const versions[] = {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1",
                                           "client.authentication.k8s.io/v1alpha1", NULL};
    struct kube_exec *exec = c->exec = NEW(struct kube_exec);
    const char *command;

    if (copy_string(p, "apiVersion", &exec->api_version, e) < 0 || get_string(p, "command", &command, e) < 0 ||
        read_strings(p, "args", &exec->args, e) < 0 || read_env(p, &exec->env, e) < 0 ||
        copy_string(p, "installHint", &exec->install_hint, e) < 0 ||
        get_bool(p, "provideClusterInfo", &exec->provide_cluster_info, e) < 0 || check_interactive(p, e) < 0)
        return -1;
    if (!exec->api_version || !scheme_in(exec->api_version, versions))
        return place_error(p, "apiVersion", e, "must be %s, %s or %s", versions[0], versions[1], versions[2]);
    if (!command)
        return place_error(p, "command", e, "is missing");
    /* A bare name is looked for in PATH. */
    exec->command = strchr(command, '/') ? resolve_path(p->file, command) : str_dup(command);
    return 0;
}

static int read_plugins(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    struct place exec, provider;

    if (get_map(p, "auth-provider", &provider, e) < 0 || get_map(p, "exec", &exec, e) < 0)
        return -1;
    if (provider.map)
        return place_error(p, "auth-provider", e,
                           "auth providers are not supported, Kubernetes itself removed them; use exec or a token");
    if (!exec.map)
        return 0;
    if (trust == KUBE_CONFIG_FOREIGN)
        return place_error(p, "exec", e, "plugins are refused here, they would be run on the operator's machine");
    return read_exec(&exec, c, e);
}

static int read_client_cert(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    if (copy_data(p, "client-certificate-data", &c->client_cert_pem, e) < 0 ||
        copy_data(p, "client-key-data", &c->client_key_pem, e) < 0 ||
        copy_path(p, "client-certificate", trust, &c->client_cert_file, e) < 0 ||
        copy_path(p, "client-key", trust, &c->client_key_file, e) < 0)
        return -1;
    if ((c->client_cert_pem || c->client_cert_file) && !c->client_key_pem && !c->client_key_file)
        return place_error(p, "client-key-data", e, "is missing beside the client certificate");
    if ((c->client_key_pem || c->client_key_file) && !c->client_cert_pem && !c->client_cert_file)
        return place_error(p, "client-certificate-data", e, "is missing beside the client key");
    /* Where one of them is a file, the client checks both when it reads it. */
    if (c->client_cert_pem && c->client_key_pem && net_pem_check_pair(c->client_cert_pem, c->client_key_pem, e) < 0)
        return err_wrap(e, "%s: %s.client-certificate-data", p->file->name, p->path);
    return 0;
}

static int read_token(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    if (copy_string(p, "token", &c->token, e) < 0 || copy_path(p, "tokenFile", trust, &c->token_file, e) < 0)
        return -1;
    if (c->token && net_token_check(c->token, e) < 0)
        return err_wrap(e, "%s: %s.token", p->file->name, p->path);
    return 0;
}

static int check_impersonation(const struct place *p, const struct kube_config *c, struct err *e)
{
    static const char *const others[] = {"as-uid", "as-groups", "as-user-extra", NULL};

    for (size_t i = 0; others[i]; i++) {
        const json_t *value = json_object_get(p->map, others[i]);
        if (json_is_string(value) ? json_string_length(value) : json_array_size(value) || json_object_size(value))
            return place_error(p, others[i], e, "is not supported, only \"as\" is");
    }
    for (const char *at = c->impersonate_user; at && *at; at++)
        if (*at < ' ' || *at > '~')
            return place_error(p, "as", e, "must be printable ASCII");
    return 0;
}

static int read_user(const struct place *p, enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    if (read_plugins(p, trust, c, e) < 0 || read_client_cert(p, trust, c, e) < 0 || read_token(p, trust, c, e) < 0 ||
        copy_string(p, "username", &c->username, e) < 0 || copy_string(p, "password", &c->password, e) < 0 ||
        copy_string(p, "as", &c->impersonate_user, e) < 0)
        return -1;
    return check_impersonation(p, c, e);
}

/* --- the whole --- */

int kube_config_file_parse(const char *name, const char *dir, const char *text, size_t len,
                           struct kube_config_file *ret, struct err *e)
{
    struct kube_config_file file = {0};
    struct yaml_documents docs;
    int r = 0;

    if (yaml_parse_secret(name, text, len, KUBE_CONFIG_MAX_BYTES, &docs, e) < 0)
        return -1;
    if (docs.len > 1)
        r = err_set(e, ERR_INVALID, "%s: a kubeconfig is one document, here are %zu", name, docs.len);
    else if (docs.len == 1 && !json_is_object(docs.items[0].value))
        r = err_set(e, ERR_INVALID, "%s: a kubeconfig is a map, this is %s", name, type_name(docs.items[0].value));
    else
        file.object = docs.len ? json_incref(docs.items[0].value) : json_object();
    yaml_documents_release(&docs);
    if (r < 0)
        return -1;
    file.name = str_dup(name);
    file.dir = str_dup(dir);
    *ret = file;
    return 0;
}

void kube_config_file_release(struct kube_config_file *f)
{
    json_decref(f->object);
    free(f->name);
    free(f->dir);
    *f = (struct kube_config_file){0};
}

static int check_type(const struct kube_config_file *file, struct err *e)
{
    struct place root = {.file = file, .map = file->object};
    const char *kind, *version;

    if (get_string(&root, "kind", &kind, e) < 0 || get_string(&root, "apiVersion", &version, e) < 0)
        return -1;
    if (kind && !str_eq(kind, "Config"))
        return place_error(&root, "kind", e, "must be Config, a kubeconfig");
    if (version && !str_eq(version, "v1"))
        return place_error(&root, "apiVersion", e, "must be v1");
    return 0;
}

/* Which context: the one asked for, or the first file's current one that has one. */
static int choose_context(const struct files *files, const char **ret_name, struct place *ret_from, struct err *e)
{
    _cleanup_buf_ struct buf names = BUF_INIT;

    for (size_t i = 0; i < files->len; i++) {
        *ret_from = (struct place){.file = &files->items[i], .map = files->items[i].object};
        if (get_string(ret_from, "current-context", ret_name, e) < 0)
            return -1;
        if (*ret_name)
            return 0;
        if (add_names(&files->items[i], "contexts", &names, e) < 0)
            return -1;
    }
    return place_error(ret_from, "current-context", e, "is not set; contexts are: %s",
                       names.len ? buf_str(&names) : "none");
}

static int read_context(const struct files *files, const char *context, const struct place *from, const char *field,
                        enum kube_config_trust trust, struct kube_config *c, struct err *e)
{
    struct place place, cluster, user;
    const char *cluster_name, *user_name;

    if (find(files, "contexts", "context", context, from, field, &place, e) < 0 ||
        get_string(&place, "cluster", &cluster_name, e) < 0 || get_string(&place, "user", &user_name, e) < 0 ||
        copy_string(&place, "namespace", &c->namespace, e) < 0)
        return -1;
    if (!cluster_name)
        return place_error(&place, "cluster", e, "is missing");
    if (!c->namespace)
        c->namespace = str_dup("default");
    c->source = str_printf("%s (context %s)", place.file->name, context);
    c->context = str_dup(context);
    if (find(files, "clusters", "cluster", cluster_name, &place, "cluster", &cluster, e) < 0 ||
        read_cluster(&cluster, trust, c, e) < 0)
        return -1;
    if (!user_name)
        return 0; /* anonymous */
    return find(files, "users", "user", user_name, &place, "user", &user, e) < 0 ? -1 : read_user(&user, trust, c, e);
}

int kube_config_from_files(const struct kube_config_file *files, size_t len, const char *context,
                           enum kube_config_trust trust, struct kube_config **ret, struct err *e)
{
    const struct files all = {files, len};
    _cleanup_kube_config_ struct kube_config *c = NEW(struct kube_config);
    struct place from = {.file = &files[0], .map = files[0].object};
    const char *field = "contexts";

    for (size_t i = 0; i < len; i++)
        if (check_type(&files[i], e) < 0)
            return -1;
    if (!context) {
        field = "current-context";
        if (choose_context(&all, &context, &from, e) < 0)
            return -1;
    }
    if (read_context(&all, context, &from, field, trust, c, e) < 0)
        return -1;
    *ret = TAKE_PTR(c);
    return 0;
}
