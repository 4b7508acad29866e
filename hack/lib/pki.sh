# Certificates and kubeconfigs of one cluster. Sourced by hack/cluster.
# shellcheck shell=bash

# pki_sign FILE SUBJECT EXTENSIONS [CA]: a P-256 key and a certificate of the cluster's CA.
# P-256 because making an RSA key for every one of these takes seconds.
pki_sign() {
  local extensions=() ca=${4:-ca}
  [ -z "$3" ] || extensions=(-addext "subjectAltName=$3")
  openssl req -x509 -CA "$STATE/pki/$ca.crt" -CAkey "$STATE/pki/$ca.key" -days 3650 \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" "${extensions[@]}" \
    -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature,keyEncipherment \
    -addext extendedKeyUsage=serverAuth,clientAuth \
    -keyout "$STATE/pki/$1.key" -out "$STATE/pki/$1.crt" 2>>"$STATE/logs/openssl.log" ||
    die "openssl failed: see $STATE/logs/openssl.log"
}

# pki_make_ca FILE SUBJECT
pki_make_ca() {
  openssl req -x509 -days 3650 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "$2" -keyout "$STATE/pki/$1.key" -out "$STATE/pki/$1.crt" \
    2>>"$STATE/logs/openssl.log" || die "openssl failed: see $STATE/logs/openssl.log"
}

# pki_make_server CA: the API server's certificate, and trust.crt, by which its clients know it.
pki_make_server() {
  local names
  names="IP:$API_IP,IP:127.0.0.1,IP:$SERVICE_API,DNS:localhost,DNS:kubernetes"
  names+=",DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  pki_sign apiserver /CN=kube-apiserver "$names" "$1"
  cp "$STATE/pki/$1.crt" "$STATE/pki/trust.crt"
}

pki_write_kubeconfigs() {
  kubeconfig_write admin "$STATE/kubeconfig"
  kubeconfig_write controllers "$STATE/pki/controllers.kubeconfig"
  kubeconfig_write token "$STATE/kubeconfig-token"
}

pki_make() {
  pki_make_ca ca "/CN=istio-operator-$NAME-ca"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$STATE/pki/sa.key" \
    2>>"$STATE/logs/openssl.log"
  openssl pkey -in "$STATE/pki/sa.key" -pubout -out "$STATE/pki/sa.pub"
  pki_make_server ca
  pki_sign admin /O=system:masters/CN=admin ""
  # system:masters spares each of the 30 controllers a ServiceAccount: 3 s of a start.
  pki_sign controllers /O=system:masters/CN=system:kube-controller-manager ""
  printf '%s,token-admin,token-admin,"system:masters"\n' "$(openssl rand -hex 16)" >"$STATE/pki/tokens.csv"
  pki_write_kubeconfigs
}

pki_make_node() {
  pki_sign scheduler /CN=system:kube-scheduler ""
  pki_sign proxy /CN=system:kube-proxy ""
  pki_sign kubelet "/O=system:nodes/CN=system:node:$NAME" "IP:$API_IP,DNS:$NAME"
  kubeconfig_write scheduler "$STATE/pki/scheduler.kubeconfig"
  kubeconfig_write proxy "$STATE/pki/proxy.kubeconfig"
  kubeconfig_write kubelet "$STATE/pki/kubelet.kubeconfig"
}

# kubeconfig_write USER FILE: everything inline, so that the file can be copied; replaced as a whole.
kubeconfig_write() {
  local user
  if [ "$1" = token ]; then
    user="token: $(cut -d, -f1 "$STATE/pki/tokens.csv")"
  else
    user="client-certificate-data: $(base64 -w0 "$STATE/pki/$1.crt")
    client-key-data: $(base64 -w0 "$STATE/pki/$1.key")"
  fi
  (
    umask 077
    cat >"$2.new" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: $NAME
  cluster:
    server: https://$API_IP:6443
    certificate-authority-data: $(base64 -w0 "$STATE/pki/trust.crt")
users:
- name: $1
  user:
    $user
contexts:
- name: $NAME
  context:
    cluster: $NAME
    user: $1
current-context: $NAME
YAML
    mv "$2.new" "$2"
  )
}
