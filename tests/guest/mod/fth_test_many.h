/* SPDX-License-Identifier: GPL-2.0 */
/* A thousand of something: FTH_MANY(X) is X(0) … X(999), with leading zeros. */
#ifndef FTH_TEST_MANY_H
#define FTH_TEST_MANY_H

#define FTH_MANY_COUNT 1000

#define FTH_MANY_10(X, n) \
	X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define FTH_MANY_100(X, n)                                                                  \
	FTH_MANY_10(X, n##0)                                                                \
	FTH_MANY_10(X, n##1) FTH_MANY_10(X, n##2) FTH_MANY_10(X, n##3) FTH_MANY_10(X, n##4) \
		FTH_MANY_10(X, n##5) FTH_MANY_10(X, n##6) FTH_MANY_10(X, n##7)              \
			FTH_MANY_10(X, n##8) FTH_MANY_10(X, n##9)
#define FTH_MANY(X)                                                                         \
	FTH_MANY_100(X, 0)                                                                  \
	FTH_MANY_100(X, 1) FTH_MANY_100(X, 2) FTH_MANY_100(X, 3) FTH_MANY_100(X, 4)         \
		FTH_MANY_100(X, 5) FTH_MANY_100(X, 6) FTH_MANY_100(X, 7) FTH_MANY_100(X, 8) \
			FTH_MANY_100(X, 9)

#endif /* FTH_TEST_MANY_H */
