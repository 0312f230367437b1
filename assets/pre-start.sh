#!/bin/sh
# What mdproxy4cs needs and may not do itself. The unit runs this as root, so that the program has no right to change the
# network, and none to read what only root may.
#
# Whatever fails here but the listen address costs a convenience and is said; the VM's metadata are worth more.
set -eu

listen=${MDPROXY4CS_HTTP_LISTEN:-169.254.169.254:39724}
address=${listen%:*}
port=${listen##*:}

say() { echo "mdproxy4cs: $*" >&2; }

# Slows down what fails at every start: the unit tries again at once, so that nobody takes the port of a program that was
# killed. The moments of the last starts are kept where nobody but root may write.
pace() {
  starts=/run/mdproxy4cs.starts first=- second=- third=- fourth=- fifth=-
  read -r now _ < /proc/uptime
  now=${now%.*}
  if [ -r "$starts" ]; then read -r first second third fourth fifth < "$starts" || :; fi
  echo "$second $third $fourth $fifth $now" 2>/dev/null > "$starts" || :
  if [ "$first" = - ] || [ "$((now - first))" -ge 10 ]; then return; fi
  say "this is the sixth start within ten seconds: waiting for two"
  sleep 2
}

# Adds the listen address to the loopback interface, unless it is there.
add_address() {
  case $address in
    169.254.*) ;;
    *) return 0 ;; # loopback, which is always there
  esac
  if has_address; then return; fi
  # Somebody else may be adding it at this moment, which makes this fail and is just as good.
  if error=$(ip address add "$address/32" dev lo 2>&1) || has_address; then return; fi
  say "cannot add $address to lo: $error"
  return 1
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

pace
reserve_port
copy_leases
add_address
