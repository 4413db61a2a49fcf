/* What uringcorn needs of wolfSSL, and nothing else: a TLS 1.2 and 1.3 server (and the client that
 * its tests use) on memory buffers. Also included by the assembly sources. */
#ifndef URINGCORN_WOLFSSL_USER_SETTINGS_H
#define URINGCORN_WOLFSSL_USER_SETTINGS_H

/* Tells uringcorn that this is its own build. */
#define URINGCORN_BUNDLED_WOLFSSL

/* Protocol: TLS 1.2 and 1.3, AEAD suites with forward secrecy only. */
#define WOLFSSL_TLS13
#define NO_OLD_TLS
#define WOLFSSL_AEAD_ONLY
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_EXTENDED_MASTER
#define HAVE_SERVER_RENEGOTIATION_INFO
#define HAVE_SNI
#define HAVE_ALPN
#define HAVE_SESSION_TICKET
#define WOLFSSL_NO_DEF_TICKET_ENC_CB
#define HAVE_OCSP
#define HAVE_CERTIFICATE_STATUS_REQUEST
/* The ticket goes with the server's first flight (RFC 8446, 4.6.1): one send fewer. */
#define WOLFSSL_TLS13_TICKET_BEFORE_FINISHED
#define NO_SESSION_CACHE
/* A ticket is as good as the key that it was made with: uringcorn forgets those in time. */
#define WOLFSSL_SESSION_TIMEOUT (7 * 24 * 60 * 60)
#define NO_CLIENT_CACHE
#define NO_PSK
#define WOLFSSL_ALWAYS_VERIFY_CB
#define WOLFSSL_VERIFY_CB_ALL_CERTS

/* Ciphers and hashes. */
#define HAVE_AESGCM
#ifndef WOLFSSL_AESNI /* whose instructions need no table of 512 bytes for each key */
#define GCM_TABLE_4BIT
#endif
#define WOLFSSL_AES_DIRECT
#define NO_AES_192
#define HAVE_CHACHA
#define HAVE_POLY1305
#define HAVE_ONE_TIME_AUTH
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define HAVE_HKDF
#define NO_DES3
#define NO_RC4
#define NO_MD4
#define NO_MD5
#define NO_DSA
#define NO_DH
#define NO_PWDBASED
#define NO_PKCS12

/* Public keys. */
#define HAVE_ECC
#define ECC_SHAMIR
#define ECC_TIMING_RESISTANT
#define HAVE_ECC384
#define HAVE_ECC521
#define HAVE_CURVE25519
#define HAVE_ED25519
/* New keys for X25519 come from the table of Ed25519's base point (x25519-base-point.patch). */
#define WOLFSSL_CURVE25519_USE_ED25519
#define WC_RSA_BLINDING
#define WC_RSA_PSS
#define WOLFSSL_PSS_LONG_SALT
#define TFM_TIMING_RESISTANT
#define WOLFSSL_ALT_NAMES
#define WOLFSSL_IP_ALT_NAME
#define WOLFSSL_ALT_CERT_CHAINS
#define WOLFSSL_DER_LOAD

/* Numbers: code for each size where there is some, one for all sizes otherwise. */
#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_SP_384
#define WOLFSSL_SP_4096
#define WOLFSSL_SP_LARGE_CODE
#define SP_INT_BITS 4096

/* The system: bytes come and go through callbacks, files are read by uringcorn, random bytes come
 * from getrandom(2). */
#define WOLFSSL_USER_IO
#define NO_FILESYSTEM
#define NO_WRITEV
#define NO_MAIN_DRIVER
#define HAVE_THREAD_LS
#define HAVE_SYS_TIME_H
#ifdef __SIZEOF_INT128__
#define HAVE___UINT128_T 1
#endif
#define SIZEOF_LONG __SIZEOF_LONG__
#define SIZEOF_LONG_LONG 8
#define WOLFSSL_USE_ALIGN
#define CUSTOM_RAND_GENERATE_BLOCK uringcorn_random_block
#ifndef __ASSEMBLER__
#include <stdio.h> /* whose snprintf wolfSSL uses without including it */
extern int uringcorn_random_block(unsigned char* output, unsigned int size);
#endif

#endif
