// SPDX-License-Identifier: GPL-2.0
/*
 * The second way to the host: /dev/fother, for a program that relays a port's bytes.
 *
 * DESIGN
 * For a running VM that can't be given a controller of ours: fother-relay pumps
 * bytes between any virtio-serial port and this device.  Input: bytes of write();
 * frames of link.  Output: fth_link_up(), _receive(), _down() from a worker, never
 * from the program, which may be stopped half-way with link's lock in hand; frames
 * for read(), queued up to FTH_RELAY_QUEUE_MAX bytes, the rest dropped and counted,
 * as the channel does.  So a program that hangs, dies or lies holds nothing up.
 * It is no more trusted than the host's bytes are.
 *
 * One chunk is under way at a time, and its bounds are kept: a HELLO at a chunk's
 * start is how link finds its place again (codec.h).
 */
#include "relay.h"

#include <linux/bitops.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "main.h"

/* One frame on its way out. */
struct fth_relay_frame {
	struct list_head link;
	u32 length;
	u8 data[];
};

/* To the program. */

/* As the channel's: no memory is waited for. */
static int relay_send(const void *bytes, u32 length)
{
	struct fth_relay *relay = &fth_guest.relay;
	struct fth_relay_frame *frame =
		kmalloc(struct_size(frame, data, length), GFP_ATOMIC | __GFP_NOWARN);
	int err = 0;

	if (!frame)
		return -ENOMEM;
	frame->length = length;
	memcpy(frame->data, bytes, length);

	spin_lock(&relay->lock);
	if (!relay->wanted) {
		err = -ENOTCONN;
	} else if (length > FTH_RELAY_QUEUE_MAX - relay->queued_bytes) {
		err = -ENOBUFS;
		relay->transport.tx_dropped++;
	} else {
		relay->queued_bytes += length;
		list_add_tail(&frame->link, &relay->queue);
	}
	spin_unlock(&relay->lock);
	if (err)
		kfree(frame);
	else
		wake_up_interruptible_poll(&relay->wait, EPOLLIN | EPOLLRDNORM);
	return err;
}

static void relay_flush(void)
{
	struct fth_relay *relay = &fth_guest.relay;
	struct fth_relay_frame *frame, *next;

	spin_lock(&relay->lock);
	list_for_each_entry_safe(frame, next, &relay->queue, link) {
		list_del(&frame->link);
		relay->queued_bytes -= frame->length;
		kfree(frame);
	}
	spin_unlock(&relay->lock);
}

/* With read_lock: is there a frame to go on with? */
static bool next_frame(struct fth_relay *relay)
{
	struct fth_relay_frame *frame = relay->current_frame;

	if (frame)
		return true;
	spin_lock(&relay->lock);
	frame = list_first_entry_or_null(&relay->queue, struct fth_relay_frame, link);
	if (frame)
		list_del(&frame->link);
	spin_unlock(&relay->lock);
	relay->current_offset = 0;
	WRITE_ONCE(relay->current_frame, frame);
	return frame;
}

/* With read_lock. */
static void end_frame(struct fth_relay *relay)
{
	struct fth_relay_frame *frame = relay->current_frame;

	WRITE_ONCE(relay->current_frame, NULL);
	if (!frame)
		return;
	spin_lock(&relay->lock);
	relay->queued_bytes -= frame->length;
	spin_unlock(&relay->lock);
	kfree(frame);
}

/* A lock that a program holds while it waits: who must not wait, must not here either. */
static int lock_for(struct file *file, struct mutex *lock)
{
	if (file->f_flags & O_NONBLOCK)
		return mutex_trylock(lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(lock);
}

static ssize_t relay_read(struct file *file, char __user *to, size_t size, loff_t *position)
{
	struct fth_relay *relay = &fth_guest.relay;
	u32 length;
	int err;

	if (!size)
		return 0;
	err = lock_for(file, &relay->read_lock);
	while (!err && !next_frame(relay)) {
		if (file->f_flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = wait_event_interruptible(relay->wait,
						       !list_empty_careful(&relay->queue));
		if (err)
			mutex_unlock(&relay->read_lock);
	}
	if (err)
		return err;
	length = min_t(size_t, size, relay->current_frame->length - relay->current_offset);
	if (copy_to_user(to, relay->current_frame->data + relay->current_offset, length)) {
		mutex_unlock(&relay->read_lock);
		return -EFAULT;
	}
	relay->current_offset += length;
	if (relay->current_offset == relay->current_frame->length)
		end_frame(relay);
	mutex_unlock(&relay->read_lock);

	spin_lock(&relay->lock);
	relay->transport.tx_bytes += length;
	spin_unlock(&relay->lock);
	return length;
}

/* From the program. */

static bool chunk_is_free(struct fth_relay *relay)
{
	return !smp_load_acquire(&relay->chunk_length); /* pairs with the worker's release */
}

static ssize_t relay_write(struct file *file, const char __user *from, size_t size,
			   loff_t *position)
{
	struct fth_relay *relay = &fth_guest.relay;
	u32 length = min_t(size_t, size, FTH_RELAY_CHUNK);
	int err;

	if (!size)
		return 0;
	err = lock_for(file, &relay->write_lock);
	if (err)
		return err;
	if (!chunk_is_free(relay)) {
		if (file->f_flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = wait_event_interruptible(relay->wait, chunk_is_free(relay));
	}
	if (!err && copy_from_user(relay->chunk, from, length))
		err = -EFAULT;
	if (!err) {
		smp_store_release(&relay->chunk_length, length); /* pairs with the worker */
		fth_robust_queue(&relay->work);
	}
	mutex_unlock(&relay->write_lock);
	if (err)
		return err;
	return length;
}

static __poll_t relay_poll(struct file *file, struct poll_table_struct *table)
{
	struct fth_relay *relay = &fth_guest.relay;
	__poll_t mask = 0;

	poll_wait(file, &relay->wait, table);
	if (READ_ONCE(relay->current_frame) || !list_empty_careful(&relay->queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (chunk_is_free(relay))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static void relay_work(struct fth_robust_work *work)
{
	struct fth_relay *relay = container_of(work, struct fth_relay, work);
	u32 length = smp_load_acquire(&relay->chunk_length); /* pairs with write() */

	if ((READ_ONCE(relay->wanted) || length) && !relay->up) {
		relay->up = true;
		fth_link_up(&relay->transport);
	}
	if (length) {
		if (!relay->taken) {
			relay->taken = true;
			fth_link_receive(&relay->transport, relay->chunk, length);
		}
		relay->taken = false;
		smp_store_release(&relay->chunk_length, 0); /* pairs with chunk_is_free() */
		wake_up_interruptible_poll(&relay->wait, EPOLLOUT | EPOLLWRNORM);
	}
	if (!READ_ONCE(relay->wanted) && relay->up) {
		fth_link_down(&relay->transport);
		relay->up = false;
	}
}

/* Link is told by the worker. */
static void set_wanted(struct fth_relay *relay, bool wanted)
{
	spin_lock(&relay->lock);
	WRITE_ONCE(relay->wanted, wanted);
	spin_unlock(&relay->lock);
	fth_robust_queue(&relay->work);
}

static int relay_open(struct inode *inode, struct file *file)
{
	struct fth_relay *relay = &fth_guest.relay;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (test_and_set_bit_lock(0, &relay->opened))
		return -EBUSY;
	relay->chunk = kvmalloc(FTH_RELAY_CHUNK, GFP_KERNEL);
	if (!relay->chunk) {
		clear_bit_unlock(0, &relay->opened);
		return -ENOMEM;
	}
	/* Not waited for: the kernel's lock of all misc devices is held here. */
	set_wanted(relay, true);
	return stream_open(inode, file);
}

static int relay_release(struct inode *inode, struct file *file)
{
	struct fth_relay *relay = &fth_guest.relay;

	/* What was written last is still received: it was taken from the host. */
	set_wanted(relay, false);
	fth_robust_flush(&relay->work);
	relay_flush();
	end_frame(relay);
	kvfree(relay->chunk);
	relay->chunk = NULL;
	clear_bit_unlock(0, &relay->opened);
	return 0;
}

static const struct file_operations relay_operations = {
	.owner = THIS_MODULE,
	.open = relay_open,
	.release = relay_release,
	.read = relay_read,
	.write = relay_write,
	.poll = relay_poll,
};

int fth_relay_init(void)
{
	struct fth_relay *relay = &fth_guest.relay;
	int err;

	relay->transport.name = "relay";
	relay->transport.relayed = true;
	relay->transport.send = relay_send;
	relay->transport.flush = relay_flush;
	relay->device.name = FTH_RELAY_NAME;
	relay->device.minor = MISC_DYNAMIC_MINOR;
	relay->device.mode = 0600;
	relay->device.fops = &relay_operations;
	init_waitqueue_head(&relay->wait);
	mutex_init(&relay->read_lock);
	mutex_init(&relay->write_lock);
	spin_lock_init(&relay->lock);
	INIT_LIST_HEAD(&relay->queue);
	relay->wq = alloc_workqueue("fother-misc", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!relay->wq)
		return -ENOMEM;
	err = fth_robust_work_init(&relay->work, relay->wq, relay_work);
	if (err)
		goto err_wq;
	err = fth_link_add(&relay->transport);
	if (err)
		goto err_work;
	err = misc_register(&relay->device);
	if (err)
		goto err_link;
	return 0;

err_link:
	fth_link_remove(&relay->transport);
err_work:
	fth_robust_work_exit(&relay->work);
err_wq:
	destroy_workqueue(relay->wq);
	return err;
}

void fth_relay_exit(void)
{
	struct fth_relay *relay = &fth_guest.relay;

	misc_deregister(&relay->device);
	fth_robust_work_exit(&relay->work);
	destroy_workqueue(relay->wq);
	fth_link_remove(&relay->transport);
}
