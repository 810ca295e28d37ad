#!/bin/sh
# Puts the broker onto this machine at its first boot, made by 'zancudo appliance'.
# Each step finds out whether it is done, so a power cut at any moment does no
# harm: the next boot goes on. It ends by switching itself off.
set -eu
umask 022
root=${ZANCUDO_ROOT-} # of a test
home=$root/usr/local/lib/zancudo
report=$root/root/zancudo.txt
deb=$root/var/cache/zancudo/zancudo.deb
stick=$root/run/zancudo-stick
. "$home/first-boot.conf"

tell() { printf '%s\n' "$*"; }

# note tells the owner, who reads the report, as well as the journal.
note() {
  tell "$*"
  printf '\n%s\n' "$*" >>"$report"
}

right() { # right FILE: it is the package that was meant
  [ -f "$1" ] && printf '%s  %s\n' "$PACKAGE_SHA256" "$1" | sha256sum --check --status
}

# settings spares the flash card and keeps a machine going that has no keyboard.
settings() {
  # Reading a file writes nothing.
  if awk '$3 == "ext4" && $4 !~ /noatime/ { $4 = $4 ",noatime"; changed = 1 } { print } END { exit !changed }' \
    "$root/etc/fstab" >"$root/etc/fstab.new"; then
    sync "$root/etc/fstab.new"
    mv "$root/etc/fstab.new" "$root/etc/fstab"
  else
    rm "$root/etc/fstab.new"
  fi
  systemctl enable --now fstrim.timer || tell 'There is no fstrim.timer.'
  systemctl restart systemd-journald
  if [ -n "$WATCHDOG" ]; then
    [ "$WATCHDOG" = auto ] || modprobe "$WATCHDOG" || tell "There is no module $WATCHDOG: nothing watches over this machine."
    systemctl daemon-reexec
  fi
  if command -v update-grub >/dev/null; then update-grub; fi
}

# fetch puts the package at $deb.
fetch() {
  if right "$deb"; then return; fi
  mkdir -p "$(dirname "$deb")"
  if [ -n "$PACKAGE_URL" ]; then
    tell "Fetching $PACKAGE_URL"
    python3 -c 'import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as source, open(sys.argv[2], "wb") as target:
    shutil.copyfileobj(source, target)' "$PACKAGE_URL" "$deb.new"
  else
    mkdir -p "$stick"
    mountpoint -q "$stick" || mount -o ro LABEL=CIDATA "$stick" || mount -o ro LABEL=cidata "$stick" || {
      tell 'The package is not here, and no stick with the label CIDATA is in this machine: put it in.'
      return 1
    }
    cp "$stick/zancudo.deb" "$deb.new"
    umount "$stick"
  fi
  if ! right "$deb.new"; then
    tell "The package has another checksum than $PACKAGE_SHA256: it is damaged, or not the one that was meant."
    rm "$deb.new"
    return 1
  fi
  sync "$deb.new"
  mv "$deb.new" "$deb"
}

install_package() {
  dpkg --configure -a
  if dpkg-query --show --showformat='${Status}\n' zancudo 2>/dev/null | grep -q '^install ok installed$'; then return; fi
  fetch
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold \
    install -y --no-install-recommends "$deb"
  sync
}

# set_up makes certificates, rules and the first user, whose password is in the
# report and nowhere else.
set_up() {
  if [ -e "$report" ]; then return; fi
  systemctl stop zancudo || true
  eval "set -- $INIT"
  (umask 077 && rm -f "$report.new" && zancudo init --yes --overwrite "$@" >"$report.new")
  sync
  mv "$report.new" "$report"
  sync
}

# move_var puts /var onto a disk of its own, when everything else has come to rest.
move_var() {
  if [ -z "$VAR_DISK" ] || mountpoint -q "$root/var"; then return; fi
  cloud-init status --wait >/dev/null || true
  if [ ! -b "$VAR_DISK" ]; then
    note "There is no disk $VAR_DISK, so /var stays where it is."
    return
  fi
  new=$root/run/zancudo-var
  if [ "$(blkid -p -o value -s LABEL "$VAR_DISK")" != zancudo-var ]; then
    if [ -n "$(wipefs --noheadings "$VAR_DISK")" ]; then
      note "The disk $VAR_DISK is not empty, so /var stays where it is. If nothing on it is needed: wipefs --all $VAR_DISK && rm $home/first-boot.done && systemctl enable --now zancudo-first-boot"
      return
    fi
    mkfs.ext4 -q -L zancudo-var "$VAR_DISK"
  fi
  mkdir -p "$new"
  mount -o noatime "$VAR_DISK" "$new"
  if [ ! -e "$new/.unfinished" ] && [ "$(ls -A "$new")" != lost+found ]; then
    umount "$new"
    note "The disk $VAR_DISK has the /var of an earlier installation, so /var stays where it is. If nothing on it is needed: wipefs --all $VAR_DISK && rm $home/first-boot.done && systemctl enable --now zancudo-first-boot"
    return
  fi
  : >"$new/.unfinished"
  systemctl stop zancudo
  if ! cp -ax "$root/var/." "$new/"; then
    umount "$new"
    systemctl start zancudo
    note "/var could not be copied to the disk $VAR_DISK, so it stays where it is. Perhaps the disk is too small."
    return
  fi
  sync
  rm "$new/.unfinished"
  umount "$new"
  { cat "$root/etc/fstab" && echo 'LABEL=zancudo-var /var ext4 defaults,noatime 0 2'; } >"$root/etc/fstab.new"
  sync "$root/etc/fstab.new"
  mv "$root/etc/fstab.new" "$root/etc/fstab"
  reboot=yes
}

reboot=
install_package
set_up
systemctl enable zancudo
systemctl restart zancudo
settings
rm -rf "$root/var/cache/zancudo"
move_var
# What is set up is not set up again, whatever stick somebody puts in.
: >"$root/etc/cloud/cloud-init.disabled"
systemctl disable zancudo-first-boot.service
: >"$home/first-boot.done"
sync
tell "The broker is set up; $report has the password of its first user."
if [ -n "$reboot" ]; then systemctl reboot; fi
