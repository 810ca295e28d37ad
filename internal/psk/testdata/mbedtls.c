/* A device with Mbed TLS, as the ESP32 has it: says a line, reads 5,000 bytes.
   Arguments: port, suite or "all", code of max_fragment_length, "old" for a
   device without encrypt-then-MAC and the extended master secret. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

static const unsigned char key[] = "secret", identity[] = "pump", line[] = "hello\n";

int main(int argc, char **argv) {
  mbedtls_net_context net;
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config conf;
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  unsigned char buffer[5000];
  int suites[2] = {0, 0}, got = 0, n;

  if (argc != 5) return 2;
  mbedtls_net_init(&net);
  mbedtls_ssl_init(&ssl);
  mbedtls_ssl_config_init(&conf);
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
  if (mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0) != 0) return 2;
  if (mbedtls_net_connect(&net, "127.0.0.1", argv[1], MBEDTLS_NET_PROTO_TCP) != 0) return 2;
  mbedtls_ssl_config_defaults(&conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_psk(&conf, key, sizeof key - 1, identity, sizeof identity - 1);
  if (strcmp(argv[2], "all") != 0) {
    suites[0] = mbedtls_ssl_get_ciphersuite_id(argv[2]);
    mbedtls_ssl_conf_ciphersuites(&conf, suites);
  }
  mbedtls_ssl_conf_max_frag_len(&conf, (unsigned char)atoi(argv[3]));
  if (strcmp(argv[4], "old") == 0) {
    mbedtls_ssl_conf_encrypt_then_mac(&conf, MBEDTLS_SSL_ETM_DISABLED);
    mbedtls_ssl_conf_extended_master_secret(&conf, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
  }
  if (mbedtls_ssl_setup(&ssl, &conf) != 0) return 2;
  mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
  if ((n = mbedtls_ssl_handshake(&ssl)) != 0) {
    printf("handshake: -0x%x\n", (unsigned)-n);
    return 1;
  }
  mbedtls_ssl_write(&ssl, line, sizeof line - 1);
  while (got < (int)sizeof buffer && (n = mbedtls_ssl_read(&ssl, buffer + got, sizeof buffer - got)) > 0) got += n;
  printf("%s\n", mbedtls_ssl_get_ciphersuite(&ssl));
  mbedtls_ssl_close_notify(&ssl);
  return got == (int)sizeof buffer ? 0 : 1;
}
