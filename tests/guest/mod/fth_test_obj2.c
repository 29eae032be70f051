// SPDX-License-Identifier: GPL-2.0
/* A module to be patched; the tests have two of them. */
#include "fth_test_obj_target.h"
