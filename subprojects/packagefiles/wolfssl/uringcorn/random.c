// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/random.h>

#include "user_settings.h"

/* The kernel's generator itself: nothing to seed, no state that a fork could duplicate. */
int uringcorn_random_block(unsigned char* output, unsigned int size) {
  while (size > 0) {
    const ssize_t got = getrandom(output, size, 0);
    if (got > 0) {
      output += got;
      size -= (unsigned int)got;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 0;
}
