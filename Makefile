# What a release consists of, in dist/. docs/packages.md tells what needs what.
.PHONY: help deb dist reproducible clean machine-test

help:
	@echo 'make deb            dist/*.deb for this kind of machine'
	@echo 'make dist           everything: archives and packages for all systems, SBOMs, SHA256SUMS'
	@echo 'make reproducible   makes everything twice and compares'
	@echo 'make clean          removes dist/'
	@echo 'make machine-test   installs the packages on a Debian in an emulator, and cuts its power; needs root and a quarter of an hour'

deb:
	packaging/dist.sh deb

dist:
	packaging/dist.sh all

reproducible:
	packaging/reproducible.sh

clean:
	rm -rf dist

machine-test:
	ZANCUDO_MACHINE=1 go test -count=1 -v -timeout=150m -parallel=1 ./test/machine
