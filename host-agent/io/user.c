// SPDX-License-Identifier: GPL-2.0
/* Names of this host's users. */
#include "io/user.h"

#include <pwd.h>
#include <stdio.h>

#define PASSWD_FILE "/etc/passwd"
#define PASSWD_LINE_MAX 4096

void fth_user_name(uid_t uid, char *ret_name, size_t size)
{
	char line[PASSWD_LINE_MAX];
	struct passwd entry, *found = NULL;
	FILE *file = fopen(PASSWD_FILE, "re");

	snprintf(ret_name, size, "%u", uid);
	while (file && !fgetpwent_r(file, &entry, line, sizeof(line), &found)) {
		if (found->pw_uid != uid)
			continue;
		snprintf(ret_name, size, "%s", found->pw_name);
		break;
	}
	if (file)
		fclose(file);
}
