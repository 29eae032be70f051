// SPDX-License-Identifier: GPL-2.0
/* Generation 3 of the witnesses' functions. */
#define FTH_GEN 3
#include "fth_test_gen_patch.h"
