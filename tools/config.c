// SPDX-License-Identifier: GPL-2.0
/*
 * /etc/cachefs.conf: the cache that is attached at boot.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attach.h"
#include "cachefsctl.h"

const char *config_path = "/etc/cachefs.conf";

/* Files of the cache that an administrator may write numbers to. */
const char *const config_limits[CONFIG_LIMITS] = {
	"max_in_flight_bytes", "max_in_flight_ms", "read_bypass_ms",
	[CONFIG_MAX_INDEX_BYTES] = "max_index_bytes", "write_budget",
	[CONFIG_DISCARD] = "discard",
};

/* Options of the module that an administrator may write to. */
const char *const config_options[CONFIG_OPTIONS] = { "server_alias", "policy" };

/* Cut off blanks and line ends, also those of a DOS file. */
static char *config_trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = 0;
	return text;
}

static bool config_set(struct config *config, const char *key, const char *value)
{
	unsigned int i;

	if (!strcmp(key, "device")) {
		free(config->device);
		config->device = *value ? cmd_text("%s", value) : NULL;
		return true;
	}
	if (!strcmp(key, "create")) {
		config->create = !strcmp(value, "blank");
		return config->create || !strcmp(value, "never");
	}
	if (!strcmp(key, "wait"))
		return !unit_parse_number(value, 3600, &config->wait);
	for (i = 0; i < ARRAY_SIZE(config_limits); i++)
		if (!strcmp(key, config_limits[i])) {
			free(config->limits[i]);
			config->limits[i] = cmd_text("%s", value);
			return *value && !value[strspn(value, "0123456789")];
		}
	for (i = 0; i < ARRAY_SIZE(config_options); i++)
		if (!strcmp(key, config_options[i])) {
			free(config->options[i]);
			config->options[i] = cmd_text("%s", value);
			return true;
		}
	return false;
}

/**
 * config_read - Read the configuration
 * @config: the result
 *
 * Return: 0; -ENOENT if there is no file; -EINVAL, after a message, if a line is not
 * understood, or the file cannot be read to its end.
 */
int config_read(struct config *config)
{
	FILE *file = root_open(config_path);
	char *line = NULL, *key, *value;
	unsigned int number = 0;
	size_t size = 0;
	int ret = 0;

	*config = (struct config) { .wait = 10 };
	if (!file && errno == ENOENT)
		return -ENOENT;
	if (!file) {
		warn("%s", config_path);
		return -EINVAL;
	}
	while (getline(&line, &size, file) > 0) {
		number++;
		key = config_trim(line);
		if (!*key || *key == '#')
			continue;
		value = strchr(key, '=');
		if (value) {
			*value = 0;
			key = config_trim(key);
			value = config_trim(value + 1);
		}
		if (!value || !config_set(config, key, value)) {
			warnx("%s, line %u: not understood: %s%s%s", config_path,
			      number, key, value ? "=" : "", value ?: "");
			ret = -EINVAL;
		}
	}
	if (ferror(file)) {
		warn("%s: cannot be read", config_path);
		ret = -EINVAL;
	}
	free(line);
	fclose(file);
	return ret;
}

/**
 * config_free - Free the memory that config_read() has allocated
 * @config: the configuration
 */
void config_free(struct config *config)
{
	unsigned int i;

	free(config->device);
	for (i = 0; i < ARRAY_SIZE(config_limits); i++)
		free(config->limits[i]);
	for (i = 0; i < ARRAY_SIZE(config_options); i++)
		free(config->options[i]);
}
