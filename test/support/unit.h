/* SPDX-License-Identifier: MIT
 * What a unit or property test includes: Criterion, or its stand-in where Criterion does not start
 * or would hide what a sanitizer found. */
#ifndef TROUPE_TEST_UNIT_H
#define TROUPE_TEST_UNIT_H

#ifdef TROUPE_MINI_CRITERION
#include "test/support/mini_criterion.h"
#else
#include <criterion/criterion.h>
#endif

#endif
