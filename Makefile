# What a release consists of, in dist/. docs/packages.md tells what needs what.
.PHONY: help deb dist reproducible clean

help:
	@echo 'make deb            dist/*.deb for this kind of machine'
	@echo 'make dist           everything: archives and packages for all systems, SBOMs, SHA256SUMS'
	@echo 'make reproducible   makes everything twice and compares'
	@echo 'make clean          removes dist/'

deb:
	packaging/dist.sh deb

dist:
	packaging/dist.sh all

reproducible:
	packaging/reproducible.sh

clean:
	rm -rf dist
