#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tools/check-layers must see each kind of breach: made one at a time in a copy of the tree.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

tree=$(mktemp -d "${TMPDIR:-/tmp}/fother-layers-test.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{include/fother,protocol,host-agent/core,guest-kmod/compat,examples,tests,tools}
cp tools/check-layers "$tree/tools/"

layers() {
	"$tree/tools/check-layers" 2>&1
}

# breach FILE TEXT PATTERN NAME: FILE with TEXT is refused with a message like PATTERN.
breach() {
	printf '// SPDX-License-Identifier: GPL-2.0\n%s\n' "$2" >"$tree/$1"
	like "$(layers)" "*$1*$3* breaches" "$4" || :
	rm "$tree/$1"
}

printf '// SPDX-License-Identifier: GPL-2.0\n#include <string.h>\n%s\n' \
	'void f(char *a, char *b, int n) { memcpy(a, b, n); }' >"$tree/protocol/good.c"
ok "a pure tree passes" layers
breach protocol/a.c '#include <stdio.h>' 'without I/O' "an I/O header in protocol/"
breach protocol/a.c '#include "core/policy.h"' 'without I/O' "protocol/ does not know the agent"
breach host-agent/core/a.c '#include "io/store.h"' 'without I/O' "core/ does not know io/"
breach include/fother/a.h '#include <time.h>' 'without I/O' "a clock in a contract"
breach guest-kmod/a.c 'int x = LINUX_VERSION_CODE;' 'compat' "a kernel version outside compat/"
breach guest-kmod/a.c '#ifdef CONFIG_X' 'no #if' "#if in a .c file"
like "$(echo '// SPDX-License-Identifier: GPL-2.0
int system(const char *); void g(void) { system("x"); }' >"$tree/host-agent/core/b.c" && layers)" \
	"*b.o imports system*1 breaches" "a symbol that is not mem*"
rm "$tree/host-agent/core/b.c"
echo 'int x;' >"$tree/examples/c.c"
like "$(layers)" "*examples/c.c: no SPDX line*" "a file without its license"
rm "$tree/examples/c.c"
{
	echo '// SPDX-License-Identifier: GPL-2.0'
	yes '/* long */' | head -n 700
} >"$tree/examples/d.c"
like "$(layers)" "*701 lines, at most 700*" "a file that is too long"
rm "$tree/examples/d.c"
echo '#if 1
#endif' | cat "$tree/protocol/good.c" - >"$tree/guest-kmod/compat/e.c"
ok "compat/ may have #if" layers
done_testing
