#include "api/format.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/pattern.h"
#include "api/problem.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/selector.h"

#define LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define LABEL_WORD "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
#define LABEL_KEY_MAX (253 + 1 + 63)
#define LABEL_KEY "(" LABEL "([.]" LABEL ")*/)?" LABEL_WORD
#define HOST_LABEL "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
#define ANNOTATION_KEY "(" HOST_LABEL "([.]" HOST_LABEL ")*/)?" LABEL_WORD
/* The grammar of container runtimes: "reference" of github.com/distribution/reference. */
#define IMAGE_HOST "(" HOST_LABEL "([.]" HOST_LABEL ")*|[[][0-9A-Fa-f:]+])(:[0-9]+)?"
#define IMAGE_WORD "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
#define IMAGE_PATH IMAGE_WORD "(/" IMAGE_WORD ")*"
#define IMAGE_NAME_MAX 255
#define IMAGE_TAG "[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
#define IMAGE_DIGEST "(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})"
/* What runtimes take for an identifier, and not for a name, although the grammar of names allows it. */
#define IMAGE_IDENTIFIER "[0-9a-f]{64}"
#define PORT "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
#define RANGE "[0-9A-Fa-f.:]+/(0|[1-9][0-9]*)"
#define RANGES "(" RANGE "(," RANGE ")*)?"

static bool check_ranges(const char *value, struct buf *why);
static bool check_ranges_or_all(const char *value, struct buf *why);
static bool check_ip_or_empty(const char *value, struct buf *why);
static bool check_label_key(const char *value, struct buf *why);
static bool check_image(const char *value, struct buf *why);
static bool check_image_hub(const char *value, struct buf *why);
static bool check_label_selector(const char *value, struct buf *why);

const struct field_format format_text = {
    .noun = "text",
    .words = "text of at most 32768 characters",
    .max_length = 32768,
};

const struct field_format format_dns_label = {
    .noun = "DNS label",
    .words = "a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit)",
    .pattern = "^" LABEL "$",
    .max_length = 63,
};

/* As a Service's name allows, with "istiod-" before it. */
const struct field_format format_revision = {
    .noun = "revision",
    .words = "the name of a revision (at most 56 of a-z, 0-9 and -, beginning and ending with a letter or digit)",
    .pattern = "^(" LABEL ")?$",
    .max_length = 56,
};

const struct field_format format_service_name = {
    .noun = "name of a Service",
    .words = "the name of a Service (at most 63 of a-z, 0-9 and -, beginning with a letter and ending with a letter or "
             "digit)",
    .pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    .max_length = 63,
};

const struct field_format format_dns_subdomain = {
    .noun = "DNS name",
    .words = "a DNS name (at most 253 of a-z, 0-9, - and ., each part beginning and ending with a letter or digit)",
    .pattern = "^" LABEL "([.]" LABEL ")*$",
    .max_length = 253,
};

const struct field_format format_object_name = {
    .noun = "name of an object",
    .words = "the name of an object (at most 253 characters, without / and %)",
    .pattern = "^[^/%]+$",
    .max_length = 253,
};

const struct field_format format_kind = {
    .noun = "kind",
    .words = "a kind such as Deployment (at most 63 letters and digits, beginning with a letter)",
    .pattern = "^[A-Za-z][A-Za-z0-9]*$",
    .max_length = 63,
};

const struct field_format format_folder = {
    .noun = "folder",
    .words =
        "an absolute path such as /opt/cni/bin (at most 1024 letters, digits, -, _, . and /, no part beginning with "
        "a dot)",
    .pattern = "^(/[A-Za-z0-9_][-A-Za-z0-9_.]*)+/?$",
    .max_length = 1024,
};

/* 107 bytes is what the kernel takes of a path (sun_path in unix(7)). */
const struct field_format format_socket = {
    .noun = "socket",
    .words =
        "unix: and the absolute path of a socket, such as unix:/var/run/sds/uds_path (at most 107 letters, digits, "
        "-, _, . and / behind unix:, no part beginning with a dot)",
    .pattern = "^unix:(/[A-Za-z0-9_][-A-Za-z0-9_.]*)+$",
    .max_length = 112,
};

const struct field_format format_duration = {
    .noun = "duration",
    .words = "a duration such as 30s, 10m or 2h (a whole number with s, m or h, at most 9999 of them)",
    .pattern = "^[0-9]{1,4}[smh]$",
    .max_length = 5,
};

const struct field_format format_time_of_day = {
    .noun = "time of day",
    .words = "a time of day such as 22:30 (00:00 to 24:00)",
    .pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
    .max_length = 5,
};

const struct field_format format_file_name = {
    .noun = "name of a file",
    .words = "the name of a file such as 10-calico.conflist (at most 253 letters, digits, -, _ and .)",
    .pattern = "^[A-Za-z0-9_][-A-Za-z0-9_.]*$",
    .max_length = 253,
};

const struct field_format format_label_key = {
    .noun = "label",
    .words = "the name of a label such as disktype or kubernetes.io/os",
    .pattern = "^" LABEL_KEY "$",
    .max_length = LABEL_KEY_MAX,
    .check = check_label_key,
};

const struct field_format format_annotation_key = {
    .noun = "annotation",
    .words = "the name of an annotation such as example.com/team",
    .pattern = "^" ANNOTATION_KEY "$",
    .max_length = LABEL_KEY_MAX,
    .check = check_label_key,
};

const struct field_format format_finalizer = {
    .noun = "finalizer",
    .words = "the name of a finalizer such as example.com/cleanup",
    .pattern = "^" LABEL_KEY "$",
    .max_length = LABEL_KEY_MAX,
    .check = check_label_key,
};

const struct field_format format_annotation_value = {
    .noun = "text",
    .words = "text of at most 262144 characters",
    .max_length = 262144,
};

const struct field_format format_label_value = {
    .noun = "value of a label",
    .words =
        "the value of a label (at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit)",
    .pattern = "^(" LABEL_WORD ")?$",
    .max_length = 63,
};

const struct field_format format_label_selector = {
    .noun = "label selector",
    .words = "a label selector such as app=jaeger or \"app in (a, b),version!=v1,!old\"",
    .pattern = "^[-A-Za-z0-9_./!=(), \t\r\n]+$",
    .max_length = SELECTOR_MAX_BYTES,
    .check = check_label_selector,
};

const struct field_format format_resource_name = {
    .noun = "name of a resource",
    .words = "the name of a resource such as cpu, memory or nvidia.com/gpu",
    .pattern = "^" LABEL_KEY "$",
    .max_length = LABEL_KEY_MAX,
    .check = check_label_key,
};

const struct field_format format_quantity = {
    .noun = "quantity",
    .words = "a quantity such as 2, \"500m\" or \"128Mi\", not below zero",
    .pattern = "^[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$",
    .max_length = 64,
};

const struct field_format format_version = {
    .noun = "version",
    .words = "a version of Istio such as 1.0.5",
    .pattern = "^[0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.]+)?$",
    .max_length = 32,
};

const struct field_format format_image = {
    .noun = "image",
    .words =
        "an image such as docker.io/istio/pilot:1.0.5, lower case in its path, with a tag or a digest where needed",
    .pattern = "^(" IMAGE_HOST "/)?" IMAGE_PATH "(:" IMAGE_TAG ")?(@" IMAGE_DIGEST ")?$",
    .max_length = 512,
    .check = check_image,
};

/* Shorter than IMAGE_NAME_MAX, because the name of a component follows. */
const struct field_format format_image_hub = {
    .noun = "image repository",
    .words = "a registry with a path such as docker.io/istio, lower case in its path and without a / at its end",
    .pattern = "^(" IMAGE_HOST "|" IMAGE_WORD ")(/" IMAGE_PATH ")?$",
    .max_length = 224,
    .check = check_image_hub,
};

const struct field_format format_image_tag = {
    .noun = "image tag",
    .words = "the tag of an image (at most 128 letters, digits, _, . and -, not beginning with . or -)",
    .pattern = "^" IMAGE_TAG "$",
    .max_length = 128,
};

const struct field_format format_host_port = {
    .noun = "host:port",
    .words = "a host and a port such as zipkin.tracing:9411",
    .pattern = "^(" HOST_LABEL "([.]" HOST_LABEL ")*|[[][0-9A-Fa-f:]+]):" PORT "$",
    .max_length = 259,
};

const struct field_format format_http_url = {
    .noun = "URL",
    .words = "a URL such as http://prometheus.istio-system:9090, without a user or password",
    .pattern = "^https?://(" HOST_LABEL "([.]" HOST_LABEL ")*|[[][0-9A-Fa-f:]+])(:" PORT ")?(/[-A-Za-z0-9._~%/]*)?$",
    .max_length = 2048,
};

const struct field_format format_ip_or_empty = {
    .noun = "IP address",
    .words = "an IP address such as 192.0.2.7, or empty",
    .pattern = "^[0-9A-Fa-f.:]*$",
    .max_length = 45,
    .check = check_ip_or_empty,
};

const struct field_format format_json_pointer = {
    .noun = "JSON pointer",
    .words = "a JSON pointer such as /spec/template/spec/containers/0/image",
    .pattern = "^(/([^~]|~[01])*)*$",
    .max_length = 1024,
};

#define PORT "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
const struct field_format format_port_list = {
    .noun = "list of ports",
    .words = "ports from 1 to 65535, separated by commas (\"80,443\"), or \"\"",
    .pattern = "^(" PORT "(," PORT ")*)?$",
    .max_length = 1024,
};

const struct field_format format_ranges = {
    .noun = "IP ranges",
    .words = "IPv4 or IPv6 ranges, separated by commas (\"10.0.0.0/8,fd00::/8\")",
    .pattern = "^" RANGES "$",
    .max_length = 16384,
    .check = check_ranges,
};

const struct field_format format_ranges_or_all = {
    .noun = "\"*\" or IP ranges",
    .words = "\"*\", or IPv4 or IPv6 ranges, separated by commas (\"10.0.0.0/8,fd00::/8\")",
    .pattern = "^([*]|" RANGES ")$",
    .max_length = 16384,
    .check = check_ranges_or_all,
};

static bool check_ip_or_empty(const char *value, struct buf *why)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    (void)why;
    return !*value || inet_pton(AF_INET, value, bytes) == 1 || inet_pton(AF_INET6, value, bytes) == 1;
}

/* One range; false with the reason. */
static bool check_range(const char *range, struct buf *why)
{
    _cleanup_free_ char *address = NULL;
    const char *slash = strchr(range, '/');
    unsigned char bytes[sizeof(struct in6_addr)];
    int64_t prefix, longest;

    problems_quote(range, why);
    if (!*range)
        return buf_add_str(why, " is empty: a comma too many"), false;
    if (strpbrk(range, " \t"))
        return buf_add_str(why, " has a blank"), false;
    if (str_eq(range, "*"))
        return buf_add_str(why, " is only allowed alone"), false;
    address = str_dup_n(range, slash ? (size_t)(slash - range) : strlen(range));
    longest = inet_pton(AF_INET, address, bytes) == 1 ? 32 : inet_pton(AF_INET6, address, bytes) == 1 ? 128 : -1;
    if (longest < 0)
        return buf_add_str(why, " has no IP address before the /"), false;
    if (!slash)
        return buf_printf(why, " has no prefix length (/%d is this one address)", (int)longest), false;
    if (strspn(slash + 1, "0123456789") != strlen(slash + 1) || !str_to_int64(slash + 1, &prefix) || prefix > longest)
        return buf_printf(why, " has no prefix length from 0 to %d behind the /", (int)longest), false;
    if (slash[1] == '0' && slash[2])
        return buf_printf(why, " has a prefix length with a leading zero: write /%d", (int)prefix), false;
    return true;
}

static bool check_ranges(const char *value, struct buf *why)
{
    char **ranges;
    bool valid = true;

    if (!*value)
        return true;
    ranges = str_split(value, ',');
    for (char **range = ranges; *range && valid; range++) {
        buf_reset(why);
        valid = check_range(*range, why);
    }
    if (valid)
        buf_reset(why);
    strv_free(ranges);
    return valid;
}

static bool check_ranges_or_all(const char *value, struct buf *why)
{
    return str_eq(value, "*") || check_ranges(value, why);
}

/* Of "docker.io/istio/pilot:1.0.5@sha256:..." what is before the tag. */
static size_t image_name_len(const char *image)
{
    size_t end = strcspn(image, "@"), at = end;

    while (at && image[at - 1] != '/' && image[at - 1] != ':')
        at--;
    return at && image[at - 1] == ':' ? at - 1 : end;
}

/*
 * Before the first / stands a registry only where it has a dot or a port, or is "localhost"; else it is part of the
 * path on Docker Hub.
 */
static bool check_image(const char *value, struct buf *why)
{
    size_t first = strcspn(value, "/");
    _cleanup_free_ char *host = str_dup_n(value, value[first] ? first : 0);

    if (image_name_len(value) > IMAGE_NAME_MAX)
        return buf_printf(why, "its name has more than %d characters", IMAGE_NAME_MAX), false;
    if (pattern_matches("^" IMAGE_IDENTIFIER "$", value))
        return buf_add_str(why, "64 hexadecimal digits are the identifier of an image and no name"), false;
    if (strpbrk(host, ".:") || str_eq(host, "localhost"))
        return true;
    for (const char *c = host; *c; c++)
        if (isupper((unsigned char)*c))
            return buf_printf(why, "\"%s\" has neither a dot nor a port, so it is no registry but part of the path",
                              host),
                   false;
    return true;
}

static bool check_image_hub(const char *value, struct buf *why)
{
    _cleanup_free_ char *image = str_printf("%s/x", value);

    return check_image(image, why);
}

/* Prefix and name have limits of their own. */
static bool check_label_key(const char *value, struct buf *why)
{
    const char *slash = strchr(value, '/');
    const char *name = slash ? slash + 1 : value;

    if (strlen(name) <= 63 && (!slash || slash - value <= 253))
        return true;
    buf_add_str(why, "its prefix has at most 253 and its name at most 63 characters");
    return false;
}

/* A selector that matches everything is rather a mistake than intended. */
static bool check_label_selector(const char *value, struct buf *why)
{
    _cleanup_selector_ struct selector *selector = NULL;
    struct err e;

    if (selector_parse(value, &selector, &e) < 0)
        return buf_add_str(why, e.text), false;
    if (selector_is_empty(selector))
        return buf_add_str(why, "it is empty, and would select every pod"), false;
    return true;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

bool format_matches(const struct field_format *format, const char *value, struct buf *why)
{
    if (count_characters(value) > (size_t)format->max_length) {
        buf_printf(why, "it is longer than %d characters", format->max_length);
        return false;
    }
    if (format->check && !format->check(value, why))
        return false;
    return !format->pattern || pattern_matches(format->pattern, value);
}
