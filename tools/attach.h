/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parts that attach and detach share (attach.c), commands to the module (control.c), devices
 * by their names (device.c), and /etc/cachefs.conf (config.c).
 */
#ifndef _TOOLS_ATTACH_H
#define _TOOLS_ATTACH_H

#include <sys/types.h>
#include "core.h"

struct system;
struct system_cache;

/* attach.c */
bool attach_ended(pid_t pid, int *status);
bool attach_is_under_way(void);

/* control.c */
int control_log_open(void);
bool control_log_print(int log);
int control_run(const char *const *argv);
int control_load(char *const *options);
int control_attach(const char *device);
int control_detach(const char *uuid);

/* device.c */
char *device_find(const char *spec, char **why);
const struct system_cache *device_find_attached(const struct system *sys, const char *name);
int device_look(const char *path, struct core_super *super, const char **why,
		char **foreign);

/* config.c */
#define CONFIG_LIMITS	6
#define CONFIG_MAX_INDEX_BYTES	3
#define CONFIG_DISCARD		5	/* the last one */
#define CONFIG_OPTIONS	2

struct config {
	char		*device;
	bool		create;
	unsigned int	wait;
	unsigned int	patience;	/* seconds to wait for a detach; 0: no bound */
	char		*limits[CONFIG_LIMITS];
	char		*options[CONFIG_OPTIONS];
};

extern const char *const config_limits[CONFIG_LIMITS];
extern const char *const config_options[CONFIG_OPTIONS];
extern const char *config_path;
int config_read(struct config *config);
void config_free(struct config *config);

#endif
