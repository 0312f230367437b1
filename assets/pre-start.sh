#!/bin/sh
# What mdproxy4cs needs and may not do itself. The unit runs this as root, so that the program has no right to change the
# network, and none to read what only root may.
#
# Whatever fails here but the listen address costs a convenience and is said; the VM's metadata are worth more.
set -eu
umask 077 # under the unit it is so: nobody else may hold the lock

listen=${MDPROXY4CS_HTTP_LISTEN:-169.254.169.254:39724}
address=${listen%:*}
port=${listen##*:}

say() { echo "mdproxy4cs: $*" >&2; }

# All there are, written by `./dev docs`.
variables="MDPROXY4CS_HTTP_LISTEN MDPROXY4CS_ADMIN_LISTEN MDPROXY4CS_CONFIG_DRIVE MDPROXY4CS_PASSWORD_SERVICE \
MDPROXY4CS_INAME MDPROXY4CS_DISCOVERY MDPROXY4CS_SERVER MDPROXY4CS_ALLOW_SERVER MDPROXY4CS_IDENTITY \
MDPROXY4CS_DISCOVERY_TIMEOUT MDPROXY4CS_CONFIRM_INTERVAL MDPROXY4CS_CONNECT_TIMEOUT MDPROXY4CS_RESPONSE_TIMEOUT \
MDPROXY4CS_IDLE_TIMEOUT MDPROXY4CS_REQUEST_TIMEOUT MDPROXY4CS_TRANSFER_TIMEOUT MDPROXY4CS_MAX_CONNECTIONS \
MDPROXY4CS_MAX_REQUESTS MDPROXY4CS_MAX_URL MDPROXY4CS_MAX_HEADER MDPROXY4CS_CACHE_TTL MDPROXY4CS_CACHE_SIZE \
MDPROXY4CS_STALE_IF_ERROR MDPROXY4CS_ALLOW_HOST MDPROXY4CS_ALLOW_CLIENT MDPROXY4CS_REQUIRE_TOKEN MDPROXY4CS_LOG_LEVEL \
MDPROXY4CS_LOG_FORMAT MDPROXY4CS_LOG_FILE"

# Names those that are none: the program may read its own variables, and not list them.
check_variables() {
  for name in $(env | sed -n 's/^\(MDPROXY4CS_[A-Za-z0-9_]*\)=.*/\1/p'); do
    case " $variables " in *" $name "*) ;; *) say "ignoring $name: there is no such option" ;; esac
  done
}

# Slows down what fails at every start: the unit tries again at once, so that nobody takes the port of a program that was
# killed. Starts in a row are counted where nobody but root may write.
pace() {
  starts=/run/mdproxy4cs.starts count=0 last=-60 pause=0
  read -r now _ < /proc/uptime
  now=${now%.*}
  if [ -f "$starts" ]; then read -r count last < "$starts" || :; fi
  if [ "$((now - last))" -lt 60 ]; then count=$((count + 1)); else count=0; fi
  if [ "$count" -ge 5 ] && is_first_start; then count=0; fi
  if [ "$count" -ge 5 ]; then pause=$(((count - 4) * 2)); fi
  if [ "$pause" -gt 20 ]; then pause=20; fi
  echo "$count $((now + pause))" 2>/dev/null > "$starts" || :
  if [ "$pause" -eq 0 ]; then return; fi
  say "start $((count + 1)) in a row, each within a minute of the one before: waiting for $pause seconds"
  sleep "$pause"
}

# Whether somebody has just started the unit, rather than the unit itself.
is_first_start() {
  [ "$(systemctl show --value --property=NRestarts mdproxy4cs.service 2>/dev/null)" = 0 ]
}

# Adds the listen address to the loopback interface, unless it is there.
add_address() {
  # Loopback is always there, and what is no address the program refuses, once and for all.
  if ! is_link_local || has_address; then return 0; fi
  # Somebody else may be adding it at this moment, which makes this fail and is just as good.
  if error=$(ip address add "$address/32" dev lo 2>&1) || has_address; then return; fi
  say "cannot add $address to lo: $error"
  return 1
}

is_link_local() {
  case $address in *[!0-9.]* | *.*.*.*.*) return 1 ;; 169.254.?*.?*) ;; *) return 1 ;; esac
  last_two=${address#169.254.}
  [ "${last_two%.*}" -le 255 ] && [ "${last_two#*.}" -le 255 ]
}

has_address() { ip address show dev lo | grep -qF "inet $address/"; }

# Keeps the kernel from giving the listen port to somebody's outgoing connection: it is among those that it chooses from.
# The list is everybody's: the port is added, and what others put there stays.
reserve_port() {
  reserved=/proc/sys/net/ipv4/ip_local_reserved_ports
  case $port in "" | 0 | *[!0-9]*) return 0 ;; esac
  [ -r "$reserved" ] || return 0
  ports=$(cat "$reserved")
  if is_among "$port" "$ports"; then return; fi
  echo "${ports:+$ports,}$port" 2>/dev/null > "$reserved" || say "cannot reserve port $port: $reserved is read-only"
}

# is_among PORT LIST: whether a list such as 22,8000-8080 has the port.
is_among() {
  for range in $(echo "$2" | tr , ' '); do
    if [ "$1" -ge "${range%-*}" ] && [ "$1" -le "${range#*-}" ]; then return 0; fi
  done
  return 1
}

# Copies what the program may not read. Whoever reads a sick drive may hang, beyond any signal: what takes too long is left
# behind, and the program starts without. One copies at a time, so that what is there in the end is whole.
copy() {
  for what in leases config-drive; do
    status=0
    timeout 15 flock --close /run/mdproxy4cs.lock "$0" "copy-$what" || status=$?
    if [ "$status" -eq 124 ]; then say "$what: gave up copying after 15 seconds: does the drive answer?"; fi
  done
}

# Copies the leases that only root may read to where the program may: into a folder of root's, for the program's group.
copy_leases() {
  group=$(stat -c %g /run/mdproxy4cs/. 2>/dev/null) || return 0
  copies=/run/mdproxy4cs-root/leases
  rm -rf "$copies"
  copy_files dhclient /var/lib/NetworkManager/dhclient-*.lease
  copy_files network_manager /var/lib/NetworkManager/internal-*.lease
  copy_files dhcpcd /var/lib/dhcpcd/*.lease /var/lib/dhcpcd5/*.lease /var/db/dhcpcd/*.lease
  copy_files wicked /var/lib/wicked/lease-*-dhcp-ipv4.xml
}

# copy_files CLIENT FILE...: what is a plain file, with the time it was written. The folder says that somebody has looked.
copy_files() {
  to=$copies/$1
  shift
  install -d -m 0750 -g "$group" "${copies%/*}" "$copies" "$to" 2>/dev/null || { say "cannot make $to"; return 0; }
  for file; do
    if [ -L "$file" ] || [ ! -f "$file" ]; then continue; fi
    install -p -m 0640 -g "$group" "$file" "$to" 2>/dev/null || say "cannot copy $file to $to"
  done
}

# What root gives to the program lies in a folder of root's, which the program's group may read: in a folder of the
# program's own, root would follow whatever link it finds there.
shared=/run/mdproxy4cs-root

# Makes that folder, and says in $group who may read it: the user that systemd runs the program as, for as long as it runs.
ensure_shared() {
  group=$(stat -c %g /run/mdproxy4cs/. 2>/dev/null) || group=0
  [ -d "$shared" ] || mkdir -m 0750 "$shared" || return 1
  chown "0:$group" "$shared"
}

# Copies what is on a config drive to where the program may read it, and lets the drive go: CloudStack replaces it. Where
# there is none, or it is of no use, there is no copy either.
copy_config_drive() {
  ensure_shared || return 1
  copy=$shared/config-drive
  rm -rf "$copy" "$copy.new"
  device=$(find_config_drive)
  if [ -z "$device" ]; then return; fi
  mkdir -p "$copy.new" "$shared/drive"
  # In a mount namespace of its own, which takes the mount with it however this ends.
  if unshare --mount --propagation private "$0" copy-from "$device" "$copy.new"; then
    mv -T "$copy.new" "$copy"
  else
    rm -rf "$copy.new"
  fi
}

# Names the device that bears the label of a config drive.
find_config_drive() {
  if [ -e /run/udev/control ]; then
    # A CD drive may have been seen a moment ago, and not what is in it.
    if has_drive_without_label; then udevadm settle --timeout=3 2>/dev/null || :; fi
    for label in config-2 CONFIG-2; do
      if [ -b "/dev/disk/by-label/$label" ]; then readlink -f "/dev/disk/by-label/$label" && return; fi
    done
    return
  fi
  for label in config-2 CONFIG-2; do
    if blkid -c /dev/null -l -o device -t "LABEL=$label" 2>/dev/null; then return; fi
  done
}

has_drive_without_label() {
  [ -e /sys/class/block/sr0 ] && [ ! -e /dev/disk/by-label/config-2 ] && [ ! -e /dev/disk/by-label/CONFIG-2 ]
}

# copy_from DEVICE TARGET: what the program reads of a drive, and no more of it than it would take.
copy_from() {
  drive=$shared/drive target=$2 files=0
  group=$(stat -c %g "$shared")
  if ! error=$(mount -o ro,nosuid,nodev,noexec "$1" "$drive" 2>&1); then
    say "cannot mount the config drive $1: $error"
    return 1
  fi
  if [ ! -d "$drive/cloudstack" ] || [ -L "$drive/cloudstack" ]; then
    say "the config drive $1 holds no folder cloudstack: this network offers no user-data on it"
    return 1
  fi
  cd "$drive/cloudstack"
  for file in metadata/*.txt userdata/user_data.txt password/vm_password.txt; do
    if [ ! -f "$file" ] || [ -L "$file" ] || [ -L "${file%/*}" ]; then continue; fi
    files=$((files + 1))
    if [ "$files" -gt 64 ] || [ "$(stat -c %s "$file")" -gt 1048576 ]; then
      say "the config drive $1 holds more than is taken: at most 64 files of at most 1 MiB"
      return 1
    fi
    if ! error=$(install -D -p -m 0640 -g "$group" "$file" "$target/$file" 2>&1); then
      say "cannot read the config drive $1: $error"
      return 1
    fi
  done
  find "$target" -type d -exec chmod 0750 {} + -exec chgrp "$group" {} +
}

case ${1:-start} in
  start)
    check_variables
    pace
    reserve_port
    copy
    add_address
    ;;
  reload) copy ;;
  copy-leases) copy_leases ;;
  copy-config-drive) copy_config_drive ;;
  copy-from) copy_from "$2" "$3" ;;
esac
