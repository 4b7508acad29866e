/*
 * What texts in the custom resources look like: a row each.
 *
 * `pattern` serves three readers: the operator's parser (POSIX extended), the API server (RE2)
 * and the reference page, so it keeps to what both dialects read alike: no \d, no
 * lazy or non-capturing groups. It is anchored.
 *
 * Facts: the names of Kubernetes' objects, labels and quantities as its API
 * conventions have them.
 */
#ifndef API_FORMAT_H
#define API_FORMAT_H

#include <stdbool.h>

#include "base/buf.h"

struct field_format {
    const char *noun;    /* "DNS label", for the type column of the reference page */
    const char *words;   /* behind "must be ": "a DNS label (...)" */
    const char *pattern; /* NULL: any text */
    int max_length;      /* characters */
    /*
     * Where a pattern cannot say it: false, and why in words ("10.0.0.0/33: ..."). Then the pattern is a
     * coarse sieve for the API server, and accepts whatever `check` accepts.
     */
    bool (*check)(const char *value, struct buf *why);
};

extern const struct field_format format_text;          /* any text, for messages in a status */
extern const struct field_format format_dns_label;     /* names of Namespaces */
extern const struct field_format format_revision;      /* names of control planes, in those of their objects */
extern const struct field_format format_service_name;  /* names of Services */
extern const struct field_format format_dns_subdomain; /* names of Secrets */
extern const struct field_format format_object_name;   /* names of any object, RBAC's too */
extern const struct field_format format_kind;
extern const struct field_format format_label_key;
extern const struct field_format format_label_value;
extern const struct field_format format_annotation_key;
extern const struct field_format format_annotation_value;
extern const struct field_format format_finalizer;
extern const struct field_format format_label_selector; /* app=jaeger,version notin (v1, v2) */
extern const struct field_format format_env_name;       /* environment variables of containers */
extern const struct field_format format_resource_name;  /* cpu, nvidia.com/gpu */
extern const struct field_format format_quantity;
extern const struct field_format format_version;
extern const struct field_format format_image;
extern const struct field_format format_image_hub;
extern const struct field_format format_image_tag;
extern const struct field_format format_host_port;
extern const struct field_format format_http_url;    /* http://prometheus.istio-system:9090 */
extern const struct field_format format_ip;          /* 192.0.2.7, 2001:db8::7 */
extern const struct field_format format_ip_or_empty; /* the same, or "" */
extern const struct field_format format_json_pointer;
extern const struct field_format format_folder;        /* /opt/cni/bin */
extern const struct field_format format_socket;        /* unix:/var/run/sds/uds_path */
extern const struct field_format format_duration;      /* 30s, 10m, 2h */
extern const struct field_format format_time_of_day;   /* 22:30; 24:00 is the end of a day */
extern const struct field_format format_file_name;     /* 10-calico.conflist */
extern const struct field_format format_port_list;     /* ports separated by commas, or "" */
extern const struct field_format format_ranges;        /* CIDRs separated by commas, or "" */
extern const struct field_format format_ranges_or_all; /* the same, or "*" */

/* Length, pattern and check. Where it does not hold, `why` has what the check had to say, or stays empty. */
bool format_matches(const struct field_format *format, const char *value, struct buf *why);

#endif
