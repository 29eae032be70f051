// SPDX-License-Identifier: GPL-2.0
/* Generation 1 of the witnesses' functions. */
#define FTH_GEN 1
#include "fth_test_gen_patch.h"
