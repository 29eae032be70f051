/* SPDX-License-Identifier: GPL-2.0 */
/* A thousand of something: BENCH_THOUSAND(X) is X(000) to X(999). */
#ifndef BENCH_THOUSAND_H
#define BENCH_THOUSAND_H

/* clang-format off */
#define BENCH_TEN(X, n) \
	X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define BENCH_HUNDRED(X, n) \
	BENCH_TEN(X, n##0) BENCH_TEN(X, n##1) BENCH_TEN(X, n##2) BENCH_TEN(X, n##3) \
	BENCH_TEN(X, n##4) BENCH_TEN(X, n##5) BENCH_TEN(X, n##6) BENCH_TEN(X, n##7) \
	BENCH_TEN(X, n##8) BENCH_TEN(X, n##9)
#define BENCH_THOUSAND(X) \
	BENCH_HUNDRED(X, 0) BENCH_HUNDRED(X, 1) BENCH_HUNDRED(X, 2) BENCH_HUNDRED(X, 3) \
	BENCH_HUNDRED(X, 4) BENCH_HUNDRED(X, 5) BENCH_HUNDRED(X, 6) BENCH_HUNDRED(X, 7) \
	BENCH_HUNDRED(X, 8) BENCH_HUNDRED(X, 9)
/* clang-format on */

#endif /* BENCH_THOUSAND_H */
