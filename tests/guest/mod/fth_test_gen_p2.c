// SPDX-License-Identifier: GPL-2.0
/* Generation 2 of the witnesses' functions. */
#define FTH_GEN 2
#include "fth_test_gen_patch.h"
