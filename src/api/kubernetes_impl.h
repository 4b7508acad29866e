/*
 * What the files of Kubernetes' own objects share: words for their tables, formats, and checks between fields. Only for
 * files that hold such tables.
 */
#ifndef API_KUBERNETES_IMPL_H
#define API_KUBERNETES_IMPL_H

#include <limits.h>
#include <stdint.h>

#include "api/kubernetes.h"
#include "api/rows.h"

#define REQUIRED .required = true
/* Of a text: "" is not the same as none. */
#define NOT_EMPTY .least = 1
/* As doubles, in which limits are kept; beyond them the number has lost digits already. */
#define INT64_MOST 9007199254740991.
#define INT64_LEAST (-INT64_MOST)

#define ITEM_OF(...) (&(const struct field){NULL, __VA_ARGS__})
#define SEQUENCE(item_, least_, most_) .type = FIELD_LIST, .items = (item_), .least = (least_), .most = (most_)
#define LIST_OF(table_, least_) SEQUENCE(ITEM_OF(DOCUMENT(table_)), least_, INT_MAX)
#define TEXTS(format_, least_) SEQUENCE(ITEM_OF(TEXT(format_)), least_, INT_MAX)
#define INTEGERS(least_, most_) SEQUENCE(ITEM_OF(INTEGER(least_, most_)), 0, INT_MAX)
#define MAP_OF(keys_, values_) .type = FIELD_MAP, .format = &(keys_), .items = ITEM_OF(TEXT(values_)), .most = INT_MAX
#define QUANTITIES(keys_) .type = FIELD_MAP, .format = &(keys_), .items = ITEM_OF(QUANTITY), .most = INT_MAX
#define INT_OR_TEXT(least_, most_, format_)                                                                            \
    .type = FIELD_PORTION, .least = (least_), .most = (most_), .format = &(format_)
#define PORT INT_OR_TEXT(1, 65535, format_port_name)

#define TABLE_OF(title, array, ...)                                                                                    \
    {                                                                                                                  \
        .name = (title), FIELD_ROWS(array), .exact = true, __VA_ARGS__                                                 \
    }
/* id and id_rows */
#define TABLE(id, title, ...) static const struct field_table id = TABLE_OF(title, id##_rows, __VA_ARGS__)

extern const struct field_format format_absolute_path, format_any, format_base64, format_cluster_ip, format_config_key,
    format_csi_driver, format_dns_search, format_field_path, format_header, format_local_path, format_not_empty,
    format_path, format_percent, format_port_name, format_printable, format_range, format_resource_field,
    format_search_domain, format_sysctl, format_sysctl_path, format_webhook_name;

extern const struct field_table kubernetes_label_selector, kubernetes_pod_template, kubernetes_anything;

/* Whether a field is given: not absent, null or "". */
bool kubernetes_has(const json_t *object, const char *field);
/* Refuses more than one of these fields, and none where one is needed. */
void kubernetes_check_one_of(const json_t *object, const char *const *fields, bool needed, const char *path,
                             struct problems *problems);
#define ONE_OF(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Refuses an element of a list whose `key` another one before has, too; those without it do not count. */
void kubernetes_check_distinct(const json_t *list, const char *key, const char *path, struct problems *problems);

/* For field_table.check. */
void kubernetes_check_metadata(const json_t *metadata, const char *path, struct problems *problems);
void kubernetes_check_node_requirement(const json_t *requirement, const char *path, struct problems *problems);
void kubernetes_check_field_requirement(const json_t *requirement, const char *path, struct problems *problems);
void kubernetes_check_resources(const json_t *resources, const char *path, struct problems *problems);
void kubernetes_check_toleration(const json_t *toleration, const char *path, struct problems *problems);
void kubernetes_check_env(const json_t *env, const char *path, struct problems *problems);
void kubernetes_check_env_source(const json_t *source, const char *path, struct problems *problems);
void kubernetes_check_env_from(const json_t *source, const char *path, struct problems *problems);
void kubernetes_check_resource_field(const json_t *selector, const char *path, struct problems *problems);
void kubernetes_check_probe(const json_t *probe, const char *path, struct problems *problems);
void kubernetes_check_lifecycle_handler(const json_t *handler, const char *path, struct problems *problems);
void kubernetes_check_mount(const json_t *mount, const char *path, struct problems *problems);
void kubernetes_check_profile(const json_t *profile, const char *path, struct problems *problems);
void kubernetes_check_security(const json_t *security, const char *path, struct problems *problems);
void kubernetes_check_volume(const json_t *volume, const char *path, struct problems *problems);
void kubernetes_check_projected(const json_t *volume, const char *path, struct problems *problems);
void kubernetes_check_projection(const json_t *projection, const char *path, struct problems *problems);
void kubernetes_check_downward_file(const json_t *file, const char *path, struct problems *problems);
void kubernetes_check_container(const json_t *container, const char *path, struct problems *problems);
void kubernetes_check_pod(const json_t *spec, const char *path, struct problems *problems);

void kubernetes_check_deployment(const json_t *spec, const char *path, struct problems *problems);
void kubernetes_check_strategy(const json_t *strategy, const char *path, struct problems *problems);
void kubernetes_check_daemon_set(const json_t *spec, const char *path, struct problems *problems);
void kubernetes_check_daemon_set_strategy(const json_t *strategy, const char *path, struct problems *problems);
void kubernetes_check_service(const json_t *spec, const char *path, struct problems *problems);
void kubernetes_check_rule(const json_t *rule, const char *path, struct problems *problems);
/* Of a Role, and of what a RoleBinding binds. */
void kubernetes_check_namespaced_rule(const json_t *rule, const char *path, struct problems *problems);
void kubernetes_check_namespaced_subject(const json_t *subject, const char *path, struct problems *problems);
void kubernetes_check_subject(const json_t *subject, const char *path, struct problems *problems);
void kubernetes_check_data(const json_t *object, const char *path, struct problems *problems);
void kubernetes_check_autoscaler(const json_t *spec, const char *path, struct problems *problems);
void kubernetes_check_metric(const json_t *metric, const char *path, struct problems *problems);
void kubernetes_check_metric_target(const json_t *target, const char *path, struct problems *problems);
void kubernetes_check_metric_source(const json_t *source, const char *path, struct problems *problems);
void kubernetes_check_budget(const json_t *spec, const char *path, struct problems *problems);
void kubernetes_check_quota(const json_t *spec, const char *path, struct problems *problems);
void kubernetes_check_scope_requirement(const json_t *requirement, const char *path, struct problems *problems);
void kubernetes_check_webhook(const json_t *webhook, const char *path, struct problems *problems);
void kubernetes_check_webhooks(const json_t *configuration, const char *path, struct problems *problems);
void kubernetes_check_webhook_client(const json_t *client, const char *path, struct problems *problems);

#endif
