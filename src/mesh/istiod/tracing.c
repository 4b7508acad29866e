/*
 * Where proxies send their spans, and how many: nothing of it restarts them.
 *
 * Source: Istio 1.28 to 1.31, pilot/pkg/model/telemetry.go (a provider is the first of a Telemetry's, else of the
 * default ones), telemetry_logging.go (its Service is found by its whole name) and
 * pilot/pkg/networking/core/tracing.go (a Telemetry's sampling counts before PILOT_TRACE_SAMPLING, which istiod reads
 * when it starts). It does not look for the port; Envoy, source/extensions/tracers/zipkin/zipkin_tracer_impl.cc,
 * refuses a listener whose spans go to a cluster that it does not have.
 */
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"
#include "mesh/spans.h"

/* istiod knows no other hosts: of those, proxies read a Zipkin's address when they start. */
static bool is_provider(const struct mesh_spans *tracing)
{
    return tracing->name || tracing->protocol == MESH_SPANS_OPENTELEMETRY;
}

static bool has_provider(const struct mesh_env *env)
{
    _cleanup_mesh_spans_ struct mesh_spans tracing = mesh_spans_read(env->spec, env->ns);

    return is_provider(&tracing);
}

const char *istiod_tracing_provider(const struct mesh_env *env)
{
    return has_provider(env) && !env->untraced ? ISTIOD_TRACING : NULL;
}

double istiod_tracing_sampling(const struct mesh_env *env)
{
    return has_provider(env) ? ISTIOD_SAMPLING : env->spec->tracing.sampling;
}

const char *istiod_tracing_zipkin(const struct mesh_env *env)
{
    _cleanup_mesh_spans_ struct mesh_spans tracing = mesh_spans_read(env->spec, env->ns);

    return is_provider(&tracing) ? NULL : tracing.address;
}

void istiod_tracing_add_provider(const struct mesh_env *env, json_t *mesh_config)
{
    _cleanup_mesh_spans_ struct mesh_spans tracing = mesh_spans_read(env->spec, env->ns);
    bool is_zipkin = tracing.protocol == MESH_SPANS_ZIPKIN;
    json_t *providers = json_object_get(mesh_config, "extensionProviders");

    if (!is_provider(&tracing) || env->untraced)
        return;
    if (!json_is_array(providers)) {
        providers = json_array();
        json_object_set_new(mesh_config, "extensionProviders", providers);
    }
    json_array_append_new(
        providers,
        OBJECT(
            STRING("name", ISTIOD_TRACING),
            MAP(is_zipkin ? "zipkin" : "opentelemetry", STRING("service", tracing.host), INT("port", tracing.port))));
}

/* As the API server gives it back. */
static json_t *number(double value)
{
    return value == (double)(int)value ? json_integer((int)value) : json_real(value);
}

void istiod_telemetry(const struct mesh_env *env, struct rendered_list *out)
{
    const double sampling = env->spec->tracing.sampling;

    if (!has_provider(env) || sampling == ISTIOD_SAMPLING)
        return;
    mesh_add(
        env,
        out,
        "Telemetry",
        OBJECT(
            MAP("metadata",
                STRING("name", ISTIOD_TRACING),
                STRING("namespace", istiod_root_namespace(env->spec, env->ns))),
            MAP("spec", SEQ("tracing", ITEM(VALUE("randomSamplingPercentage", number(sampling)))))));
}

const char *istiod_root_namespace(const struct istio_spec *spec, const char *ns)
{
    return str_or(doc_string(istiod_of(spec)->mesh_config, "rootNamespace"), ns);
}
