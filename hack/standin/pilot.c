/*
 * What Pilot leaves behind in the cluster: the ConfigMap by which the Pilots agree on who
 * writes the status of Ingresses. It is made again whenever it is not there.
 */
#include "api.h"
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "istio-ingress-controller-leader-istio"
#define LEADER "control-plane.alpha.kubernetes.io/leader"

enum { RETRY_SECONDS = 2 };

static json_t *config_map(const char *space, const char *pod)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:o}}}", "apiVersion", "v1", "kind", "ConfigMap", "metadata",
			 "name", NAME, "namespace", space, "annotations", LEADER,
			 json_sprintf("{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":30}", pod));
}

void pilot_run(void)
{
	const char *pod = getenv("POD_NAME"), *space = getenv("POD_NAMESPACE");
	char all[512], one[600];
	json_t *object;
	int status;

	/* The real one then does without, too. */
	if (!pod || !space) {
		say("POD_NAME or POD_NAMESPACE is not set: no leader is elected");
		for (;;)
			pause();
	}
	snprintf(all, sizeof all, "/api/v1/namespaces/%s/configmaps", space);
	snprintf(one, sizeof one, "%s/%s", all, NAME);
	object = config_map(space, pod);
	for (;; sleep(RETRY_SECONDS)) {
		json_decref(api_call("GET", one, NULL, NULL, &status));
		if (status != 404)
			continue;
		json_decref(api_call("POST", all, NULL, object, &status));
		say("ConfigMap %s/%s: %s", space, NAME, status == 201 ? "created" : "not created");
	}
}
