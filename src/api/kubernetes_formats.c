/* What texts in Kubernetes' own objects look like, besides those that the custom resources have, too. */
#include <arpa/inet.h>
#include <string.h>

#include "api/kubernetes_impl.h"
#include "base/str.h"

static bool is_ip(const char *value)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, value, bytes) == 1 || inet_pton(AF_INET6, value, bytes) == 1;
}

static bool check_ip(const char *value, struct buf *why)
{
    (void)why;
    return is_ip(value);
}

static bool check_cluster_ip(const char *value, struct buf *why)
{
    (void)why;
    return is_ip(value) || str_eq(value, "None");
}

/* One range, where servers allow blanks around it. */
static bool check_range(const char *value, struct buf *why)
{
    size_t before = strspn(value, " "), len = strlen(value + before);
    _cleanup_free_ char *range = NULL;

    while (len && value[before + len - 1] == ' ')
        len--;
    range = str_dup_n(value + before, len);
    if (strchr(range, ','))
        return buf_add_str(why, "it is more than one"), false;
    return *range && format_matches(&format_ranges, range, why);
}

static bool has_step_up(const char *path)
{
    _cleanup_strv_ char **steps = str_split(path, '/');

    for (char **step = steps; *step; step++)
        if (str_eq(*step, ".."))
            return true;
    return false;
}

static bool check_path(const char *value, struct buf *why)
{
    return !has_step_up(value) || (buf_add_str(why, "it has a step \"..\""), false);
}

static bool check_absolute_path(const char *value, struct buf *why)
{
    if (*value != '/')
        return buf_add_str(why, "it does not begin with \"/\""), false;
    return check_path(value, why);
}

static bool check_local_path(const char *value, struct buf *why)
{
    if (*value == '/')
        return buf_add_str(why, "it begins with \"/\""), false;
    return check_path(value, why);
}

static bool check_config_key(const char *value, struct buf *why)
{
    return !(str_eq(value, ".") || str_starts(value, "..")) ||
           (buf_add_str(why, "it is \".\" or begins with \"..\""), false);
}

const struct field_format format_absolute_path = {
    .noun = "absolute path",
    .words = "an absolute path without \"..\"",
    .max_length = 4096,
    .check = check_absolute_path,
};

const struct field_format format_any = {.noun = "text", .words = "text", .max_length = INT_MAX};

const struct field_format format_base64 = {
    .noun = "base64",
    .words = "text in base64",
    .pattern = "^([A-Za-z0-9+/\r\n]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    .max_length = INT_MAX,
};

const struct field_format format_config_key = {
    .noun = "key",
    .words = "a key of at most 253 letters, digits, -, _ and .",
    .pattern = "^[-._A-Za-z0-9]+$",
    .max_length = 253,
    .check = check_config_key,
};

const struct field_format format_cluster_ip = {
    .noun = "IP address",
    .words = "an IP address or \"None\"",
    .max_length = 64,
    .check = check_cluster_ip,
};

const struct field_format format_csi_driver = {
    .noun = "CSI driver",
    .words = "the name of a CSI driver, a DNS name of at most 63 characters",
    .pattern = "^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$",
    .max_length = 63,
};

const struct field_format format_dns_search = {
    .noun = "search domain",
    .words = "a DNS name to search in",
    .pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*[.]?$",
    .max_length = 254,
};

const struct field_format format_env_name = {
    .noun = "name of a variable",
    .words = "the name of an environment variable (letters, digits, -, _ and ., not beginning with a digit)",
    .pattern = "^[-._A-Za-z][-._A-Za-z0-9]*$",
    .max_length = INT_MAX,
    .check = check_config_key,
};

const struct field_format format_field_path = {
    .noun = "field of a Pod",
    .words = "a field of a Pod such as metadata.name, metadata.labels['app'], spec.nodeName or status.podIP",
    .pattern = "^(metadata[.](name|namespace|uid|labels|annotations|(labels|annotations)\\['[^']+'\\])|"
               "spec[.](nodeName|serviceAccountName)|status[.](hostIPs?|podIPs?))$",
    .max_length = 512,
};

const struct field_format format_header = {
    .noun = "HTTP header",
    .words = "the name of an HTTP header (letters, digits and -)",
    .pattern = "^[-A-Za-z0-9]+$",
    .max_length = INT_MAX,
};

const struct field_format format_ip = {
    .noun = "IP address",
    .words = "an IP address",
    .pattern = "^[0-9A-Fa-f.:]+$",
    .max_length = 64,
    .check = check_ip,
};

const struct field_format format_local_path = {
    .noun = "relative path",
    .words = "a relative path without \"..\"",
    .max_length = 4096,
    .check = check_local_path,
};

const struct field_format format_not_empty = {
    .noun = "text",
    .words = "text that is not empty",
    .pattern = "^.",
    .max_length = INT_MAX,
};

const struct field_format format_path = {
    .noun = "path",
    .words = "a path without \"..\"",
    .max_length = 4096,
    .check = check_path,
};

const struct field_format format_percent = {
    .noun = "percentage",
    .words = "a percentage such as \"25%\"",
    .pattern = "^[0-9]+%$",
    .max_length = 10,
};

const struct field_format format_port_name = {
    .noun = "name of a port",
    .words =
        "the name of a port (at most 15 of a-z, 0-9 and single -, one of them a letter, beginning and ending with a "
        "letter or digit)",
    .pattern = "^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    .max_length = 15,
};

/* The name of an environment variable, of Kubernetes 1.32 and later. */
const struct field_format format_printable = {
    .noun = "name of a variable",
    .words = "the name of an environment variable (printable ASCII characters without =)",
    .pattern = "^[ -<>-~]+$",
    .max_length = INT_MAX,
};

const struct field_format format_range = {
    .noun = "IP range",
    .words = "an IPv4 or IPv6 range such as 10.0.0.0/8",
    .max_length = 128,
    .check = check_range,
};

const struct field_format format_resource_field = {
    .noun = "resource of a container",
    .words = "a resource of a container such as limits.cpu, requests.memory or limits.ephemeral-storage",
    .pattern = "^(limits|requests)[.](cpu|memory|ephemeral-storage|hugepages-[A-Za-z0-9]+)$",
    .max_length = 253,
};

/* Of Kubernetes 1.33 and later. */
const struct field_format format_search_domain = {
    .noun = "search domain",
    .words = "a DNS name to search in, which may have _ in it, or \".\"",
    .pattern = "^([.]|[_a-z0-9]([-_a-z0-9]*[a-z0-9])?([.][_a-z0-9]([-_a-z0-9]*[a-z0-9])?)*[.]?)$",
    .max_length = 254,
};

const struct field_format format_sysctl = {
    .noun = "sysctl",
    .words = "the name of a sysctl such as net.core.somaxconn",
    .pattern = "^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([.][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$",
    .max_length = 253,
};

/* Of Kubernetes 1.25 and later. */
const struct field_format format_sysctl_path = {
    .noun = "sysctl",
    .words = "the name of a sysctl such as net.core.somaxconn or net/core/somaxconn",
    .pattern = "^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$",
    .max_length = 253,
};

const struct field_format format_webhook_name = {
    .noun = "name of a webhook",
    .words = "the name of a webhook, a DNS name of at least three parts",
    .pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?){2,}$",
    .max_length = 253,
};
