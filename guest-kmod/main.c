// SPDX-License-Identifier: GPL-2.0
/* Module parameters, and the ladder of initialisations with its reverse. */
#include "main.h"

#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/string.h>

#include "clock.h"
#include "engine.h"
#include "revert.h"
#include "selftest.h"

struct fth_guest fth_guest = {
	.params = {
		.port_name = FTH_PORT_NAME,
		.insmod_path = "/sbin/insmod",
		.rmmod_path = "/sbin/rmmod",
		.sysrq_key = FTH_SYSRQ_KEY_DEFAULT,
	},
};

module_param_named(port_name, fth_guest.params.port_name, charp, 0444);
MODULE_PARM_DESC(port_name, "virtio-serial port of the host's agent, alone on its controller");
module_param_named(insmod_path, fth_guest.params.insmod_path, charp, 0444);
MODULE_PARM_DESC(insmod_path, "program that loads a staged module");
module_param_named(rmmod_path, fth_guest.params.rmmod_path, charp, 0444);
MODULE_PARM_DESC(rmmod_path, "program that unloads it");
module_param_named(key_file, fth_guest.params.key_file, charp, 0444);
MODULE_PARM_DESC(key_file, "X.509 certificates in DER whose keys sign payloads");
module_param_named(require_signature, fth_guest.params.require_signature, bool, 0444);
MODULE_PARM_DESC(require_signature, "refuse payloads of the host that are not signed");
module_param_named(min_epoch, fth_guest.params.min_epoch, ullong, 0444);
MODULE_PARM_DESC(min_epoch, "refuse signatures of an older epoch, of any patch");
module_param_named(block, fth_guest.params.block, charp, 0444);
MODULE_PARM_DESC(block, "patches that are refused until they are allowed: NAME[,NAME...] or all");
module_param_named(sysrq_key, fth_guest.params.sysrq_key, charp, 0444);
MODULE_PARM_DESC(sysrq_key, "letter of the SysRq key that reverts all patches, 0 = none");
module_param_named(selftest, fth_guest.params.selftest, bool, 0444);
MODULE_PARM_DESC(selftest, "run the golden vectors at load, refuse to load when one fails");

/* 0 = none; anything but one small letter is none, too, and said so. */
static int __init sysrq_key(void)
{
	const char *key = fth_guest.params.sysrq_key;

	if (islower(key[0]) && !key[1])
		return key[0];
	if (strcmp(key, "0"))
		pr_warn("init: sysrq_key='%s', expected a small letter or 0; there is no key\n",
			key);
	return 0;
}

static int __init fother_init(void)
{
	const struct fth_engine_options options = {
		.block = fth_guest.params.block,
		.sysrq_key = sysrq_key(),
	};
	int err = fth_guest.params.selftest ? fth_selftest_run() : 0;

	if (err)
		return err;
	err = fth_hostinfo_init(&fth_guest.hostinfo);
	if (err)
		return err;
	err = fth_trust_init();
	if (err)
		return err;
	fth_clock_init();
	err = fth_rescue_init();
	if (err)
		goto err_clock;
	err = fth_dispatch_init();
	if (err)
		goto err_rescue;
	err = fth_teller_init();
	if (err)
		goto err_dispatch;
	err = fth_stage_init();
	if (err)
		goto err_teller;
	err = fth_link_init();
	if (err)
		goto err_stage;
	err = fth_engine_init(&fth_dispatch_client, &options);
	if (err)
		goto err_link;
	err = fth_link_sysfs_init();
	if (err)
		goto err_engine;
	err = fth_channel_init();
	if (err)
		goto err_sysfs;
	err = fth_relay_init();
	if (err)
		goto err_channel;
	/* Last: a patch that came before a failure would outlive its engine. */
	fth_engine_arm();
	return 0;

err_channel:
	fth_channel_exit();
err_sysfs:
	fth_link_sysfs_exit();
err_engine:
	fth_teller_flush();
	fth_engine_exit();
err_link:
	fth_link_exit();
err_stage:
	fth_stage_stop();
	fth_stage_exit();
err_teller:
	fth_teller_exit();
err_dispatch:
	fth_dispatch_exit();
err_rescue:
	fth_rescue_exit();
err_clock:
	fth_clock_exit();
	fth_trust_exit();
	return err;
}

static void __exit fother_exit(void)
{
	fth_relay_exit();
	fth_channel_exit();
	fth_stage_stop();
	fth_teller_flush();
	fth_link_sysfs_exit();
	fth_engine_exit();
	fth_link_exit();
	fth_stage_exit();
	fth_teller_exit();
	fth_dispatch_exit();
	fth_rescue_exit();
	fth_clock_exit();
	fth_trust_exit();
}

module_init(fother_init);
module_exit(fother_exit);
MODULE_DESCRIPTION("Live patching steered from the hypervisor");
MODULE_VERSION(FTH_ENGINE_VERSION);
MODULE_LICENSE("GPL");
