/* SPDX-License-Identifier: GPL-2.0 */
/* A livepatch module as a file: read, hashed, looked at before it travels. */
#ifndef FTH_IO_PAYLOAD_H
#define FTH_IO_PAYLOAD_H

#include "fother/types.h"
#include "fother/wire.h"

struct fth_rights;

#define FTH_PAYLOAD_ERROR_MAX 1024u /* bytes of a message, with its NUL */

/**
 * struct fth_payload - a module that passed the checks
 * @bytes: the whole file, @size bytes
 * @size: 1 … FTH_MODULE_SIZE_MAX
 * @sha256: of @bytes
 * @name: of the module, as its .modinfo says
 * @release: kernel release, the first word of its vermagic
 * @has_model: it names the weakest consistency model that it is right under
 * @leave: enum fth_leave; with @has_model
 * @switches: enum fth_switch; with @has_model
 * @signature: bytes for the guest, NULL without; @signature_size of them
 */
struct fth_payload {
	uint8_t *bytes;
	uint32_t size;
	uint8_t sha256[FTH_SHA256_SIZE];
	char name[FTH_NAME_MAX + 1];
	char release[FTH_RELEASE_MAX + 1];
	bool has_model;
	uint8_t leave;
	uint8_t switches;
	uint8_t *signature;
	uint32_t signature_size; /* at most FTH_SIGNATURE_MAX */
};

/**
 * fth_payload_load() - read and check a module
 * @path: of the file
 * @rights: with which it is opened, see fth_rights_open(); NULL: our own
 * @ret_payload: give it to fth_payload_free() on 0
 * @ret_error: set on error: "module 'PATH': ..."
 * @error_size: its bytes; FTH_PAYLOAD_ERROR_MAX holds any message
 * Return: 0; -EINVAL for a file that is no livepatch module for x86-64 or is
 * too large; -errno when it can't be read; -EPERM: not with @rights; -ENOMEM.
 *
 * Whether it is the module a policy names is fth_payload_matches()'s.
 */
int fth_payload_load(const char *path, const struct fth_rights *rights,
		     struct fth_payload *ret_payload, char *ret_error, size_t error_size);

/**
 * fth_payload_load_signature() - the file that patch.signature names
 * @payload: loaded; owns the bytes on 0
 * @path: of the file
 * @rights: as there
 * @ret_error: set on error: "signature 'PATH': ..."
 * @error_size: its bytes
 * Return: 0; -EINVAL for a file that can't be one; -errno; -EPERM, -ENOMEM as there.
 *
 * Whether a guest accepts it only the guest can tell, by its own keys.
 */
int fth_payload_load_signature(struct fth_payload *payload, const char *path,
			       const struct fth_rights *rights, char *ret_error, size_t error_size);

/** fth_payload_free() - what a load took; also of an all-zero structure. */
void fth_payload_free(struct fth_payload *payload);

struct fth_policy;

/**
 * fth_payload_matches() - is this the module that a policy means?
 * @payload: loaded
 * @policy: validated
 * @ret_error: set on error: name, sha256 or release found against expected
 * @error_size: its bytes
 * Return: 0 or -EINVAL.
 */
int fth_payload_matches(const struct fth_payload *payload, const struct fth_policy *policy,
			char *ret_error, size_t error_size);

/**
 * fth_payload_settle_model() - which consistency model a rollout has
 * @payload: loaded
 * @policy: validated; where it is silent about the model, the module's is put
 *	into it (without setting has_model)
 * @ret_error: set on error: what both say, and what to do
 * @error_size: its bytes
 *
 * A module says with MODULE_INFO(fother_consistency, "WORDS") under which
 * model it is right; fth_model_parse() reads the words.
 * Return: 0; -EINVAL when the policy names a weaker model than the module, or
 * the rest of the policy can't be together with the module's.
 */
int fth_payload_settle_model(const struct fth_payload *payload, struct fth_policy *policy,
			     char *ret_error, size_t error_size);

#endif /* FTH_IO_PAYLOAD_H */
