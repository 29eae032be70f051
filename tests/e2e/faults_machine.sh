#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The half of the fault table in which something befalls the virtual machine; mostly it
# waits for it, so it runs beside the other half.
# timeout: 1200
exec bash "$(dirname "$0")/faults_table.sh" saved snapshot suspended replugged
