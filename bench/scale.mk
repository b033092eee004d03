# SPDX-License-Identifier: GPL-2.0
#
# The programs behind bench/scale and bench/policy: the unchanged core at full speed,
# with the headers of tests/user and a simulated device.
#
# make -f bench/scale.mk	builds build/bench/scale and build/bench/policy

ROOT	:= .
OUT	?= $(ROOT)/build/bench
USER	:= $(ROOT)/tests/user
CORE	:= $(ROOT)/fscache
# All files of the core, except those for bios, sysfs, debugfs, page marks and the module.
CORE_C	:= $(filter-out debugfs device main page_mark sysfs,\
	   $(basename $(notdir $(wildcard $(CORE)/*.c))))
OBJECTS	:= $(CORE_C:%=$(OUT)/core/%.o) $(OUT)/user/shim.o $(OUT)/user/rcu.o $(OUT)/user/hash.o \
	   $(OUT)/user/queue.o \
	   $(OUT)/scale_sim.o $(OUT)/scale_device.o $(OUT)/scale_core.o

CC	= gcc
CPPFLAGS := -I$(USER)/include -I$(USER) -I$(ROOT)/include -I$(CORE) \
	   -I$(ROOT)/bench -D_GNU_SOURCE -DCONFIG_CACHEFS
CFLAGS	= -std=gnu11 -g -O2 -fno-strict-aliasing -Wall -Wextra \
	  -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	  -Wno-type-limits -Wno-maybe-uninitialized -Werror

# scale_sim.c and scale_core.c replace these functions of the core and of the shims.
# The original functions are still there, as __real_*().
WRAPPED	:= shim_alloc shim_realloc shim_free \
	   shim_spin_lock shim_spin_unlock shim_rwlock_lock shim_rwlock_unlock \
	   shim_mutex_lock mutex_trylock mutex_unlock shim_might_sleep \
	   shim_cond_resched cachefs_data_checksum cachefs_index_insert
LDFLAGS	:= $(WRAPPED:%=-Wl,--wrap=%)

HEADERS	:= $(wildcard $(ROOT)/bench/*.h $(USER)/*.h $(USER)/include/*/*.h \
	   $(USER)/include/*/*/*.h $(CORE)/*.h $(ROOT)/include/*.h \
	   $(ROOT)/include/uapi/*.h)

all: $(OUT)/scale $(OUT)/policy

$(OUT)/core/%.o: $(CORE)/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(OUT)/user/%.o: $(USER)/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(OUT)/%.o: bench/%.c $(HEADERS) bench/scale.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/scale: $(OUT)/scale_main.o $(OUT)/scale_fill.o $(OUT)/scale_index.o \
		$(OUT)/scale_io.o $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpthread -lm
$(OUT)/policy: $(OUT)/policy_main.o $(OUT)/policy_trace.o \
		$(OUT)/policy_others.o $(OUT)/policy_ours.o $(OUT)/scale_fill.o \
		$(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpthread -lm

.PHONY: all
.SECONDARY:
