/*
 * The template from which the injector makes sidecars: injection.yaml.tmpl, made part of the program.
 *
 * It is a template twice. The injector executes Go's template language, delimited by [[ and ]], for every Pod.
 * Before that the operator fills in what the resource says, once:
 *
 *   {{name}}                  the value, as JSON: it is YAML, too, and a string is also one of Go's
 *   {{if name}} ... {{end}}   lines that are there where the value is true; each stands on its own line
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

/* Of the generated file. */
extern const char v1_injection_template[];

/* JSON in which Go's templates find no [[, whatever a resource says. */
static void add_literal(const json_t *value, struct buf *out)
{
    _cleanup_free_ char *text = doc_text(value);
    bool in_string = false;

    for (const char *c = text; *c; c++) {
        if (*c == '[') {
            buf_add_str(out, in_string ? "\\u005b" : "[ ");
            continue;
        }
        if (*c == '"')
            in_string = !in_string;
        buf_add_char(out, *c);
        if (*c == '\\')
            buf_add_char(out, *++c);
    }
}

static const json_t *value_of(const json_t *values, const char *name)
{
    const json_t *value = json_object_get(values, name);

    if (!value)
        abort(); /* the template names something that values() below does not have */
    return value;
}

static void fill_in(const char *text, const json_t *values, struct buf *out)
{
    size_t depth = 0, left_out = 0; /* of conditions; the outermost one that is false, 0: none is */
    const char *open, *close;

    for (; (open = strstr(text, "{{")) && (close = strstr(open, "}}")); text = close) {
        _cleanup_free_ char *name = str_dup_n(open + 2, (size_t)(close - open - 2));
        bool condition = str_starts(name, "if ");

        if (!left_out)
            buf_add(out, text, (size_t)(open - text));
        close += 2;
        if (condition) {
            depth++;
            if (!left_out && !json_is_true(value_of(values, name + 3)))
                left_out = depth;
        } else if (str_eq(name, "end") && left_out == depth--) {
            left_out = 0;
        }
        if (condition || str_eq(name, "end")) {
            close += *close == '\n';
        } else if (!left_out) {
            add_literal(value_of(values, name), out);
        }
    }
    buf_add_str(out, text);
}

/*
 * A digest of the part of ConfigMap istio that goes into every sidecar. In a comment of the template, it makes the
 * injector's version of the template one of the whole sidecar: a Pod of an older version is one to be renewed.
 */
static json_t *proxy_config_digest(const struct mesh_env *env)
{
    _cleanup_json_ json_t *config = v1_proxy_config(env);
    _cleanup_free_ char *text = doc_text(config);
    char digest[65];

    str_sha256_hex(text, strlen(text), digest);
    return json_string(digest);
}

/* Of the init container; that of Istio 1.0 has none. */
static json_t *init_resources(const struct v1_spec *spec)
{
    if (spec->init_resources)
        return doc_copy(spec->init_resources);
    return OBJECT(
        MAP("requests", STRING("cpu", "10m"), STRING("memory", "10Mi")),
        MAP("limits", STRING("cpu", "100m"), STRING("memory", "50Mi")));
}

static json_t *values(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    const struct v1_spec *v1 = v1_of(spec);
    bool is_1_1 = v1_is_1_1(env), cni = v1_cni_is_used(env), sds = v1->sds.enabled;

    return OBJECT(
        BOOL("is_1_0", !is_1_1),
        BOOL("is_1_1", is_1_1),
        BOOL("has_init", !cni || spec->proxy.enable_core_dump),
        BOOL("init", !cni),
        BOOL("rewriteProbes", v1->rewrite_probes),
        VALUE("initResources", init_resources(v1)),
        BOOL("certs", !sds),
        BOOL("sds", sds),
        BOOL("token", sds && v1->sds.trustworthy_jwt),
        VALUE("proxyConfig", proxy_config_digest(env)),
        VALUE("initImage", mesh_image(env, v1_of(spec)->proxy_init.image, "proxy_init")),
        VALUE("proxyImage", mesh_image(env, spec->proxy.image, "proxyv2")),
        STRING("imagePullPolicy", spec->image_pull_policy),
        STRING("includeIPRanges", spec->include_ip_ranges),
        STRING("excludeIPRanges", spec->exclude_ip_ranges),
        VALUE("resources", v1_proxy_resources(env, spec->proxy.resources, v1_is_first_1_1(env) ? "128Mi" : "1024Mi")),
        BOOL("logLevelSet", spec->proxy.log_level),
        STRING("logLevel", str_or(spec->proxy.log_level, "")),
        BOOL("coreDump", spec->proxy.enable_core_dump),
        BOOL("readOnlyRoot", !spec->proxy.enable_core_dump),
        BOOL("privileged", spec->proxy.privileged));
}

void v1_injection_config(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_buf_ struct buf template = BUF_INIT, text = BUF_INIT;
    _cleanup_json_ json_t *filled = values(env), *config = NULL;
    json_t *labels = OBJECT(STRING("app", "istio"), STRING("istio", "sidecar-injector"));

    fill_in(v1_injection_template, filled, &template);
    config = OBJECT(
        STRING("policy", v1_of(env->spec)->auto_injection_policy ? "enabled" : "disabled"),
        STRING("template", buf_str(&template)));
    yaml_print_ordered(config, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, V1_INJECTION_CONFIG, labels)),
            MAP("data", STRING("config", buf_str(&text)))));
}
