// SPDX-License-Identifier: GPL-2.0
/*
 * fother-relay: pumps bytes between a virtio-serial port and /dev/fother.
 *
 * DESIGN
 * For a guest whose running VM can't be given a controller that fother.ko drives
 * itself.  Input: the port, found by its name, and the device of fother.ko.  Output:
 * the bytes of each in the other, unchanged and in order.  It knows no frames.
 * One thread waits for edges of both files and for nothing else while both are there; a
 * side that is absent is looked for again every LOOK_MS.
 *
 * Each direction has one buffer, and a chunk that was read is written before the
 * next is read: a side that does not take bytes stops only its own direction, and
 * fother.ko sees a chunk as the host's write made it.  Bytes for a host that is not
 * connected are dropped, as a wire would; fother.ko tells what matters again.
 *
 * Nothing is ever waited for but in poll: a program that is in the way of a live
 * patch must be quick to nudge.  Its memory is locked and the OOM killer passes it
 * over, because it is needed most when memory is short.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "fother/wire.h"

#define PORTS "/sys/class/virtio-ports"
#define DEVICE "/dev/fother"
#define CHUNK 16384    /* bytes of one read; a port gives a page at a time */
#define PATH_SIZE 512  /* bytes of a path or a port's name, with the NUL */
#define LOOK_MS 500    /* between two looks for a side that is absent */
#define LET_GO_MS 5000 /* after SIGHUP, so that fother.ko can be removed */
#define TURNS_MAX 64   /* chunks of a direction before signals are looked at */

#define EXIT_ENDED 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

static const char help[] =
	"usage: fother-relay [--port NAME | --path PATH] [--device PATH]\n"
	"\n"
	"Relays the channel of fother.ko over a virtio-serial port, for guests whose\n"
	"port is not on a controller of its own. Waits for both, for ever, whichever\n"
	"goes and comes again. Writes one line per event to stderr.\n"
	"\n"
	"  -p, --port NAME     the port's name, else " FTH_RELAY_PORT_NAME "\n"
	"  -P, --path PATH     the port's device, e.g. /dev/vport1p1; not by name\n"
	"  -d, --device PATH   of fother.ko, else " DEVICE "\n"
	"  -h, --help          this text\n"
	"\n"
	"signals: SIGTERM, SIGINT end it; SIGHUP lets go of the device for 5 s, so that\n"
	"         fother.ko can be removed or replaced\n"
	"exit: 0 after a signal, 1 can't start, 2 usage\n"
	"\n"
	"example: fother-relay --port org.fother.relay\n";

/*
 * One of the two files.  The flags say what is known to be possible: they are set by
 * edges and cleared when the kernel says EAGAIN.
 */
struct side {
	const char *name;
	int fd; /* -1: absent */
	bool readable;
	bool writable;
	bool is_port;
	bool connected; /* somebody is at its other end */
	int said;	/* errno that was logged last, of opening it */
};

/* What was read from one side and is not written to the other yet. */
struct flow {
	struct side *from;
	struct side *to;
	size_t begin;
	size_t end;
	char bytes[CHUNK];
};

struct relay {
	const char *port_name;
	const char *port_path; /* NULL: found by name */
	const char *device_path;
	int epoll;
	int signals;
	struct side port;
	struct side device;
	struct flow to_guest;
	struct flow to_host;
	int64_t look_at_ms;    /* when to look for what is absent */
	int64_t hold_until_ms; /* until then the device is left alone */
	bool ending;
};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[2 * PATH_SIZE];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = snprintf(line, sizeof(line), "fother-relay: ");
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	line[length++] = '\n';
	/* Whoever reads the log may be gone; that is no reason to stop. */
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The two sides. */

static bool has_name(const char *port, const char *wanted)
{
	char path[PATH_SIZE], name[PATH_SIZE];
	ssize_t length;
	int fd;

	if (snprintf(path, sizeof(path), PORTS "/%s/name", port) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (length <= 0)
		return false;
	name[length] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return !strcmp(name, wanted);
}

/* The device of the port with that name; 0 or -ENOENT. */
static int find_port(const char *name, char *ret_path)
{
	DIR *folder = opendir(PORTS);
	struct dirent *entry;
	int error = -ENOENT;

	if (!folder)
		return error;
	while (error && (entry = readdir(folder)))
		if (*entry->d_name != '.' && has_name(entry->d_name, name) &&
		    snprintf(ret_path, PATH_SIZE, "/dev/%s", entry->d_name) < PATH_SIZE)
			error = 0;
	closedir(folder);
	return error;
}

static void side_close(struct side *side)
{
	if (side->fd >= 0)
		close(side->fd);
	side->fd = -1;
	side->readable = false;
	side->writable = false;
	side->connected = false;
}

/* Opened at once or not at all; says so when that changes. */
static void side_open(struct relay *relay, struct side *side, const char *path)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = side };
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event)) {
		int error = errno;

		close(fd);
		fd = -1;
		errno = error;
	}
	if (fd < 0) {
		if (errno != side->said)
			say("%s '%s': %s; trying again", side->name, path, strerror(errno));
		side->said = errno;
		return;
	}
	side->fd = fd;
	side->said = 0;
	say("%s '%s' is open", side->name, path);
}

static void look_for_port(struct relay *relay)
{
	char path[PATH_SIZE];

	if (relay->port_path) {
		side_open(relay, &relay->port, relay->port_path);
	} else if (!find_port(relay->port_name, path)) {
		side_open(relay, &relay->port, path);
	} else {
		if (relay->port.said != ENODEV)
			say("%s '%s' is not there; waiting for it", relay->port.name,
			    relay->port_name);
		relay->port.said = ENODEV;
	}
}

/* The bytes. */

static void flow_drop(struct flow *flow)
{
	flow->begin = 0;
	flow->end = 0;
}

/* A read or a write failed: what does that say of the side? */
static void side_failed(struct side *side, bool *possible, int error)
{
	if (error == EINTR)
		return;
	*possible = false;
	if (error == EAGAIN)
		return;
	say("%s is gone: %s", side->name, strerror(error));
	side_close(side);
}

static void side_connected(struct side *side, bool connected)
{
	if (connected != side->connected && side->is_port)
		say("host %s", connected ? "is connected" : "is not connected");
	side->connected = connected;
}

/* Fill the buffer; false when nothing came. */
static bool flow_read(struct flow *flow)
{
	struct side *from = flow->from;
	ssize_t length;

	if (from->fd < 0 || !from->readable)
		return false;
	length = read(from->fd, flow->bytes, sizeof(flow->bytes));
	if (length > 0) {
		/* The word of a host's coming may be later than its bytes. */
		side_connected(from, true);
		flow->begin = 0;
		flow->end = (size_t)length;
		return true;
	}
	if (length < 0)
		side_failed(from, &from->readable, errno);
	else
		from->readable = false;
	/* A port without a host, which may have left bytes behind. */
	if (!length && from->is_port)
		side_connected(from, false);
	return false;
}

/* Empty it; false when nothing went. */
static bool flow_write(struct flow *flow)
{
	struct side *to = flow->to;
	ssize_t length;

	if (to->fd < 0 || !to->connected) {
		flow_drop(flow);
		return true;
	}
	if (!to->writable)
		return false;
	length = write(to->fd, flow->bytes + flow->begin, flow->end - flow->begin);
	if (length < 0) {
		side_failed(to, &to->writable, errno);
		return false;
	}
	flow->begin += (size_t)length;
	return true;
}

/* One step of one direction; false when it can't go on by itself. */
static bool flow_step(struct flow *flow)
{
	return flow->begin < flow->end ? flow_write(flow) : flow_read(flow);
}

/* False when nothing is left to do until something happens. */
static bool pump(struct relay *relay)
{
	bool moved = true;
	int turn;

	for (turn = 0; moved && turn < TURNS_MAX; turn++) {
		moved = flow_step(&relay->to_guest);
		moved |= flow_step(&relay->to_host);
	}
	return moved;
}

/* What happens. */

static void side_event(struct side *side, uint32_t events)
{
	if (side->fd < 0) /* closed by an event before this one */
		return;
	if (events & EPOLLERR) {
		say("%s is gone", side->name);
		side_close(side);
		return;
	}
	/* A port that hangs up may hold bytes still, or be unplugged: reading tells. */
	side->readable |= !!(events & (EPOLLIN | EPOLLHUP));
	side->writable |= !!(events & EPOLLOUT);
	side_connected(side, !(events & EPOLLHUP));
}

static void take_signal(struct relay *relay)
{
	struct signalfd_siginfo info;

	while (read(relay->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			say("SIGHUP: %s is let go of for %d ms", relay->device.name, LET_GO_MS);
			side_close(&relay->device);
			relay->hold_until_ms = now_ms() + LET_GO_MS;
		} else {
			say("signal %u: end", info.ssi_signo);
			relay->ending = true;
		}
	}
}

static void look_for_absent(struct relay *relay)
{
	int64_t now = now_ms();

	/* Events of the other side are no reason to look more often. */
	if (now < relay->look_at_ms)
		return;
	relay->look_at_ms = now + LOOK_MS;
	if (relay->port.fd < 0)
		look_for_port(relay);
	if (relay->device.fd < 0 && now >= relay->hold_until_ms)
		side_open(relay, &relay->device, relay->device_path);
}

static void wait_for_events(struct relay *relay, int wait_ms)
{
	struct epoll_event events[3];
	int i, count = epoll_wait(relay->epoll, events, 3, wait_ms);

	for (i = 0; i < count; i++) {
		if (events[i].data.ptr)
			side_event(events[i].data.ptr, events[i].events);
		else
			take_signal(relay);
	}
}

static void run(struct relay *relay)
{
	while (!relay->ending) {
		bool absent = relay->port.fd < 0 || relay->device.fd < 0;

		if (absent)
			look_for_absent(relay);
		wait_for_events(relay, absent ? LOOK_MS : -1);
		while (!relay->ending && pump(relay))
			wait_for_events(relay, 0);
	}
	side_close(&relay->device);
	side_close(&relay->port);
}

/* Start. */

static void protect(void)
{
	static const char never[] = "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, never, strlen(never)) < 0)
		say("oom_score_adj: %s; the OOM killer may choose this program", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		say("mlockall: %s; this program may be swapped out", strerror(errno));
}

static int set_up(struct relay *relay)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	relay->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (relay->epoll < 0 || sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	relay->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (relay->signals < 0 || epoll_ctl(relay->epoll, EPOLL_CTL_ADD, relay->signals, &event))
		return -errno;
	return 0;
}

/* -1 to go on, else the exit code. */
static int parse(struct relay *relay, int argc, char **argv)
{
	static const struct option all[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "path", required_argument, NULL, 'P' },
		{ "device", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:P:d:h", all, NULL)) != -1) {
		switch (c) {
		case 'p':
			relay->port_name = optarg;
			break;
		case 'P':
			relay->port_path = optarg;
			break;
		case 'd':
			relay->device_path = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_ENDED;
		default:
			fputs(help, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fputs(help, stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static struct relay relay = {
		.port_name = FTH_RELAY_PORT_NAME,
		.device_path = DEVICE,
		.port = { .name = "port", .fd = -1, .is_port = true },
		.device = { .name = "device", .fd = -1 },
		.to_guest = { .from = &relay.port, .to = &relay.device },
		.to_host = { .from = &relay.device, .to = &relay.port },
	};
	int error, code = parse(&relay, argc, argv);

	if (code >= 0)
		return code;
	error = set_up(&relay);
	if (error) {
		say("start: %s", strerror(-error));
		return EXIT_FAILED;
	}
	protect();
	run(&relay);
	return EXIT_ENDED;
}
