# SPDX-License-Identifier: GPL-2.0
#
# make [KVER=version]	build build/<version>/cachefs.ko; V=1: say what the kernel has
#	[UNTESTED=1]	for a kernel, too, that META does not name
# make install		put it where modprobe finds it; make uninstall removes it
# make tools		build build/tools/cachefsctl
# make deb		build Debian packages in build/deb
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
KDIR	?= $(firstword $(filter %/build,$(wildcard /lib/modules/$(KVER)/build \
	     $(CACHEFS_CACHE)/headers/$(KVER)/build)))
MODDIR	?= $(DESTDIR)/lib/modules/$(KVER)/updates
SOURCES	:= Kbuild fscache include nfs-glue

all: module

# The release that the headers are of, whatever their directory is called.
kernel	= $(shell code="$$(sed -n 's/^.define LINUX_VERSION_CODE //p' \
	     "$(KDIR)/include/generated/uapi/linux/version.h" 2>/dev/null)"; \
	     [ -z "$$code" ] || \
	     echo $$((code >> 16)).$$((code >> 8 & 255)).$$((code & 255)))
meta	= $(shell sed -n 's/^$(1): //p' META)

# Why nothing is built for a kernel, in a line; nothing: it is built.
refusal	= $(if $(KDIR),$(call refusal_of,$(kernel)),no headers of kernel $(KVER): \
	     install linux-headers-$(KVER), or run tests/bed/prepare.sh headers)
refusal_of = $(if $(1),$(if $(UNTESTED),,$(call refusal_meta,$(1),$(call \
	     meta,Linux-Tested))),$(KDIR) has no kernel headers that are \
	     prepared for modules)
refusal_meta = $(if $(filter $(2:%=%.%),$(1)),$(if $(filter $(1),$(call \
	     meta,Linux-Broken)),Linux $(1) hangs with any cache: take a later $(basename \
	     $(1)); UNTESTED=1 builds all the same),cachefs is not tested on Linux $(1), \
	     but on $(2); UNTESTED=1 builds all the same)

# kbuild leaves objects beside their sources, so it gets a tree of links.  It takes no
# path with a blank, a colon or a "%": then the tree is elsewhere while it is needed.
module:
	$(if $(refusal),$(error $(strip $(refusal))))
	@set -e; out="$$(realpath -m "$(BUILD)")"; tree="$$out"; \
	case $$tree in *[[:space:]:%]*) \
		tree="$$(mktemp -d)"; trap 'rm -rf "$$tree"' EXIT HUP INT TERM;; \
	esac; \
	mkdir -p "$$out"; \
	find "$$tree" -xtype l -delete; \
	for part in $(SOURCES); do cp -rsf "$(CURDIR)/$$part" "$$tree/"; done; \
	$(MAKE) -C "$(KDIR)" M="$$tree" CONFIG_CACHEFS=m modules; \
	[ "$$tree" = "$$out" ] || cp "$$tree/cachefs.ko" "$$out/"

install: module
	install -D -m 644 "$(BUILD)/cachefs.ko" "$(MODDIR)/cachefs.ko"
	depmod -b "$(DESTDIR)/" $(KVER)

uninstall:
	rm -f "$(MODDIR)/cachefs.ko"
	-rmdir --ignore-fail-on-non-empty "$(MODDIR)"
	depmod -b "$(DESTDIR)/" $(KVER)

# Both bring what they need: packages, stock kernels, a root image, in .cache.  To make the
# image takes one processor for minutes, which the other one need not wait for.
bed:
	tests/bed/prepare.sh packages qemu headers image
	BED_UPDATED=1 tests/bed/prepare.sh headers-$(SERIES) image-$(SERIES)
	$(MAKE) -j2 --no-print-directory bed-images bed-programs

bed-images:
	BED_UPDATED=1 tests/bed/prepare.sh

bed-programs:
	$(MAKE) KVER="$$(cat $(CACHEFS_CACHE)/kver-$(SERIES))"
	$(MAKE) -s --no-print-directory -C tools

demo: bed
	tests/bed/demo.sh $(SERIES)

test: bed
	BED_UPDATED=1 tests/run

# Debian packages of the module for DKMS and of the tools, in build/deb.
VERSION	= $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
deb:
	rm -rf build/deb
	mkdir -p build/deb/cachefs-$(VERSION)
	cp -a $(SOURCES) COPYING Documentation META Makefile README.md debian tools \
		build/deb/cachefs-$(VERSION)/
	mkdir -p build/deb/cachefs-$(VERSION)/tests/user
	cp -a tests/user/include build/deb/cachefs-$(VERSION)/tests/user/
	cd build/deb/cachefs-$(VERSION) && dpkg-buildpackage -us -uc -b

tools:
	$(MAKE) -s --no-print-directory -C tools

torture:
	tests/torture

mutants:
	tests/user/mutants

clean:
	rm -rf build

distclean: clean
	rm -rf "$(CACHEFS_CACHE)"

.PHONY: all module install uninstall bed bed-images bed-programs demo test deb tools torture \
	mutants clean distclean
