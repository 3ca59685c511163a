#include "tools/http/tls.h"

#include "tools/http/private_file.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>

namespace backsight::tools {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;
using schema::ErrorCode;
using schema::make_error;

schema::Error cannot(const std::string& what, const error_code& failed, const std::string& hint) {
  return make_error(ErrorCode::kInvalid, what + ": " + failed.message(), hint);
}

schema::Result<std::unique_ptr<ssl::context>> modern(ssl::context::method role) {
  auto context = std::make_unique<ssl::context>(role);
  SSL_CTX* const native = context->native_handle();
  if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    return make_error(ErrorCode::kUnsupported, "this OpenSSL has no TLS 1.2 with AES-GCM or ChaCha20");
  }
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  return context;
}

}  // namespace

schema::Result<std::unique_ptr<ssl::context>> server_tls(const std::string& certificate,
                                                         const std::string& key) {
  auto text = read_private_file(key, 0640, "TLS key");
  if (!text) return text.error();
  auto context = modern(ssl::context::tls_server);
  if (!context) return context.error();
  error_code failed;
  (*context)->use_certificate_chain_file(certificate, failed);
  if (failed) {
    return cannot("cannot use the TLS certificate " + certificate, failed,
                  "a PEM file with the server's certificate and those that signed it");
  }
  // Nobody could answer a question for a passphrase.
  (*context)->set_password_callback([](std::size_t, ssl::context::password_purpose) { return ""; }, failed);
  (*context)->use_private_key(boost::asio::buffer(*text), ssl::context::pem, failed);
  OPENSSL_cleanse(text->data(), text->size());
  if (!failed && SSL_CTX_check_private_key((*context)->native_handle()) == 1) return context;
  return make_error(ErrorCode::kInvalid,
                    "cannot use the TLS key " + key +
                        (failed ? ": " + failed.message() : " with the certificate " + certificate),
                    "the private key of the certificate, PEM, without a passphrase");
}

schema::Result<std::unique_ptr<ssl::context>> client_tls(const std::string& ca_file) {
  auto context = modern(ssl::context::tls_client);
  if (!context) return context.error();
  error_code failed;
  (*context)->set_verify_mode(ssl::verify_peer, failed);
  if (ca_file.empty()) {
    (*context)->set_default_verify_paths(failed);
  } else {
    (*context)->load_verify_file(ca_file, failed);
  }
  if (failed) {
    return cannot("cannot read the certificates in " + (ca_file.empty() ? "the system's folder" : ca_file),
                  failed, "--ca-file FILE: PEM, of the authority that signed the collector's certificate");
  }
  return context;
}

schema::Result<void> expect_host(TlsStream& stream, const std::string& host) {
  SSL* const native = stream.native_handle();
  error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  const bool done = not_an_address ? SSL_set_tlsext_host_name(native, host.c_str()) == 1 &&
                                         SSL_set1_host(native, host.c_str()) == 1
                                   : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(native), host.c_str()) == 1;
  if (done) return {};
  return make_error(ErrorCode::kInvalid, "no certificate can be for '" + host + "'");
}

std::string certificate_problem(TlsStream& stream) {
  const long result = SSL_get_verify_result(stream.native_handle());
  return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
}

}  // namespace backsight::tools
