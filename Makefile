# SPDX-License-Identifier: GPL-2.0
#
# make [KVER=version]	build build/<version>/cachefs.ko
# make install		put it where modprobe finds it; make uninstall removes it
# make demo [SERIES=6.1]	show it at work, in a guest
# make test		all tests
# make torture		the long tests, and a table of what they did; HOURS=n: for so long
# make mutants		breaks the code on purpose: do the tests notice?
# make clean		remove what was built; make distclean also the test bed's cache

KVER	?= $(shell uname -r)
BUILD	?= build/$(KVER)
SERIES	?= 6.12
CACHEFS_CACHE ?= $(CURDIR)/.cache
export CACHEFS_CACHE

# The kernel's own headers, or those that the test bed unpacked.
KDIR	?= $(firstword $(wildcard /lib/modules/$(KVER)/build \
	     $(CACHEFS_CACHE)/headers/$(KVER)/build))
MODDIR	?= $(DESTDIR)/lib/modules/$(KVER)/updates
SOURCES	:= Kbuild fscache include nfs-glue

all: module

# kbuild leaves objects beside their sources, so it gets a tree of links.
module:
	@test -n "$(KDIR)" || { echo "no headers of kernel $(KVER): install linux-headers-$(KVER), or run tests/bed/prepare.sh headers" >&2; exit 1; }
	@range="$$(sed -n 's/^Linux-M.*: //p' META)"; \
		series="$$(echo $(KVER) | grep -oE '^[0-9]+\.[0-9]+')"; \
		[ "$$(printf '%s\n' $$range $$series | sort -V | sed -n 2p)" = "$$series" ] || \
		echo "note: kernel $(KVER) is outside of what cachefs was tested on:" $$range >&2
	@mkdir -p $(BUILD)
	@find $(BUILD) -xtype l -delete
	@cp -rsf $(addprefix $(CURDIR)/,$(SOURCES)) $(BUILD)/
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)) CONFIG_CACHEFS=m modules

install: module
	install -D -m 644 $(BUILD)/cachefs.ko $(MODDIR)/cachefs.ko
	depmod -b "$(DESTDIR)/" $(KVER)

uninstall:
	rm -f $(MODDIR)/cachefs.ko
	depmod -b "$(DESTDIR)/" $(KVER)

# Both bring what they need: packages, stock kernels, a root image, in .cache.
bed:
	tests/bed/prepare.sh
	tests/bed/prepare.sh headers-$(SERIES) image-$(SERIES)
	$(MAKE) KVER="$$(cat $(CACHEFS_CACHE)/kver-$(SERIES))"

demo: bed
	tests/bed/demo.sh $(SERIES)

test: bed
	tests/run

torture:
	tests/torture

mutants:
	tests/user/mutants

clean:
	rm -rf build

distclean: clean
	rm -rf "$(CACHEFS_CACHE)"

.PHONY: all module install uninstall bed demo test torture mutants clean distclean
