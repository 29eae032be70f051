// SPDX-License-Identifier: GPL-2.0
/* System calls that a nudge interrupts are issued again. */
#include "restart.h"

#include <asm/ptrace.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <uapi/linux/io_uring.h>

#include "compat/kernel.h"
#include "fother/consistency.h"

/* How a call says that it waits for a limited time. */
enum limit {
	NEVER,	 /* it can't */
	POINTER, /* the argument is not NULL */
	NUMBER,	 /* the argument is an int above 0 */
	IPC,	 /* ipc(2): by its first argument */
	SOCKET,	 /* EINTR tells; while it sleeps nobody knows */
	SOCKETS, /* socketcall(2): the same, for some first arguments */
	RING,	 /* a flag says that it may; how long stands in user memory */
};

struct call {
	int number;
	enum limit limit;
	u8 argument; /* from 0 */
};

static const struct call native_calls[] = {
	{ __NR_semop, NEVER },
	{ __NR_rt_sigtimedwait, POINTER, 2 },
	{ __NR_io_getevents, POINTER, 4 },
	{ __NR_semtimedop, POINTER, 3 },
	{ __NR_epoll_wait, NUMBER, 3 },
	{ __NR_epoll_pwait, NUMBER, 3 },
	{ __NR_epoll_pwait2, POINTER, 3 },
	{ __NR_connect, SOCKET },
	{ __NR_accept, SOCKET },
	{ __NR_accept4, SOCKET },
	{ __NR_recvfrom, SOCKET },
	{ __NR_recvmsg, SOCKET },
	{ __NR_recvmmsg, SOCKET },
	{ __NR_sendto, SOCKET },
	{ __NR_sendmsg, SOCKET },
	{ __NR_sendmmsg, SOCKET },
	{ __NR_io_uring_enter, RING },
};

/* No header that a module may include has the names of these. */
enum {
	I386_SOCKETCALL = 102,
	I386_IPC = 117,
	I386_RT_SIGTIMEDWAIT = 177,
	I386_IO_GETEVENTS = 247,
	I386_EPOLL_WAIT = 256,
	I386_EPOLL_PWAIT = 319,
	I386_RECVMMSG = 337,
	I386_SENDMMSG = 345,
	I386_CONNECT = 362,
	I386_ACCEPT4 = 364,
	I386_SENDTO = 369,
	I386_SENDMSG = 370,
	I386_RECVFROM = 371,
	I386_RECVMSG = 372,
	I386_RECVMMSG_TIME64 = 417,
	I386_SEMTIMEDOP_TIME64 = 420,
	I386_RT_SIGTIMEDWAIT_TIME64 = 421,
	I386_IO_URING_ENTER = 426,
	I386_EPOLL_PWAIT2 = 441,
	IPC_SEMOP = 1,
	IPC_SEMTIMEDOP = 4,
	IPC_CALL_MASK = 0xffff, /* above it stands a version */
};

/* io_uring_enter(2)'s arguments. */
enum {
	RING_FLAGS = 3,
	RING_EXTENDED = 4,
	RING_REGISTERED = 1 << 6, /* 6.13: the extended one is an offset */
};

/* Those of socketcall() that are listed with numbers of their own too. */
#define SOCKETCALLS                                                                             \
	(BIT(SYS_CONNECT) | BIT(SYS_ACCEPT) | BIT(SYS_SEND) | BIT(SYS_RECV) | BIT(SYS_SENDTO) | \
	 BIT(SYS_RECVFROM) | BIT(SYS_SENDMSG) | BIT(SYS_RECVMSG) | BIT(SYS_ACCEPT4) |           \
	 BIT(SYS_RECVMMSG) | BIT(SYS_SENDMMSG))

static const struct call i386_calls[] = {
	{ I386_IPC, IPC },
	{ I386_RT_SIGTIMEDWAIT, POINTER, 2 },
	{ I386_IO_GETEVENTS, POINTER, 4 },
	{ I386_EPOLL_WAIT, NUMBER, 3 },
	{ I386_EPOLL_PWAIT, NUMBER, 3 },
	{ I386_SEMTIMEDOP_TIME64, POINTER, 3 },
	{ I386_RT_SIGTIMEDWAIT_TIME64, POINTER, 2 },
	{ I386_EPOLL_PWAIT2, POINTER, 3 },
	{ I386_SOCKETCALL, SOCKETS },
	{ I386_CONNECT, SOCKET },
	{ I386_ACCEPT4, SOCKET },
	{ I386_RECVFROM, SOCKET },
	{ I386_RECVMSG, SOCKET },
	{ I386_RECVMMSG, SOCKET },
	{ I386_RECVMMSG_TIME64, SOCKET },
	{ I386_SENDTO, SOCKET },
	{ I386_SENDMSG, SOCKET },
	{ I386_SENDMMSG, SOCKET },
	{ I386_IO_URING_ENTER, RING },
};

static bool is_i386(const struct task_struct *task)
{
	return IS_ENABLED(CONFIG_IA32_EMULATION) &&
	       (READ_ONCE(task_thread_info(task)->status) & TS_COMPAT);
}

static const struct call *find_call(const struct pt_regs *regs, bool i386)
{
	const struct call *calls = i386 ? i386_calls : native_calls;
	u32 count = i386 ? ARRAY_SIZE(i386_calls) : ARRAY_SIZE(native_calls);

	for (u32 i = 0; i < count; i++) {
		if (calls[i].number == (long)READ_ONCE(regs->orig_ax))
			return &calls[i];
	}
	return NULL;
}

static unsigned long argument(const struct pt_regs *regs, bool i386, u8 index)
{
	const unsigned long native[] = {
		regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9
	};
	const unsigned long compat[] = {
		regs->bx, regs->cx, regs->dx, regs->si, regs->di, regs->bp
	};

	return i386 ? (u32)compat[index] : native[index];
}

/* Return: false also for calls that are none of ours, see is_ours(). */
static bool is_limited(const struct call *call, const struct pt_regs *regs, bool i386)
{
	switch (call->limit) {
	case POINTER:
		return argument(regs, i386, call->argument);
	case NUMBER:
		return (int)argument(regs, i386, call->argument) > 0;
	case IPC:
		return (regs->bx & IPC_CALL_MASK) == IPC_SEMTIMEDOP && argument(regs, i386, 5);
	case SOCKET:
	case SOCKETS:
		/* Without a time-out the kernel asks for a restart itself. */
		return (long)regs->ax == -EINTR;
	case RING:
		return argument(regs, i386, RING_FLAGS) & IORING_ENTER_EXT_ARG;
	default:
		return false;
	}
}

/* ipc() and socketcall() are many calls; the others restart by themselves. */
static bool is_ours(const struct call *call, const struct pt_regs *regs)
{
	u32 first = regs->bx;

	if (!call)
		return false;
	if (call->limit == IPC)
		return (first & IPC_CALL_MASK) == IPC_SEMOP ||
		       (first & IPC_CALL_MASK) == IPC_SEMTIMEDOP;
	if (call->limit == SOCKETS)
		return first < BITS_PER_LONG && (SOCKETCALLS & BIT(first));
	return true;
}

/* Its locks are held: as long as it sleeps, its registers stay where they are. */
static int look_at(struct task_struct *task, void *arg)
{
	const struct pt_regs *regs = task_pt_regs(task);
	bool i386 = is_i386(task);
	const struct call *call;

	if (!(READ_ONCE(task->__state) & TASK_INTERRUPTIBLE))
		return false;
	call = find_call(regs, i386);
	return is_ours(call, regs) && is_limited(call, regs, i386);
}

bool fth_restart_is_timed(struct task_struct *task)
{
	return fth_task_call(task, look_at, NULL);
}

/* Of current: what its flag only hints at can be read. */
static bool has_ring_timeout(const struct pt_regs *regs, bool i386)
{
	const void __user *from = (const void __user *)argument(regs, i386, RING_EXTENDED);
	struct io_uring_getevents_arg extended;

	if (argument(regs, i386, RING_FLAGS) & RING_REGISTERED)
		return true;
	return copy_from_user(&extended, from, sizeof(extended)) || extended.ts;
}

bool fth_restart_in_uring(void)
{
	const struct call *call = find_call(task_pt_regs(current), is_i386(current));

	return call && call->limit == RING;
}

void fth_restart_call(u8 timed, bool marked)
{
	struct pt_regs *regs = task_pt_regs(current);
	bool i386 = is_i386(current);
	const struct call *call;

	/* orig_ax is not negative after a system call only. */
	if ((long)regs->ax != -EINTR || (long)regs->orig_ax < 0)
		return;
	if (!marked && task_sigpending(current))
		return;
	call = find_call(regs, i386);
	if (!is_ours(call, regs))
		return;
	if (timed == FTH_NUDGE_TIMED_INTERRUPT && is_limited(call, regs, i386) &&
	    (call->limit != RING || has_ring_timeout(regs, i386)))
		return;
	regs->ax = -ERESTARTNOHAND;
}
