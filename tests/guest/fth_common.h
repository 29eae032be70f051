/* SPDX-License-Identifier: GPL-2.0 */
/* What programs of the guest tests share: another task's state, a small ring. */
#ifndef FOTHER_TESTS_GUEST_FTH_COMMON_H
#define FOTHER_TESTS_GUEST_FTH_COMMON_H

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As /proc/PID/stat has it; 0 when there is none. */
static inline char state_of(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

/* Of io_uring; one entry is submitted in its life at most. */
struct ring {
	int fd;
	unsigned int *array; /* of submissions */
	atomic_uint *sq_head, *sq_tail, *cq_head, *cq_tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static inline int ring_open(struct ring *ring)
{
	struct io_uring_params params = {};
	size_t submissions, completions;
	char *shared;

	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ring->fd < 0 || !(params.features & IORING_FEAT_SINGLE_MMAP))
		return -1;
	submissions = params.sq_off.array + params.sq_entries * sizeof(int);
	completions = params.cq_off.cqes + params.cq_entries * sizeof(*ring->cqes);
	shared = mmap(NULL, submissions > completions ? submissions : completions,
		      PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, params.sq_entries * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED, ring->fd, IORING_OFF_SQES);
	if (shared == MAP_FAILED || ring->sqes == MAP_FAILED)
		return -1;
	ring->array = (unsigned int *)(shared + params.sq_off.array);
	ring->sq_head = (atomic_uint *)(shared + params.sq_off.head);
	ring->sq_tail = (atomic_uint *)(shared + params.sq_off.tail);
	ring->cq_head = (atomic_uint *)(shared + params.cq_off.head);
	ring->cq_tail = (atomic_uint *)(shared + params.cq_off.tail);
	ring->cqes = (struct io_uring_cqe *)(shared + params.cq_off.cqes);
	return 0;
}

/* Into the submission queue; ring_enter() hands it to the kernel. */
static inline void ring_prepare(struct ring *ring, const struct io_uring_sqe *sqe)
{
	ring->sqes[0] = *sqe;
	ring->array[0] = 0;
	atomic_store(ring->sq_tail, 1);
}

static inline long ring_enter(const struct ring *ring, int submit, int wait)
{
	return syscall(SYS_io_uring_enter, ring->fd, submit, wait,
		       wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
}

/* How many completions wait to be taken. */
static inline unsigned int ring_ready(const struct ring *ring)
{
	return atomic_load(ring->cq_tail) - atomic_load(ring->cq_head);
}

#endif /* FOTHER_TESTS_GUEST_FTH_COMMON_H */
