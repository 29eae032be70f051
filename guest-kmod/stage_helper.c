// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the guest's own insmod and rmmod.
 *
 * DESIGN
 * The module goes to insmod as its standard input, by descriptor, so no path
 * leads to it that another process could race with; insmod opens it through
 * /proc/self/fd/0 (kmod and busybox want a file name).  The program is waited for on the
 * loader's own queue, never by the link, and killed when it takes too long.
 */
#include "stage.h"

#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/umh.h>

#include "compat/file.h"
#include "engine.h"
#include "main.h"

static void set_helper(struct pid *pid)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct pid *before;

	spin_lock(&stage->helper_lock);
	before = stage->helper;
	stage->helper = pid;
	spin_unlock(&stage->helper_lock);
	put_pid(before);
}

static void kill_helper(struct work_struct *work)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct pid *pid;

	spin_lock(&stage->helper_lock);
	pid = get_pid(stage->helper);
	spin_unlock(&stage->helper_lock);
	if (!pid)
		return;
	pr_warn("helper %d still runs after %u ms: killed\n", pid_nr(pid), FTH_STAGE_HELPER_MAX_MS);
	kill_pid(pid, SIGKILL, 1);
	put_pid(pid);
}

/* In the new process, before its program is there. */
static int prepare(struct subprocess_info *info, struct cred *new)
{
	struct file *file = info->data;
	int descriptor;

	set_helper(get_pid(task_tgid(current)));
	if (!file)
		return 0;
	descriptor = fth_file_receive(file, 0);
	if (descriptor)
		return descriptor < 0 ? descriptor : -EBADF;
	fth_engine_expect_loader();
	return 0;
}

int fth_stage_helper_run(const char *path, const char *argument, struct file *file)
{
	static char *environment[] = { "HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", NULL };
	char *arguments[] = { (char *)path, (char *)argument, NULL };
	struct fth_stage *stage = &fth_guest.stage;
	struct subprocess_info *info;
	int status;

	info = call_usermodehelper_setup(path, arguments, environment, GFP_KERNEL, prepare, NULL,
					 file);
	if (!info)
		return -ENOMEM;
	schedule_delayed_work(&stage->watchdog, msecs_to_jiffies(FTH_STAGE_HELPER_MAX_MS));
	status = call_usermodehelper_exec(info, UMH_WAIT_PROC);
	cancel_delayed_work_sync(&stage->watchdog);
	set_helper(NULL);
	return status;
}

void fth_stage_helper_init(void)
{
	struct fth_stage *stage = &fth_guest.stage;

	spin_lock_init(&stage->helper_lock);
	INIT_DELAYED_WORK(&stage->watchdog, kill_helper);
}

void fth_stage_helper_exit(void)
{
	cancel_delayed_work_sync(&fth_guest.stage.watchdog);
}
