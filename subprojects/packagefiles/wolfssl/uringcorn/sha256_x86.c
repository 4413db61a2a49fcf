// SPDX-License-Identifier: MIT
/* SHA-256 (FIPS 180-4) by the processor's own instructions for it, which wolfSSL 5.5.4 does not
 * know; handshakes spend much on it. Called by wolfcrypt/src/sha256.c (sha256-instructions.patch).
 */
#include <cpuid.h>
#include <immintrin.h>

#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/wolfcrypt/sha256.h>

#define BLOCK_BYTES 64
#define QUADS_OF_ROUNDS 16

static const word32 round_constants[4 * QUADS_OF_ROUNDS] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

int uringcorn_has_sha_instructions(void) {
  unsigned int a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29)) != 0;
}

/* The instructions want the state as two vectors, ABEF and CDGH from the highest word down, and do
 * two rounds at a time with the two lowest words of what is added in them. */
__attribute__((target("sha,sse4.1,ssse3"))) int uringcorn_sha256_blocks(wc_Sha256* sha256,
                                                                        const byte* data,
                                                                        word32 length) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i* const constants = (const __m128i*)round_constants;
  __m128i* const digest = (__m128i*)sha256->digest;
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(&digest[0]), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(&digest[1]), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

  for (; length >= BLOCK_BYTES; length -= BLOCK_BYTES, data += BLOCK_BYTES) {
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    __m128i words[4];
    for (int i = 0; i < 4; ++i) {
      words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i*)data + i), big_endian);
    }
#pragma GCC unroll 16
    for (int quad = 0; quad < QUADS_OF_ROUNDS; ++quad) {
      __m128i* const now = &words[quad % 4];
      const __m128i added = _mm_add_epi32(*now, _mm_load_si128(&constants[quad]));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
      if (quad < QUADS_OF_ROUNDS - 4) {
        /* The words of four rounds later take the place of these. */
        const __m128i last = words[(quad + 3) % 4];
        const __m128i seven_back = _mm_alignr_epi8(last, words[(quad + 2) % 4], 4);
        const __m128i sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(*now, words[(quad + 1) % 4]), seven_back);
        *now = _mm_sha256msg2_epu32(sum, last);
      }
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }

  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(&digest[0], _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(&digest[1], _mm_alignr_epi8(dchg, feba, 8));
  return 0;
}

int uringcorn_sha256_block(wc_Sha256* sha256, const byte* data) {
  return uringcorn_sha256_blocks(sha256, data, BLOCK_BYTES);
}
