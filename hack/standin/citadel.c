/*
 * What Citadel does that other pods wait for: a secret istio.<ServiceAccount> with
 * key, certificate chain and root for each ServiceAccount. Galley and the sidecar
 * injector do not start without theirs. It signs with an authority of its own making,
 * kept in the secret istio-ca-secret, or with --self-signed-ca=false with the one in
 * the files that it is given.
 */
#include "api.h"
#include "standin.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Citadel 1.0 makes RSA keys alone, and signs with nothing else: one that comes after this must find what it knows. */
enum { DAYS = 365, KEY_BITS = 2048 };

static const char *const secret_list = "/api/v1/secrets?fieldSelector=type%3Distio.io%2Fkey-and-cert";
static const char *const account_list = "/api/v1/serviceaccounts";

static const char *const key_name[] = {"metadata", "name", NULL};
static const char *const key_namespace[] = {"metadata", "namespace", NULL};

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	char *root;  /* PEM: what the mesh trusts */
	char *chain; /* PEM: what leads from the certificate to the root, or "" */
};

static char *pem_text(int (*write)(BIO *, const void *), const void *what)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long n;

	if (memory && write(memory, what)) {
		n = BIO_get_mem_data(memory, &data);
		text = strndup(data, (size_t)n);
	}
	BIO_free(memory);
	return text;
}

static int write_certificate(BIO *out, const void *what)
{
	return PEM_write_bio_X509(out, what);
}

static int write_key(BIO *out, const void *what)
{
	/* PKCS #1, "RSA PRIVATE KEY", as Citadel writes it. */
	return PEM_write_bio_PrivateKey_traditional(out, what, NULL, NULL, 0, NULL, NULL);
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (extension)
		X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* names NULL: a certificate authority, signed by itself. */
static X509 *certify(EVP_PKEY *key, const struct authority *issuer, const char *names)
{
	X509 *certificate = X509_new();
	X509 *signer = issuer ? issuer->certificate : certificate;
	uint64_t serial = 0;

	if (!certificate)
		return NULL;
	RAND_bytes((unsigned char *)&serial, sizeof serial);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -300);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * DAYS);
	X509_set_pubkey(certificate, key);
	if (!issuer)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "O", MBSTRING_ASC,
					   (const unsigned char *)"stand-in of Citadel", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(signer));
	extend(certificate, signer, NID_basic_constraints, names ? "critical,CA:FALSE" : "critical,CA:TRUE");
	extend(certificate, signer, NID_key_usage,
	       names ? "critical,digitalSignature,keyEncipherment" : "critical,keyCertSign");
	if (names) {
		extend(certificate, signer, NID_ext_key_usage, "serverAuth,clientAuth");
		extend(certificate, signer, NID_subject_alt_name, names);
	}
	X509_sign(certificate, issuer ? issuer->key : key, EVP_sha256());
	return certificate;
}

static json_t *secret(const char *space, const char *name, const char *type)
{
	return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{}}", "apiVersion", "v1", "kind", "Secret", "type", type,
			 "metadata", "name", name, "namespace", space, "stringData");
}

static int create(const char *space, const json_t *object)
{
	char path[512];
	int status;

	snprintf(path, sizeof path, "/api/v1/namespaces/%s/secrets", space);
	json_decref(api_call("POST", path, NULL, object, &status));
	return status;
}

/* Webhook servers are called by their Service's name. */
static void names_of(char *names, size_t size, const char *space, const char *account)
{
	int used = snprintf(names, size, "URI:spiffe://cluster.local/ns/%s/sa/%s", space, account);
	const char *service = strcmp(account, "istio-galley-service-account") == 0 ? "istio-galley"
		: strcmp(account, "istio-sidecar-injector-service-account") == 0 ? "istio-sidecar-injector" : NULL;

	if (service)
		snprintf(names + used, size - (size_t)used, ",DNS:%s.%s.svc,DNS:%s.%s", service, space, service, space);
}

static void issue(const struct authority *authority, const char *space, const char *account)
{
	char names[1024], name[300];
	EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
	X509 *certificate;
	char *chain, *private;
	json_t *object, *data;
	int status;

	names_of(names, sizeof names, space, account);
	snprintf(name, sizeof name, "istio.%s", account);
	certificate = certify(key, authority, names);
	chain = pem_text(write_certificate, certificate);
	private = pem_text(write_key, key);
	object = secret(space, name, "istio.io/key-and-cert");
	data = json_object_get(object, "stringData");
	json_object_set_new(json_object_get(object, "metadata"), "annotations",
			    json_pack("{s:s}", "istio.io/service-account.name", account));
	json_object_set_new(data, "cert-chain.pem", json_sprintf("%s%s", chain, authority->chain));
	json_object_set_new(data, "key.pem", json_string(private));
	json_object_set_new(data, "root-cert.pem", json_string(authority->root));
	status = create(space, object);
	say("secret %s/%s: %s", space, name, status == 201 ? "created" : "not created");
	json_decref(object);
	free(chain);
	free(private);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* The authority lives in a secret, so that a restart does not change it. */
static int authority_load(struct authority *authority, const char *space)
{
	static const char *const key_certificate[] = {"data", "ca-cert.pem", NULL};
	static const char *const key_private[] = {"data", "ca-key.pem", NULL};
	char path[512];
	int status;
	json_t *object;
	const char *texts[2];
	unsigned char pem[2][8192];

	snprintf(path, sizeof path, "/api/v1/namespaces/%s/secrets/istio-ca-secret", space);
	object = api_call("GET", path, NULL, NULL, &status);
	texts[0] = api_string(object, key_certificate);
	texts[1] = api_string(object, key_private);
	for (int i = 0; i < 2; i++) {
		size_t length = strlen(texts[i]);
		int n = length < sizeof pem[i] ? EVP_DecodeBlock(pem[i], (const unsigned char *)texts[i], (int)length) : 0;
		BIO *memory = BIO_new_mem_buf(pem[i], n > 0 ? n : 0);

		if (i == 0)
			authority->certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
		else
			authority->key = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);
		BIO_free(memory);
	}
	json_decref(object);
	return authority->certificate && authority->key ? 0 : status == 404 ? 1 : -1;
}

/* One that is signed by itself is the root, too. */
static void authority_is_root(struct authority *authority)
{
	authority->root = pem_text(write_certificate, authority->certificate);
	authority->chain = strdup("");
}

static int authority_make(struct authority *authority, const char *space)
{
	json_t *object = secret(space, "istio-ca-secret", "istio.io/ca-root");
	char *root, *private;
	int status;

	authority->key = EVP_RSA_gen(KEY_BITS);
	authority->certificate = certify(authority->key, NULL, NULL);
	root = pem_text(write_certificate, authority->certificate);
	private = pem_text(write_key, authority->key);
	json_object_set_new(json_object_get(object, "stringData"), "ca-cert.pem", json_string(root));
	json_object_set_new(json_object_get(object, "stringData"), "ca-key.pem", json_string(private));
	status = create(space, object);
	json_decref(object);
	free(root);
	free(private);
	return status == 201 ? 0 : -1;
}

static int has_secret(const json_t *secrets, const char *space, const char *account)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(secrets, "items"), i, item) {
		const char *name = api_string(item, key_name);

		if (strncmp(name, "istio.", 6) == 0 && strcmp(name + 6, account) == 0 &&
		    strcmp(api_string(item, key_namespace), space) == 0)
			return 1;
	}
	return 0;
}

static void issue_missing(const struct authority *authority)
{
	int status;
	json_t *accounts = api_call("GET", account_list, NULL, NULL, &status);
	json_t *secrets = api_call("GET", secret_list, NULL, NULL, &status);
	size_t i;
	json_t *item;

	/* Without the second list everything would seem to be missing. */
	if (status == 200)
		json_array_foreach(json_object_get(accounts, "items"), i, item) {
			const char *space = api_string(item, key_namespace), *account = api_string(item, key_name);

			if (!has_secret(secrets, space, account))
				issue(authority, space, account);
		}
	json_decref(accounts);
	json_decref(secrets);
}

/* The whole file that an argument names, or NULL. */
static char *file_of(const char *argument)
{
	enum { MAX_FILE = 65536 };
	const char *path = option(argument);
	FILE *file = path ? fopen(path, "re") : NULL;
	char *text = file ? calloc(1, MAX_FILE) : NULL;

	if (text)
		text[fread(text, 1, MAX_FILE - 1, file)] = '\0';
	else
		say("no file at --%s=%s", argument, path ? path : "");
	if (file)
		fclose(file);
	return text;
}

/* A mesh trusts only what leads to its root: said here and not by every proxy later. */
static int leads_to_root(const struct authority *authority)
{
	BIO *root_text = BIO_new_mem_buf(authority->root, -1), *chain_text = BIO_new_mem_buf(authority->chain, -1);
	X509 *root = PEM_read_bio_X509(root_text, NULL, NULL, NULL), *between;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	int good;

	while ((between = PEM_read_bio_X509(chain_text, NULL, NULL, NULL)))
		sk_X509_push(chain, between);
	good = root && X509_STORE_add_cert(store, root) == 1 &&
	       X509_STORE_CTX_init(context, store, authority->certificate, chain) == 1 && X509_verify_cert(context) == 1;
	sk_X509_pop_free(chain, X509_free);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	X509_free(root);
	BIO_free(root_text);
	BIO_free(chain_text);
	return good;
}

static int authority_from_files(struct authority *authority)
{
	char *certificate = file_of("signing-cert"), *key = file_of("signing-key");
	BIO *certificate_text = BIO_new_mem_buf(certificate ? certificate : "", -1);
	BIO *key_text = BIO_new_mem_buf(key ? key : "", -1);

	authority->root = file_of("root-cert");
	authority->chain = file_of("cert-chain");
	authority->certificate = PEM_read_bio_X509(certificate_text, NULL, NULL, NULL);
	authority->key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
	BIO_free(certificate_text);
	BIO_free(key_text);
	free(certificate);
	free(key);
	if (!authority->root || !authority->chain || !authority->certificate || !authority->key)
		return -1;
	if (X509_check_private_key(authority->certificate, authority->key) != 1) {
		say("the signing key is not the signing certificate's");
		return -1;
	}
	if (!leads_to_root(authority)) {
		say("the signing certificate does not lead to the root certificate");
		return -1;
	}
	return 0;
}

static void authority_from_secret(struct authority *authority, const char *space)
{
	int found;

	while ((found = authority_load(authority, space)) != 0) {
		if (found > 0 && authority_make(authority, space) == 0)
			break;
		say("the API server does not give secret %s/istio-ca-secret: trying again", space);
		sleep(1);
	}
	authority_is_root(authority);
}

void citadel_run(void)
{
	static const char *const watches[] = {account_list, secret_list, NULL};
	struct authority authority = {0};
	const char *self_signed = option("self-signed-ca");
	char space[256] = "istio-system";
	FILE *file = fopen("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "re");

	if (file) {
		if (!fgets(space, sizeof space, file))
			say("the pod's namespace is not known: %s is taken", space);
		fclose(file);
	}
	/* Like the real one: without its authority it ends, and the kubelet tries again. */
	if (self_signed && strcmp(self_signed, "false") == 0) {
		if (authority_from_files(&authority) != 0)
			return;
		say("signing with the authority in %s", option("signing-cert"));
	} else {
		authority_from_secret(&authority, space);
	}
	for (;;) {
		issue_missing(&authority);
		api_wait(watches);
	}
}
