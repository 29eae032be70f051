/* SPDX-License-Identifier: GPL-2.0 */
/* The version of the programs; what a peer understands is FTH_WIRE_VERSION and capabilities. */
#ifndef FOTHER_VERSION_H
#define FOTHER_VERSION_H

#define FTH_VERSION "0.1"

#endif /* FOTHER_VERSION_H */
