/*
 * What the sidecar injector does that other pods wait for: it puts its CA into its
 * webhook's configuration, and answers each request. Nothing is injected: a stand-in
 * of the proxy would carry no traffic.
 */
#define _GNU_SOURCE
#include "api.h"
#include "standin.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CERTS "/etc/istio/certs/"
#define CONFIGURATION "/apis/admissionregistration.k8s.io/v1beta1/mutatingwebhookconfigurations"

enum { PORT = 443, MAX_REQUEST = 8 << 20, TIMEOUT_SECONDS = 3 };

/* The root certificate in base64, as caBundle holds it. */
static char *bundle(void)
{
	static unsigned char pem[65536], text[65536 * 4 / 3 + 8];
	FILE *file = fopen(CERTS "root-cert.pem", "re");
	size_t n;

	if (!file)
		return NULL;
	n = fread(pem, 1, sizeof pem, file);
	fclose(file);
	EVP_EncodeBlock(text, pem, (int)n);
	return (char *)text;
}

static void patch_bundle(const char *text)
{
	static const char *const key_bundle[] = {"clientConfig", "caBundle", NULL};
	static const char *const key_name[] = {"name", NULL};
	const char *path = CONFIGURATION "/istio-sidecar-injector";
	int status, stale = 0;
	json_t *object = api_call("GET", path, NULL, NULL, &status), *hook, *patch;
	size_t i;

	patch = json_pack("{s:[]}", "webhooks");
	json_array_foreach(json_object_get(object, "webhooks"), i, hook) {
		if (strcmp(api_string(hook, key_bundle), text) == 0)
			continue;
		stale = 1;
		json_array_append_new(json_object_get(patch, "webhooks"),
				      json_pack("{s:s, s:{s:s}}", "name", api_string(hook, key_name),
						"clientConfig", "caBundle", text));
	}
	if (status == 200 && stale) {
		json_decref(api_call("PATCH", path, "application/strategic-merge-patch+json", patch, &status));
		say("the webhook's caBundle: %s", status == 200 ? "set" : "not set");
	}
	json_decref(object);
	json_decref(patch);
}

static void keep_bundle(void)
{
	static const char *const watches[] = {
		CONFIGURATION "?fieldSelector=metadata.name%3Distio-sidecar-injector", NULL};

	for (;;) {
		const char *text = bundle();

		if (text)
			patch_bundle(text);
		api_wait(watches);
	}
}

/* Reads head and body of one request; the body, or NULL. */
static char *read_request(SSL *ssl, char *text, size_t size)
{
	size_t used = 0, length = 0;
	char *body = NULL, *field;
	int n;

	while (used < size - 1 && (n = SSL_read(ssl, text + used, (int)(size - 1 - used))) > 0) {
		used += (size_t)n;
		text[used] = '\0';
		if (!body && (body = strstr(text, "\r\n\r\n"))) {
			body += 4;
			field = strcasestr(text, "\r\nContent-Length:");
			length = field && field < body ? strtoul(field + 17, NULL, 10) : 0;
		}
		if (body && used - (size_t)(body - text) >= length)
			return body;
	}
	return NULL;
}

static void answer(SSL *ssl)
{
	static char request[MAX_REQUEST];
	static const char *const key_version[] = {"apiVersion", NULL};
	static const char *const key_uid[] = {"request", "uid", NULL};
	char *body = read_request(ssl, request, sizeof request), *text, head[256];
	json_t *review = body ? json_loads(body, 0, NULL) : NULL, *response;
	int n;

	response = json_pack("{s:s, s:s, s:{s:s, s:b}}", "apiVersion", api_string(review, key_version),
			     "kind", "AdmissionReview", "response", "uid", api_string(review, key_uid), "allowed", 1);
	text = json_dumps(response, JSON_COMPACT);
	n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
		     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		     review ? "200 OK" : "400 Bad Request", text ? strlen(text) : 0);
	if (text && SSL_write(ssl, head, n) == n)
		SSL_write(ssl, text, (int)strlen(text));
	SSL_shutdown(ssl);
	free(text);
	json_decref(response);
	json_decref(review);
}

void injector_run(void)
{
	struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int listener;

	if (!context || SSL_CTX_use_certificate_chain_file(context, CERTS "cert-chain.pem") != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, CERTS "key.pem", SSL_FILETYPE_PEM) != 1) {
		say("no certificate in %s: no admission request is answered", CERTS);
		return;
	}
	listener = listen_on(PORT);
	if (listener < 0)
		return;
	if (fork() == 0)
		keep_bundle();
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		SSL *ssl = fd >= 0 ? SSL_new(context) : NULL;

		if (ssl) {
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
			SSL_set_fd(ssl, fd);
			if (SSL_accept(ssl) == 1)
				answer(ssl);
			SSL_free(ssl);
			ERR_clear_error();
		}
		if (fd >= 0)
			close(fd);
	}
}
