#!/bin/sh
# root.sh PROGRAM DIRECTORY: puts into a new directory what the image consists of. As root.
set -eu
program=$1 root=$2
here=$(dirname "$0")
umask 022
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/etc/ssl/certs" "$root/mosquitto/config" "$root/mosquitto/data" "$root/mosquitto/log" "$root/tmp" "$root/run"

install -m 0755 "$program" "$root/usr/bin/zancudo"
for name in mosquitto_pub mosquitto_sub mosquitto_rr mosquitto_passwd mosquitto_ctrl; do
  ln -s zancudo "$root/usr/bin/$name"
done
ln -s ../bin/zancudo "$root/usr/sbin/mosquitto"

install -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cat >"$root/etc/passwd" <<END
root:x:0:0:root:/:/sbin/nologin
mosquitto:x:1883:1883:mosquitto:/mosquitto/data:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
END
cat >"$root/etc/group" <<END
root:x:0:
mosquitto:x:1883:
nogroup:x:65534:
END

install -m 0644 "$here/mosquitto.conf" "$root/mosquitto/config/"
# Where Mosquitto's image has it, for those who name it in their command.
printf 'listener 1883\nallow_anonymous true\n' >"$root/mosquitto-no-auth.conf"

# Group 0 may write, too: it is the one that any user of OpenShift has.
chown 1883:0 "$root/mosquitto/data" "$root/mosquitto/log"
chmod 0770 "$root/mosquitto/data" "$root/mosquitto/log"
chmod 1777 "$root/tmp"
