// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/fth_log: what test modules note, in the order it came; a write empties
 * it.  One that outlives all of them, as their parameters go when they do: so it
 * also says whether they wait.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "fth_test_log.h"

#define LOG_MAX_B 16384u
#define LOOK_MS 10

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "who asks waits as long as it is set");

static DEFINE_MUTEX(lock); /* protects text and used */
static char text[LOG_MAX_B];
static size_t used;

void fth_test_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	mutex_lock(&lock);
	used += vscnprintf(text + used, sizeof(text) - used, format, arguments);
	used += scnprintf(text + used, sizeof(text) - used, "\n");
	mutex_unlock(&lock);
	va_end(arguments);
}
EXPORT_SYMBOL_GPL(fth_test_note);

void fth_test_wait(void)
{
	while (READ_ONCE(hold))
		msleep(LOOK_MS);
}
EXPORT_SYMBOL_GPL(fth_test_wait);

static ssize_t log_read(struct file *file, char __user *user, size_t length, loff_t *position)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_read_from_buffer(user, length, position, text, used);
	mutex_unlock(&lock);
	return done;
}

static ssize_t log_write(struct file *file, const char __user *user, size_t length,
			 loff_t *position)
{
	mutex_lock(&lock);
	used = 0;
	mutex_unlock(&lock);
	return length;
}

static const struct file_operations log_operations = {
	.owner = THIS_MODULE,
	.read = log_read,
	.write = log_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fth_log",
	.fops = &log_operations,
};

module_misc_device(device);
MODULE_DESCRIPTION("fother test: a log of test modules");
MODULE_LICENSE("GPL");
