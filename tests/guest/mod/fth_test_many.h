/* SPDX-License-Identifier: GPL-2.0 */
/* A thousand functions, by number: FTH_MANY(X) is X(0) ... X(999), as digits. */
#ifndef FTH_TEST_MANY_H
#define FTH_TEST_MANY_H

#define FTH_MANY_COUNT 1000

/* clang-format off */
#define FTH_MANY_10(X, h, t) \
	X(h##t##0) X(h##t##1) X(h##t##2) X(h##t##3) X(h##t##4) \
	X(h##t##5) X(h##t##6) X(h##t##7) X(h##t##8) X(h##t##9)
#define FTH_MANY_100(X, h) \
	FTH_MANY_10(X, h, 0) FTH_MANY_10(X, h, 1) FTH_MANY_10(X, h, 2) FTH_MANY_10(X, h, 3) \
	FTH_MANY_10(X, h, 4) FTH_MANY_10(X, h, 5) FTH_MANY_10(X, h, 6) FTH_MANY_10(X, h, 7) \
	FTH_MANY_10(X, h, 8) FTH_MANY_10(X, h, 9)
#define FTH_MANY(X) \
	FTH_MANY_100(X, n0) FTH_MANY_100(X, n1) FTH_MANY_100(X, n2) FTH_MANY_100(X, n3) \
	FTH_MANY_100(X, n4) FTH_MANY_100(X, n5) FTH_MANY_100(X, n6) FTH_MANY_100(X, n7) \
	FTH_MANY_100(X, n8) FTH_MANY_100(X, n9)
/* clang-format on */

#endif /* FTH_TEST_MANY_H */
