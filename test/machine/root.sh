#!/usr/bin/env bash
# Makes the disk of a small Debian, with its kernel beside it: root.sh DIRECTORY KIND. One of the kind 'installed' is ready; one of
# the kind 'image' waits for cloud-init to be told who it is, as the images of Debian do. It takes Debian's packages from where apt
# of this machine takes them. Needs root, debootstrap and mkfs.ext4.
set -euo pipefail
suite=bookworm
out=$1 kind=$2
root=$out/root

if [ -z "${MACHINE_UNSHARED:-}" ]; then # so that what is mounted below is gone in any case
  MACHINE_UNSHARED=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi

mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $suite" 'Created-By: Packages' | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
in_root() { chroot "$root" "$@"; }
install() { in_root apt-get -q install -y --no-install-recommends "$@"; }

begin() {
  rm -rf "$out"
  mkdir -p "$root"
  debootstrap --variant=minbase --include=systemd-sysv,udev,dbus,kmod,adduser,iproute2,procps "$suite" "$root" "$mirror"
}

# What an image has, but for the boot loader.
image() {
  install cloud-init netplan.io openssh-server sudo systemd-timesyncd
  rm "$root"/etc/ssh/ssh_host_*
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
}

installed() {
  # Mosquitto and what it needs lie there for the test of moving from it.
  rm -f "$root"/var/cache/apt/archives/*.deb
  install --download-only mosquitto mosquitto-clients
  mkdir -p "$root/opt/mosquitto"
  mv "$root"/var/cache/apt/archives/*.deb "$root/opt/mosquitto/"

  echo shelf >"$root/etc/hostname"
  printf '127.0.0.1 localhost shelf\n::1 localhost\n' >"$root/etc/hosts"
  cat >"$root/etc/systemd/system/address.service" <<'END'
[Unit]
Description=The address of this machine
DefaultDependencies=no
Wants=network.target
Before=network.target network-online.target
BindsTo=sys-subsystem-net-devices-eth0.device
After=sys-subsystem-net-devices-eth0.device

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up && ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2'

[Install]
WantedBy=network-online.target multi-user.target
END
  in_root systemctl enable address.service
  in_root systemctl mask fstrim.timer systemd-logind.service systemd-timesyncd.service systemd-user-sessions.service
}

begin || begin # it gives up for one package that does not come
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
printf 'Acquire::Check-Valid-Until "false";\nAcquire::Retries "3";\n' >"$root/etc/apt/apt.conf.d/machine"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service starts here
chmod +x "$root/usr/sbin/policy-rc.d"

# An initrd of what this machine has is a tenth of the usual one.
in_root apt-get -q update
install initramfs-tools lz4
printf 'MODULES=list\nCOMPRESS=lz4\nFSTYPE=ext4\n' >"$root/etc/initramfs-tools/conf.d/machine"
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
install linux-image-cloud-amd64
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"

# The door of the tests: a shell for each connection.
cat >"$root/etc/systemd/system/hands.socket" <<'END'
[Socket]
ListenStream=7777
Accept=yes

[Install]
WantedBy=sockets.target
END
cat >"$root/etc/systemd/system/hands@.service" <<'END'
[Unit]
CollectMode=inactive-or-failed

[Service]
ExecStart=/bin/bash
StandardInput=socket
StandardOutput=socket
StandardError=socket
END
in_root systemctl enable hands.socket
in_root systemctl set-default multi-user.target
# What takes an emulator long and nobody needs here.
in_root systemctl mask apt-daily.timer apt-daily-upgrade.timer dev-hugepages.mount dev-mqueue.mount dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap.service getty.target kmod-static-nodes.service modprobe@configfs.service \
  modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount systemd-binfmt.service systemd-pstore.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service
"$kind"

rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root/usr/sbin/policy-rc.d"
umount "$root/proc" "$root/dev"
cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
cp "$root"/boot/initrd.img-* "$out/initrd"
mkfs.ext4 -q -L root -d "$root" "$out/disk.img" 1500M
rm -rf "$root"
touch "$out/complete"
