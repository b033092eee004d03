/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TOOLS_STATUS_H
#define _TOOLS_STATUS_H

#include "system.h"

void status_print(const struct system *sys, bool plain);

#endif
